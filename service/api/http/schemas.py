"""Generate the JSON schemas of the OpenAPI document from the types of bodies and queries."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

NUMBER = {"type": "number"}
BINARY = {"type": "string", "format": "binary"}


def array_schema(*axes: int) -> dict[str, Any]:
    """Return the schema of nested lists of numbers.

    Args:
        axes: number of axes; several where the array has one of several numbers of axes.
    """
    schemas = []
    for count in axes:
        schema: dict[str, Any] = NUMBER
        for _ in range(count):
            schema = {"type": "array", "items": schema}
        schemas.append(schema)
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


class Schemas:
    """The schema of every type that a body can have.

    Args:
        types: the types; None stands for bytes. msgspec gives types of one name different names.
    """

    def __init__(self, types: Iterable[Any]) -> None:
        unique = list(dict.fromkeys(kind for kind in types if kind is not None))
        schemas, components = msgspec.json.schema_components(
            unique, schema_hook=_array, ref_template="#/components/schemas/{name}"
        )
        _describe_attributes(components, msgspec.inspect.multi_type_info(unique))
        self.components: dict[str, Any] = for_generators(components)
        self._schemas = dict(zip(unique, for_generators(list(schemas)), strict=True))

    def media(self, kind: Any) -> dict[str, Any]:
        """Return the media type object of a body of that type; None stands for bytes."""
        return {"schema": BINARY if kind is None else self._schemas[kind]}


def for_generators(schema: Any) -> Any:
    """Rewrite a schema without the keywords that code generators do not support.

    Tuples, whose elements have one schema, become lists of fixed length; enumerations and constants
    get a type; an array of which only the type is known gets items of any type.
    """
    if isinstance(schema, list):
        return [for_generators(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: for_generators(value) for key, value in schema.items()}
    if "prefixItems" in schema:
        first, *others = schema.pop("prefixItems")
        if any(other != first for other in others):
            raise TypeError(f"A tuple must have elements of one type, got {[first, *others]}.")
        schema["items"] = first
    if isinstance(schema.get("enum"), list) and all(isinstance(v, str) for v in schema["enum"]):
        schema["type"] = "string"
    if schema.get("type") == "array" and "anyOf" in schema:
        del schema["type"]  # each alternative has it
    if schema.get("type") in ("array", ["array", "object"]):
        schema.setdefault("items", {})
    return schema


def parameters(query: type[msgspec.Struct]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a query."""
    schema = msgspec.json.schema_components([query])[1][query.__name__]
    for name, field in schema["properties"].items():
        # an optional parameter is left out; it is never null
        options = [option for option in field.get("anyOf", [field]) if option != {"type": "null"}]
        about = field.get("description") or options[0]["description"]
        kind = options[0] if len(options) == 1 else {"anyOf": options}
        kind = {key: value for key, value in kind.items() if key != "description"}
        if field.get("default") is not None:
            kind["default"] = field["default"]
        yield {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "description": about,
            "schema": for_generators(kind),
        }


def first_line(documented: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _array(kind: Any) -> dict[str, Any]:
    """Return the schema of NumPy arrays, which msgspec does not know; annotations add the items."""
    if kind is np.ndarray:
        return {"type": "array"}
    raise NotImplementedError


def _describe_attributes(components: Mapping[str, dict[str, Any]], types: Iterable[Any]) -> None:
    """Move the attributes' descriptions from the classes' docstrings to the attributes' schemas.

    Args:
        components: schemas by name, changed in place; msgspec puts each whole docstring into the
            description.
        types: msgspec's information on the classes of these schemas.
    """
    classes = {
        (kind.__name__, (kind.__doc__ or "").strip()): kind for kind in _classes(list(types))
    }
    for schema in components.values():
        kind = classes[schema["title"], schema["description"]]
        schema["description"] = _prose(kind)
        descriptions: dict[str, str] = {}
        for base in reversed(kind.__mro__):
            descriptions |= _attributes(base)
        for name, field in schema["properties"].items():
            if name in descriptions:
                field.setdefault("description", descriptions[name])


def _classes(info: Any) -> Iterator[type]:
    """Yield every class in msgspec's information on types, at any depth."""
    if isinstance(info, (list, tuple)):
        for each in info:
            yield from _classes(each)
    elif isinstance(info, msgspec.Struct):
        if isinstance(cls := getattr(info, "cls", None), type) and cls.__doc__:
            yield cls
        for name in info.__struct_fields__:
            yield from _classes(getattr(info, name))


def _prose(kind: type) -> str:
    """Return a class's docstring without its attributes, with JSON's words."""
    return _in_json(inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[0])


def _attributes(kind: type) -> dict[str, str]:
    """Return the descriptions of a class's attributes; `row, column: …` describes both."""
    block = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:\n")[2]
    entries = re.findall(r"^    (\w[\w, ]*): (.+(?:\n {5,}.+)*)", block, re.MULTILINE)
    return {
        name: _in_json(" ".join(text.split()))
        for names, text in entries
        for name in names.split(", ")
    }


def _in_json(text: str) -> str:
    return re.sub(r"\bNone\b", "null", text[:1].upper() + text[1:])
