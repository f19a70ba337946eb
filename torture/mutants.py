"""Mutants: copies of a module with one small change that a test should notice.

Not changed are annotations, decorators, docstrings, and the texts of errors and log lines.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SEED = 18
_SWAPPED: tuple[tuple[type[ast.AST], type[ast.AST]], ...] = (
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)),
    *((ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div)),
    *((ast.LShift, ast.RShift), (ast.BitAnd, ast.BitOr)),
)
_OPERATORS = {
    **dict(_SWAPPED),
    **{new: old for old, new in _SWAPPED},
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitXor: ast.BitAnd,
}
_NEGATED = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)  # by _OPERATORS already
_LOG = ("debug", "info", "warning", "error", "exception", "critical")
_DECLARATIONS = ("annotation", "returns", "decorator_list")  # fields of a node


@dataclass(frozen=True)
class Mutant:
    """A change.

    Attributes:
        path: the module, relative to the checkout.
        lines: first and last line of what is changed, for the choice of tests.
        key: identifies the change, whatever else changes in its module.
        before: the module's source without comments, as `ast` writes it.
        after: the same with the change.
    """

    path: str
    lines: tuple[int, int]
    key: str
    before: str
    after: str


@dataclass(frozen=True)
class _Change:
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST
    lines: tuple[int, int]

    def source(self, module: ast.Module) -> str:
        """Return the source of the changed module."""
        old = getattr(self.parent, self.field)
        new = self.new
        if self.index is not None:
            new = [*old[: self.index], self.new, *old[self.index + 1 :]]  # type: ignore[assignment]
        setattr(self.parent, self.field, new)
        try:
            return ast.unparse(ast.fix_missing_locations(module))
        finally:
            setattr(self.parent, self.field, old)


def choose(root: Path, folders: Sequence[str], count: int) -> list[Mutant]:
    """Choose mutants of folders or modules at random: those with the smallest keys.

    A key is a hash of the change and a seed, so that the mutants of a module stay the same while
    others change.
    """
    changes: list[tuple[str, str, ast.Module, _Change]] = []
    for path in sorted(path for folder in folders for path in _modules(root / folder)):
        module, name = ast.parse(path.read_text()), str(path.relative_to(root))
        seen: Counter[str] = Counter()
        for change in _changes(module):
            text = f"{name} {ast.unparse(change.parent)} {ast.unparse(change.new)}"
            seen[text] += 1
            key = hashlib.sha256(f"{_SEED} {text} {seen[text]}".encode()).hexdigest()
            changes.append((key, name, module, change))
    return [
        Mutant(name, change.lines, key, ast.unparse(module), change.source(module))
        for key, name, module, change in sorted(changes, key=lambda each: each[0])[:count]
    ]


def _modules(path: Path) -> Iterator[Path]:
    return path.rglob("*.py") if path.is_dir() else iter([path])


def _changes(node: ast.AST, lines: tuple[int, int] = (0, 0)) -> Iterator[_Change]:
    """Return every change of what is below a node, whose lines are given."""
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if field in _DECLARATIONS or not isinstance(child, ast.AST) or _is_text(child):
                continue
            first, last = lines
            if isinstance(child, ast.stmt):
                first = child.lineno
            if isinstance(child, ast.stmt | ast.expr):
                first, last = min(first, child.lineno), child.end_lineno or child.lineno
            for new in (*_replacements(child), *_negations(field, child)):
                place = index if isinstance(value, list) else None
                yield _Change(node, field, place, new, (first, last))
            if not isinstance(child, ast.Raise):
                yield from _changes(child, (first, last))


def _is_text(node: ast.AST) -> bool:
    """Return whether a node is a docstring, a formatted text, a log line or a declaration."""
    match node:
        case ast.Expr(ast.Constant()) | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(ast.Call(ast.Attribute(attr=name))):
            return name in _LOG
        case ast.Subscript(ast.Name("Literal" | "Callable" | "Annotated")):
            return True
        case ast.Call(ast.Name("TypeVar")) | ast.Assign([ast.Name("__all__")]):
            return True
    return False


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Return what may stand in a node's place."""
    match node:
        case ast.operator() | ast.cmpop() | ast.boolop() if type(node) in _OPERATORS:
            yield _OPERATORS[type(node)]()
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(str() as value) if " " not in value:
            yield ast.Constant(f"{value}_")
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Continue():
            yield ast.Pass()
        case ast.Break() | ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _negations(field: str, node: ast.AST) -> Iterator[ast.AST]:
    """Return a condition's negation, unless another change is the same."""
    if field not in ("test", "ifs") or isinstance(node, ast.UnaryOp):
        return
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], _NEGATED):
        return
    if isinstance(node, ast.expr):
        yield ast.UnaryOp(ast.Not(), node)
