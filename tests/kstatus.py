"""What kstatus says of an object of a kind that it does not know: the rules of its documentation, as an oracle.

https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md; Flux, kpt and `kubectl` plugins go by it.
"""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def kstatus(found: Object) -> str:
    """Return Terminating, InProgress, Failed or Current; of several conditions the first in the list counts."""
    metadata, status = found["metadata"], found.get("status", {})
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", metadata.get("generation")) != metadata.get("generation"):
        return "InProgress"
    for one in status.get("conditions", []):
        if one["status"] == "True" and one["type"] in ("Reconciling", "Stalled"):
            return "InProgress" if one["type"] == "Reconciling" else "Failed"
    return "Current"
