"""Name Keras layers after the modules that a graph's nodes come from.

torch.onnx.export names weights by their module (`layer1.0.conv1.weight`) and nodes by the modules
that they are in (`/layer1/layer1.0/relu/Relu`).
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from training.onnx_import.reading import CONSTANT, GraphNode

MAX_LENGTH = 80
_WEIGHT = ".weight"


def layer_names(nodes: Sequence[GraphNode]) -> list[str]:
    """Return a name for each node, not yet unique.

    A node is named after its weights' module, or after its own module. Its operator is added where
    the module has other parts: `layer1.0.add`.
    """
    scopes = [_scope(node) for node in nodes]
    operators: dict[str, set[str]] = defaultdict(set)
    parents = set()
    for node, (scope, _) in zip(nodes, scopes, strict=True):
        if node.operator != CONSTANT:
            operators[scope].add(node.operator)
        parts = scope.split(".")
        parents |= {".".join(parts[:end]) for end in range(len(parts))}
    names = []
    for node, (scope, own) in zip(nodes, scopes, strict=True):
        is_module = scope not in parents and len(operators[scope]) == 1
        names.append(_weights_module(node) or (scope if is_module else f"{scope}.{own}"))
    return names


class UniqueNames:
    """Hands out names that Keras and TensorFlow accept, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, wanted: str) -> str:
        """Return the wanted name, changed where it has other characters or is taken."""
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", wanted[-MAX_LENGTH:]).lstrip("_.-") or "layer"
        name, number = plain, 0
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        return name


def _scope(node: GraphNode) -> tuple[str, str]:
    """Return the path of a node's module, and the node's own name within it."""
    *modules, own = [part for part in node.path.split("/") if part] or [node.operator]
    parts: list[str] = []
    for module in modules:
        if parts and module.startswith(f"{parts[-1]}."):  # torch repeats the path in a container
            parts.pop()
        parts.append(module)
    return ".".join(parts), own.lower()


def _weights_module(node: GraphNode) -> str | None:
    """Return the path of the module whose weights a node has, where they are named after one."""
    for name in node.inputs[1:2]:
        if name.endswith(_WEIGHT) and ":" not in name:
            return name.removesuffix(_WEIGHT)
    return None
