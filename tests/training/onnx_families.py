"""Six families of torchvision as ONNX graphs, node by node as torch.onnx.export writes them.

`width` divides all numbers of channels, and `depth` the repetitions of a block, so that small ones
are tested quickly; 1 is the real network.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.training.onnx_models import INPUT, Writer


def resnet18(writer: Writer, width: int, depth: int, classes: int) -> str:
    """Add ResNet-18, with batch normalization fused into the convolutions."""
    channels = 64 // width
    value = writer.conv(INPUT, "conv1", (3, channels), 7, 2)
    value = writer.node("Relu", value, path="relu")
    value = writer.max_pool(value, "maxpool", 3, 1)
    for stage in range(4):
        outputs = (64 << stage) // width
        for block in range(max(2 // depth, 1)):
            path, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            branch = writer.conv(value, f"{path}.conv1", (channels, outputs), 3, stride)
            branch = writer.node("Relu", branch, path=f"{path}.relu")
            branch = writer.conv(branch, f"{path}.conv2", (outputs, outputs), gain=0.5)
            if stride > 1:
                value = writer.conv(
                    value, f"{path}.downsample.0", (channels, outputs), 1, stride, gain=1
                )
            value = writer.node("Add", branch, value, path=path)
            value = writer.node("Relu", value, path=f"{path}.relu_1")
            channels = outputs
    return writer.head(value, "fc", channels, classes)


def mobilenet_v2(writer: Writer, width: int, depth: int, classes: int) -> str:
    """Add MobileNetV2: ReLU6 as Clip, depthwise convolutions, batch normalization of its own."""
    limits = [writer.constant(0.0), writer.constant(6.0)]

    def unit(
        value: str, path: str, channels: tuple[int, int], kernel: int, stride: int, groups: int
    ) -> str:
        value = writer.conv(
            value, f"{path}.0", channels, kernel, stride, groups=groups, is_fused=False
        )
        value = writer.norm(value, f"{path}.1", channels[1])
        return writer.node("Clip", value, *limits, path=f"{path}.2")

    channels = 32 // width
    value = unit(INPUT, "features.0", (3, channels), 3, 2, 1)
    number = 0
    for ratio, outputs, repeats, first in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for repeat in range(max(repeats // depth, 1)):
            number += 1
            stride, narrow, wide = 1 if repeat else first, outputs // width, channels * ratio
            path, branch, part = f"features.{number}.conv", value, 0
            if ratio > 1:
                branch, part = unit(branch, f"{path}.0", (channels, wide), 1, 1, 1), 1
            branch = unit(branch, f"{path}.{part}", (wide, wide), 3, stride, wide)
            branch = writer.conv(
                branch, f"{path}.{part + 1}", (wide, narrow), 1, is_fused=False, gain=1
            )
            branch = writer.norm(branch, f"{path}.{part + 2}", narrow)
            if stride == 1 and channels == narrow:
                branch = writer.node("Add", value, branch, path=f"features.{number}")
            value, channels = branch, narrow
    value = unit(value, "features.18", (channels, 1280 // width), 1, 1, 1)
    return writer.head(value, "classifier.1", 1280 // width, classes)


def efficientnet_b0(writer: Writer, width: int, depth: int, classes: int) -> str:
    """Add EfficientNet-B0: SiLU as Sigmoid and Mul, squeeze and excitation."""

    def silu(value: str, path: str) -> str:
        return writer.node("Mul", value, writer.node("Sigmoid", value, path=path), path=path)

    def squeezed(value: str, path: str, channels: int, inner: int) -> str:
        scale = writer.node("GlobalAveragePool", value, path=f"{path}.avgpool")
        scale = writer.conv(scale, f"{path}.fc1", (channels, inner), 1, is_fused=False)
        scale = silu(scale, f"{path}.activation")
        scale = writer.conv(scale, f"{path}.fc2", (inner, channels), 1, is_fused=False)
        scale = writer.node("Sigmoid", scale, path=f"{path}.scale_activation")
        return writer.node("Mul", scale, value, path=path)

    channels = 32 // width
    value = silu(writer.conv(INPUT, "features.0.0", (3, channels), 3, 2), "features.0.2")
    for stage, (ratio, outputs, repeats, first, kernel) in enumerate(
        (
            *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)),
            *((6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)),
        ),
        1,
    ):
        for repeat in range(max(repeats // depth, 1)):
            path = f"features.{stage}.{repeat}.block"
            stride, narrow, wide = 1 if repeat else first, outputs // width, channels * ratio
            branch, part = value, 0
            if ratio > 1:
                branch = writer.conv(branch, f"{path}.0.0", (channels, wide), 1, gain=1)
                branch, part = silu(branch, f"{path}.0.2"), 1
            branch = writer.conv(
                branch, f"{path}.{part}.0", (wide, wide), kernel, stride, groups=wide
            )
            branch = silu(branch, f"{path}.{part}.2")
            branch = squeezed(branch, f"{path}.{part + 1}", wide, max(channels // 4, 1))
            branch = writer.conv(branch, f"{path}.{part + 2}.0", (wide, narrow), 1, gain=3)
            if stride == 1 and channels == narrow:
                branch = writer.node("Add", branch, value, path=f"features.{stage}.{repeat}")
            value, channels = branch, narrow
    value = silu(writer.conv(value, "features.8.0", (channels, 1280 // width), 1), "features.8.2")
    return writer.head(value, "classifier.1", 1280 // width, classes)


def vgg11(writer: Writer, width: int, depth: int, classes: int) -> str:
    """Add VGG-11 without adaptive pooling, and a narrow classifier after its Flatten."""
    value, channels, position = INPUT, 3, 0
    side = int(writer.input_shape[2])
    for repeats, outputs in ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)):
        for _ in range(max(repeats // depth, 1)):
            path = f"features.{position}"
            value = writer.conv(value, path, (channels, outputs // width), is_fused=False)
            value = writer.node("Relu", value, path=f"features.{position + 1}")
            channels, position = outputs // width, position + 2
        value, side = writer.max_pool(value, f"features.{position}", 2), side // 2
        position += 1
    value = writer.node("Flatten", value, axis=1)
    value = writer.linear(value, "classifier.0", channels * side * side, 256)
    value = writer.node("Relu", value, path="classifier.1")
    return writer.linear(value, "classifier.6", 256, classes)


def densenet121(writer: Writer, width: int, depth: int, classes: int) -> str:
    """Add DenseNet-121; the first Concat of a block has one input, as in torchvision."""
    growth, channels = 32 // width, 64 // width
    value = writer.conv(INPUT, "features.conv0", (3, channels), 7, 2)
    value = writer.node("Relu", value, path="features.relu0")
    value = writer.max_pool(value, "features.pool0", 3, 1)
    for stage, repeats in enumerate((6, 12, 24, 16), 1):
        parts = [value]
        for layer in range(1, max(repeats // depth, 1) + 1):
            path = f"features.denseblock{stage}.denselayer{layer}"
            value = writer.node("Concat", *parts, path=path, axis=1)
            value = writer.norm(value, f"{path}.norm1", channels)
            value = writer.node("Relu", value, path=f"{path}.relu1")
            value = writer.conv(value, f"{path}.conv1", (channels, 4 * growth), 1)
            value = writer.node("Relu", value, path=f"{path}.relu2")
            value = writer.conv(value, f"{path}.conv2", (4 * growth, growth), is_fused=False)
            parts.append(value)
            channels += growth
        value = writer.node("Concat", *parts, path=f"features.denseblock{stage}", axis=1)
        if stage < 4:
            path = f"features.transition{stage}"
            value = writer.norm(value, f"{path}.norm", channels)
            value = writer.node("Relu", value, path=f"{path}.relu")
            value = writer.conv(value, f"{path}.conv", (channels, channels // 2), 1)
            channels //= 2
            value = writer.node(
                "AveragePool",
                value,
                path=f"{path}.pool",
                ceil_mode=0,
                count_include_pad=1,
                kernel_shape=[2, 2],
                pads=[0, 0, 0, 0],
                strides=[2, 2],
            )
    value = writer.norm(value, "features.norm5", channels)
    return writer.head(writer.node("Relu", value), "classifier", channels, classes)


def squeezenet1_0(writer: Writer, width: int, depth: int, classes: int) -> str:
    """Add SqueezeNet 1.0: poolings with ceil_mode, and no fully connected layer."""
    channels = 96 // width
    value = writer.conv(INPUT, "features.0", (3, channels), 7, 2, 0, is_fused=False)
    value = writer.max_pool(writer.node("Relu", value, path="features.1"), "features.2", 3, ceil=1)
    fires: Sequence[tuple[int, int]] = (
        *((3, 16), (4, 16), (5, 32), (7, 32), (8, 48), (9, 48), (10, 64), (12, 64)),
    )
    for position, squeeze in fires[:: depth or 1]:
        path, inner, outer = f"features.{position}", squeeze // width, 4 * squeeze // width
        value = writer.conv(value, f"{path}.squeeze", (channels, inner), 1, is_fused=False)
        value = writer.node("Relu", value, path=f"{path}.squeeze_activation")
        halves = [
            writer.node(
                "Relu",
                writer.conv(value, f"{path}.{name}", (inner, outer), kernel, is_fused=False),
                path=f"{path}.{name}_activation",
            )
            for name, kernel in (("expand1x1", 1), ("expand3x3", 3))
        ]
        value, channels = writer.node("Concat", *halves, path=path, axis=1), 2 * outer
        if position in (5, 10):
            value = writer.max_pool(value, f"features.{position + 1}", 3, ceil=1)
    value = writer.conv(value, "classifier.1", (channels, classes), 1, is_fused=False)
    value = writer.node("Relu", value, path="classifier.2")
    value = writer.node("GlobalAveragePool", value, path="classifier.3")
    return writer.node("Flatten", value, axis=1)


FAMILIES: dict[str, Callable[[Writer, int, int, int], str]] = {
    family.__name__: family
    for family in (resnet18, mobilenet_v2, efficientnet_b0, vgg11, densenet121, squeezenet1_0)
}


def save_family(
    name: str, path: Path, size: int = 224, width: int = 1, depth: int = 1, classes: int = 1000
) -> Path:
    """Write a family's network as a file."""
    writer = Writer((3, size, size))
    return writer.save(FAMILIES[name](writer, width, depth, classes), path)
