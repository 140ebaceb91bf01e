"""The JSON merge patch (RFC 7386) between two states of a status."""

from collections.abc import Mapping

from pydantic import JsonValue


def difference(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the patch that makes ``after`` of ``before``; empty if they are equal.

    What is gone becomes an explicit null; lists are replaced whole, as merge patch has it.
    """
    patch: dict[str, JsonValue] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = difference(old, value)
            if inner:
                patch[key] = inner
        elif key not in before or old != value or type(old) is not type(value):
            patch[key] = value
    return patch
