"""Which model answers, and running it: noted for the log, timed and counted for the metrics."""

from collections.abc import Sequence

from service.api.http import metrics, tracing
from service.inference import Inputs
from service.model.bundle import LayerValues, Stage
from service.model.registry import Model, Models
from service.timing import phase


def choose(models: Models, name: str | None, version: int | None) -> Model:
    """The model that a request asks for, noted for its line in the log.

    Raises:
        UnknownModel: it is not loaded.
    """
    model = models.get(name, version)
    tracing.note(model=f"{model.bundle.name}/{model.bundle.version}")
    return model


def run(model: Model, sent: Inputs, wanted: Sequence[tuple[str, Stage]]) -> LayerValues:
    """The values of the wanted layers for every image; counts the answers among them."""
    with phase("infer"):
        values = model.engine.run(sent.pixels, wanted)
    probabilities = values.get((model.bundle.layers[-1].name, "post"))
    if probabilities is not None:
        metrics.count_answers(model, probabilities, sent.pixels)
    return values
