"""Choose and run a model; log, time and count it."""

import logging
from collections.abc import Sequence

from service.api.http import metrics, tracing
from service.errors import BundleError, ModelUnavailable
from service.inputs import Inputs
from service.model.layer import LayerValues, Pair
from service.model.registry import Model, Models
from service.timing import phase

log = logging.getLogger(__name__)


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

    Raises:
        ModelUnavailable: the graph with these values, which is checked at its first use, is broken.
    """
    try:
        with phase("infer"):
            values = model.engine.run(batch.pixels, outputs)
    except BundleError as error:
        log.error("The values of a model are not available: %s", error)
        raise ModelUnavailable(
            f"Model {model.bundle.name!r} predicts, but the graph with the values of its layers is "
            "broken; the service's log has the reason. Export the model again."
        ) from error
    probabilities = values.get(model.bundle.probabilities)
    if probabilities is not None and not batch.segments:
        metrics.count_predictions(model, probabilities, batch.pixels)
    return values
