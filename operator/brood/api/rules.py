"""How a rule that spans several fields reports its violation: with a path below the object that it is checked on."""

from typing import Any, Final

from pydantic_core import PydanticCustomError

RULE_ERROR: Final = "brood_rule"

BY_NAME: Final[dict[str, Any]] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
"""A list whose elements are told apart, and merged by server-side apply, by their name."""


def violation(path: str, message: str) -> PydanticCustomError:
    """Return an error for a validator to raise.

    Parameters
    ----------
    path
        Where, relative to the model whose validator raises it, in the wire spelling (``dependsOn[1]``); may be empty.
    message
        What is wrong, naming the task and what is allowed.
    """
    # The message goes through the context, because pydantic would read braces in it as placeholders.
    return PydanticCustomError(RULE_ERROR, "{message}", {"path": path, "message": message})


def validations(*rules: tuple[str, str] | tuple[str, str, str]) -> dict[str, Any]:
    """Return the ``x-kubernetes-validations`` of a schema from (rule, message) or (rule, message, fieldPath)."""
    entries = []
    for rule, message, *field_path in rules:
        entry = {"rule": rule, "message": message}
        if field_path:
            entry["fieldPath"] = field_path[0]
        entries.append(entry)
    return {"x-kubernetes-validations": entries}
