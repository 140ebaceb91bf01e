"""JSON merge patch (RFC 7386) on values that are never changed in place."""

from collections.abc import Mapping
from typing import Any


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` with ``patch`` applied.

    Neither argument is changed. What the patch does not touch is shared with ``target``, not copied, so that a write
    costs what it changes and ten versions of an object cost little more than one. Where nothing changes, ``target``
    itself is returned.
    """
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, Any] = target if isinstance(target, dict) else {}
    copied = not isinstance(target, dict)
    for key, value in patch.items():
        if value is None:
            if key not in result:
                continue
            if not copied:
                result, copied = dict(result), True
            del result[key]
            continue
        before = result.get(key)
        after = merge_patch(before, value)
        if after is before and key in result:
            continue
        if not copied:
            result, copied = dict(result), True
        result[key] = after
    return result
