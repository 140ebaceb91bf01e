"""When a deleted object goes: finalizers and, for Pods, the processes hold it."""

from datetime import datetime, timedelta

from brood.api.base import format_time
from brood.cluster.port import Kind, Manifest

DEFAULT_GRACE_SECONDS = 30


def marked(kind: Kind, old: Manifest, *, now: datetime, grace_seconds: int | None) -> Manifest:
    """Return the object as a delete leaves it: with ``deletionTimestamp``, for a Pod with the seconds it still has.

    Another delete may shorten that time, never lengthen it. A Pod that no node has taken, or that has ended, needs
    none.
    """
    meta = old["metadata"]
    grace = _grace(old, grace_seconds) if kind is Kind.POD else 0
    if "deletionTimestamp" in meta:
        if kind is not Kind.POD or grace >= meta.get("deletionGracePeriodSeconds", 0):
            return old
        generation = meta["generation"]
    else:
        generation = meta["generation"] + 1
    return {
        **old,
        "metadata": {
            **meta,
            "generation": generation,
            "deletionTimestamp": format_time(now + timedelta(seconds=grace)),
            "deletionGracePeriodSeconds": grace,
        },
    }


def _grace(pod: Manifest, wanted: int | None) -> int:
    spec = pod.get("spec") or {}
    if not spec.get("nodeName") or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if wanted is None:
        return int(spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))
    return max(0, wanted)


def removable(manifest: Manifest) -> bool:
    """Whether nothing holds a deleted object any longer."""
    meta = manifest["metadata"]
    return "deletionTimestamp" in meta and not meta.get("finalizers") and not meta.get("deletionGracePeriodSeconds")
