"""What says whose a Pod is: labels, annotations and owner. A Pod is made with it, and gets it back where somebody took it."""

import json
from collections.abc import Mapping
from typing import Any

from brood.api import labels
from brood.api.base import API_VERSION
from brood.api.container import MAIN_CONTAINER
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
    found: dict[str, str] = {
        labels.MANAGED_BY: labels.MANAGED_BY_BROOD,
        labels.ROOT_RUN: pod.root,
        labels.RUN: pod.run,
        labels.TASK: pod.task,
        labels.ATTEMPT: str(pod.attempt),
    }
    if pod.index is not None:
        found[labels.INDEX] = str(pod.index)
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
    owner = {"apiVersion": API_VERSION, "kind": "JobRun", "name": pod.run, "uid": owner_uid}
    return {
        "labels": found,
        "annotations": notes,
        "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
    }


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
