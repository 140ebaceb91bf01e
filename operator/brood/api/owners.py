"""The ownerReferences of what a JobRun owns."""

from typing import Any

from brood.api.base import API_VERSION


def owner(name: str, uid: str | None) -> list[dict[str, Any]]:
    """Return the ownerReferences of an object that a JobRun controls."""
    return [{**further_owner(name, uid), "controller": True, "blockOwnerDeletion": True}]


def further_owner(name: str, uid: str | None) -> dict[str, Any]:
    """Return the ownerReference of a JobRun that owns an object beside the one that controls it."""
    return {"apiVersion": API_VERSION, "kind": "JobRun", "name": name, "uid": uid}
