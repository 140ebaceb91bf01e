"""What says whose a Pod is: labels, annotations and owner. A Pod is made with it, and gets it back where somebody took it."""

import json
from collections.abc import Mapping
from typing import Any

from brood.api import labels
from brood.api.container import MAIN_CONTAINER
from brood.api.owners import owner
from brood.views import PodRequest, PodView


def identity(pod: PodRequest | PodView, *, owner_uid: str | None, nonce: str, captures: bool) -> dict[str, Any]:
    """Return that part of a Pod's metadata.

    Parameters
    ----------
    nonce
        What marks the results of its runner; "" for a container without a script.
    captures
        Whether the log of such a container is an output.
    """
    found = labels.made_for(root=pod.root, run=pod.run, task=pod.task, index=pod.index, attempt=pod.attempt)
    if pod.handler:
        found[labels.HANDLER] = "true"
    if pod.lock:
        found[labels.LOCK] = pod.lock
    notes: dict[str, str] = {}
    if nonce:
        notes[labels.NONCE] = nonce
    if captures:
        notes[labels.CAPTURE] = "log"
    if pod.pools:
        notes[labels.POOLS] = json.dumps(list(pod.pools))
    return {"labels": found, "annotations": notes, "ownerReferences": owner(pod.run, owner_uid)}


NONCE_VARIABLE = "BROOD__NONCE"
"""Where the runner finds its nonce."""


def nonce_of(pod: Mapping[str, Any]) -> str:
    """Return the nonce of a Pod, which its runner has too where somebody took the annotation; "" where it has no runner."""
    noted = (pod["metadata"].get("annotations") or {}).get(labels.NONCE)
    if noted:
        return str(noted)
    containers = (pod.get("spec") or {}).get("containers") or ()
    env = (var for one in containers if one.get("name") == MAIN_CONTAINER for var in one.get("env") or ())
    return next((str(var.get("value") or "") for var in env if var.get("name") == NONCE_VARIABLE), "")
