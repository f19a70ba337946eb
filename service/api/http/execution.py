"""Choose and run a model; log, time and count it."""

from collections.abc import Sequence

from service.api.http import metrics, tracing
from service.model.layer import LayerValues, Pair
from service.model.registry import Model, Models
from service.preparation import Inputs
from service.timing import phase


def choose(models: Models, name: str | None, version: int | None) -> Model:
    """Return the requested model, and add it to the access log.

    Raises:
        UnknownModel: there is no such model or version.
        ModelUnavailable: it cannot be loaded.
    """
    model = models.get(name, version)
    tracing.note(model=f"{model.bundle.name}/{model.bundle.version}")
    return model


def run(model: Model, batch: Inputs, outputs: Sequence[Pair]) -> LayerValues:
    """Return the values of the given layers for every image; count the predictions.

    Those of segments are counted once they are chosen, because most candidates are not.
    """
    with phase("infer"):
        values = model.engine.run(batch.pixels, outputs)
    probabilities = values.get(model.bundle.probabilities)
    if probabilities is not None and not batch.segments:
        metrics.count_predictions(model, probabilities, batch.pixels)
    return values
