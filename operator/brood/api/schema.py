"""From a pydantic model to a structural schema of a CustomResourceDefinition.

A structural schema has a type everywhere, no ``$ref``, no ``null``, and no logic but ``oneOf`` and the like as mere
validation. What pydantic writes is inlined and rewritten by small steps; what only a CRD can say (CEL rules, list
types, int-or-string) stands on the fields and models themselves, as ``json_schema_extra``.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

DEFAULT_MARK: Final = "x-brood-default"
"""Only defaults of fields so marked go into the CRD; see ``jobdefinition.CRD_DEFAULT``."""

_KEPT: Final = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "oneOf",
    "not",
    "required",
)
"""Keywords that a structural schema may have and that brood uses, in the order in which they are written."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model; descriptions are those of its fields."""
    written = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(written, definitions=written.get("$defs", {}), described=False)


def _convert(node: Mapping[str, Any], *, definitions: Mapping[str, Schema], described: bool) -> Schema:
    """Convert one node; ``described`` says that it is a field, whose description is meant for readers."""
    flat = _flatten(node, definitions)
    kept: Schema = {key: flat[key] for key in _KEPT if key in flat}
    if not described:
        kept.pop("description", None)
    if not flat.get(DEFAULT_MARK):
        kept.pop("default", None)
    if kept.get("x-kubernetes-int-or-string") or (
        "type" not in kept and "x-kubernetes-preserve-unknown-fields" in kept
    ):
        kept.pop("type", None)
        return kept
    if "type" not in kept:
        return {"x-kubernetes-preserve-unknown-fields": True, **kept}
    if "x-kubernetes-preserve-unknown-fields" in kept:
        return kept
    match kept["type"]:
        case "object" if "properties" in flat:
            kept["properties"] = {
                name: _convert(child, definitions=definitions, described=True)
                for name, child in flat["properties"].items()
            }
        case "object" if "patternProperties" in flat:
            # A pattern of the keys is for CEL to say; a structural schema knows one schema for all values.
            (values,) = flat["patternProperties"].values()
            kept["additionalProperties"] = _convert(values, definitions=definitions, described=False)
        case "object" if flat.get("additionalProperties", True) is True:
            kept["x-kubernetes-preserve-unknown-fields"] = True
        case "object":
            kept["additionalProperties"] = _convert(
                flat["additionalProperties"], definitions=definitions, described=False
            )
        case "array":
            kept["items"] = _convert(flat["items"], definitions=definitions, described=False)
    return kept


def _flatten(node: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """Replace a reference, and an alternative to null, by what they stand for; the outer node's own keywords win."""
    flat = dict(node)
    while "$ref" in flat or "anyOf" in flat:
        if "$ref" in flat:
            inner = definitions[flat.pop("$ref").rsplit("/", 1)[-1]]
        else:
            choices = [choice for choice in flat.pop("anyOf") if choice.get("type") != "null"]
            if len(choices) != 1:
                # Several types: the field itself says, as json_schema_extra, what a CRD makes of them.
                flat.pop("type", None)
                break
            inner = choices[0]
        flat = {**inner, **flat}
    if "const" in flat:
        flat["type"] = "string"
    return flat
