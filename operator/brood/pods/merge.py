"""Putting the user's Pod template under what brood builds.

"a core/v1 PodTemplateSpec merged under the Pod that brood builds" (contract §1.1): objects merge by key; lists whose
entries have a key of their own, as in Kubernetes' strategic merge, merge by it; of any other list the upper one
stands alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

KEYS: Final[Mapping[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
}
"""Lists of a Pod whose entries merge, with the key of their entries (``patchMergeKey`` in core/v1)."""

REPLACED: Final[Mapping[str, str]] = {"env": "name", "volumes": "name", "volumeMounts": "mountPath"}
"""Lists whose entries replace each other by key, because what is in them excludes each other."""


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return both in one; what is in ``over`` wins. Neither is changed."""
    merged = dict(under)
    for field, value in over.items():
        below = merged.get(field)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[field] = merge(below, value)
        elif isinstance(value, list) and isinstance(below, list) and field in REPLACED:
            merged[field] = merge_list(below, value, key=REPLACED[field], replace=True)
        elif isinstance(value, list) and isinstance(below, list) and field in KEYS:
            merged[field] = merge_list(below, value, key=KEYS[field])
        else:
            merged[field] = value
    return merged


def merge_list(under: Sequence[Any], over: Sequence[Any], *, key: str, replace: bool = False) -> list[Any]:
    """Merge two lists by a key: entries keep the order of ``under``, new ones follow.

    Entries of one key are merged, or with ``replace`` the upper one stands. What is no object with that key is left
    as it is, for the API server to refuse.
    """
    merged = list(under)
    positions = {found: at for at, entry in enumerate(merged) if (found := _key(entry, key)) is not None}
    for entry in over:
        found = _key(entry, key)
        at = None if found is None else positions.get(found)
        if at is None:
            if found is not None:
                positions[found] = len(merged)
            merged.append(entry)
        else:
            merged[at] = entry if replace else merge(merged[at], entry)
    return merged


def _key(entry: object, key: str) -> str | int | None:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return value if isinstance(value, str | int) else None
