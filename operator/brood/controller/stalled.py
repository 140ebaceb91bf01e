"""Telling an object's owner that brood cannot work with it: Stalled, of a definition also Ready=False, and no more."""

from datetime import datetime
from typing import Any

import structlog

from brood.api.base import format_time
from brood.api.reasons import ConditionType
from brood.cluster.port import ApiError, Kind, Port
from brood.controller.writer import Writer
from brood.views import Meta

_LOG = structlog.get_logger("brood.stalled")

LONGEST_MESSAGE = 1024


async def mark_stalled(
    kind: Kind, about: Meta, *, port: Port, writer: Writer, reason: str, message: str, now: datetime
) -> None:
    """Set the condition on the raw object, which may be one that cannot be read; says the same thing only once.

    That it cannot be written is logged and costs nothing else.
    """
    name = (about.namespace, about.name)
    try:
        found = await port.get(kind, *name)
        if found["metadata"]["uid"] != about.uid:
            return
        patch = stalled_patch(found, reason=reason, message=message[:LONGEST_MESSAGE], now=now)
        if patch is not None:
            await writer.patch(kind, name, patch, subresource="status")
    except ApiError as error:
        _LOG.info("cannot set Stalled", kind=str(kind), namespace=name[0], name=name[1], error=error.message)


def stalled_patch(found: dict[str, Any], *, reason: str, message: str, now: datetime) -> dict[str, Any] | None:
    """Return the merge patch that adds the conditions, None where they are there already.

    kstatus reads `Stalled` only of the newest generation, and `Reconciling` before it; who waits for `Ready` must not find
    the one of an earlier generation.
    """
    status = found.get("status")
    listed = status.get("conditions") if isinstance(status, dict) else None
    conditions = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    generation = found["metadata"].get("generation")
    wanted = {str(ConditionType.STALLED): "True"}
    if found.get("kind") == Kind.JOB_DEFINITION:
        wanted[str(ConditionType.READY)] = "False"
    said = [(type_, value, reason, message) for type_, value in wanted.items()]
    seen = isinstance(status, dict) and status.get("observedGeneration") == generation
    there = [tuple(one.get(key) for key in ("type", "status", "reason", "message")) for one in conditions]
    if seen and all(one in there for one in said):
        return None
    about = {
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_time(now),
        "observedGeneration": generation,
    }
    told = [{"type": type_, "status": value, **about} for type_, value in wanted.items()]
    gone = (ConditionType.STALLED, ConditionType.RECONCILING, ConditionType.READY)
    kept = [one for one in conditions if one.get("type") not in gone]
    metadata = {"uid": found["metadata"]["uid"], "resourceVersion": found["metadata"]["resourceVersion"]}
    return {"metadata": metadata, "status": {"conditions": [*kept, *told], "observedGeneration": generation}}
