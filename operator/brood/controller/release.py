"""Letting Pods go: a Pod's finalizer is taken off once its end is recorded, or its run is deleted."""

import asyncio
from collections.abc import Iterable
from typing import Final

from brood.api.labels import RESULT_FINALIZER
from brood.cluster.port import Conflict, Kind, NotFound, Port
from brood.controller.workqueue import RetryLater
from brood.controller.writer import Writer
from brood.views import Malformed, Meta, PodView

TRIES = 3
"""How often a Pod that changes under our hands is read again."""

UNTRACKED: Final[list[dict[str, str]]] = [{}]
"""What has the API server forget who wrote which field: a third of an ended Pod, which nobody applies any more."""


async def release_all(pods: Iterable[PodView | Malformed], *, port: Port, writer: Writer) -> None:
    """Take the finalizer off each Pod that has it."""
    held = [pod.meta for pod in pods if RESULT_FINALIZER in pod.meta.finalizers]
    if not held:
        return
    answers = await asyncio.gather(*(release(one, port=port, writer=writer) for one in held), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer


async def release(pod: Meta, *, port: Port, writer: Writer) -> None:
    """Take the finalizer off a Pod."""
    finalizers, version = list(pod.finalizers), pod.resource_version
    about = (pod.namespace, pod.name)
    for _ in range(TRIES):
        rest = [one for one in finalizers if one != RESULT_FINALIZER]
        if len(rest) == len(finalizers):
            return
        metadata = {
            "uid": pod.uid,
            "resourceVersion": version,
            "finalizers": rest or None,
            "managedFields": UNTRACKED,
        }
        try:
            await writer.patch(Kind.POD, about, {"metadata": metadata})
        except NotFound:
            return
        except Conflict:
            try:
                found = (await port.get(Kind.POD, *about))["metadata"]
            except NotFound:
                return
            if found["uid"] != pod.uid:
                return
            finalizers, version = found.get("finalizers") or [], found["resourceVersion"]
        else:
            return
    raise RetryLater(f"Pod {pod.name} changes too fast to release it")
