"""Finding what somebody took labels, annotations or the owner from while nobody watched, and giving it back.

No list or watch shows such a Pod, so that it would be taken for deleted and made a second time beside the one that runs. Its name
says what it is, so it is asked for by that before it is given up: a request for each Pod that is lost, and none for any other.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from brood.api import labels
from brood.api.names import pod_name
from brood.api.owners import owner
from brood.cluster.port import Conflict, Kind, Manifest, NotFound
from brood.controller import objects
from brood.controller.parts import Parts
from brood.controller.patience import Patience
from brood.engine.graph import Graph, Node
from brood.pods.identity import identity, nonce_of
from brood.templating import is_template
from brood.views import PodView, RunView

UNKNOWN_NONCE = "?"
"""Stands for that of a Pod which has yet to be read."""


def controller_uid(manifest: Mapping[str, Any]) -> str | None:
    """Return the uid of the owner that controls an object."""
    for one in manifest["metadata"].get("ownerReferences") or ():
        if one.get("controller"):
            return str(one["uid"])
    return None


def is_ours(found: Manifest, wanted: Mapping[str, Any]) -> bool:
    """Whether a Pod or child run that has the name of one of ours is it: of our run, or without an owner but with our mark."""
    owner = controller_uid(found)
    if owner is not None:
        return owner == controller_uid(wanted)
    parent = (found.get("spec") or {}).get("parentRef") or {}
    ours = labels.RESULT_FINALIZER in (found["metadata"].get("finalizers") or ())
    return ours or parent.get("uid") == controller_uid(wanted)


def lacking(found: Manifest, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata that an object of ours lacks, as a merge patch; empty where it lacks nothing.

    ``wanted`` is one as brood makes it; the nonce is the one that the Pod was made with.
    """
    has, wants = found["metadata"], wanted["metadata"]
    notes = dict(wants.get("annotations") or {})
    if labels.NONCE in notes:
        notes[labels.NONCE] = nonce_of(found)
    told: dict[str, Any] = {}
    has_labels, has_notes = has.get("labels") or {}, has.get("annotations") or {}
    if lost := {key: value for key, value in wants["labels"].items() if has_labels.get(key) != value}:
        told["labels"] = lost
    if lost := {key: value for key, value in notes.items() if key not in has_notes}:
        told["annotations"] = lost
    if controller_uid(found) is None:
        told["ownerReferences"] = [*(has.get("ownerReferences") or ()), *wants["ownerReferences"]]
    return {"metadata": {"uid": has["uid"], **told}} if told else {}


class Mender:
    """Looks for what a run has lost sight of."""

    def __init__(self, parts: Parts) -> None:
        self._port = parts.port
        self._cache = parts.cache
        self._revisions = parts.revisions
        self._writer = parts.writer
        self._patience = Patience()

    async def find_pods(self, run: RunView) -> None:
        """Ask for the Pods that the run counts on and no watch shows; one that is gone indeed counts as lost."""
        pods = self._cache.pods.of(run.meta.uid)
        for name, missed in [*pods.missed.items()]:
            if not await self._mend(run, missed.pod) and name in pods.missed:
                pods.lose(name)
        for pod in [*pods.unread.values()]:
            if pod.meta.finalizers and not pod.nonce and not pod.captures:
                await self._annotate(run, pod)
        for rows, known, handler in (
            (run.status.tasks, pods.by_task, False),
            (run.status.handlers, pods.by_handler, True),
        ):
            for row in rows:
                if row.pod_name is None or row.phase.ended:
                    continue
                if all(one.pod.attempt != row.attempt for one in known.get(row.name, ())):
                    await self._mend(run, self._unseen(run, row.name, handler=handler, attempt=row.attempt))

    async def mend_child(self, run: RunView) -> None:
        """Give a child run its labels and its owner back."""
        parent, root = self._cache.family.parent(run), self._cache.family.root(run)
        if parent is None or root is None or parent.meta.deleting or (run.root != run.meta.name and run.meta.owner_uid):
            return
        if self._patience.wait(run.meta.uid):
            return
        about = (run.meta.namespace, run.meta.name)
        found = await self._port.get(Kind.JOB_RUN, *about)
        whose = owner(parent.meta.name, parent.meta.uid)
        wanted = {"labels": objects.labels_of(run, parent.meta.name, root.meta.name), "ownerReferences": whose}
        if found["metadata"]["uid"] == run.meta.uid and (patch := lacking(found, {"metadata": wanted})):
            await self._writer.patch(Kind.JOB_RUN, about, patch)

    async def _annotate(self, run: RunView, pod: PodView) -> None:
        node = self._node(run, pod.task, handler=pod.handler)
        if node is not None and (node.task.script is not None or node.task.output is not None):
            await self._mend(run, pod)

    async def _mend(self, run: RunView, pod: PodView) -> bool:
        """Give a Pod what it lacks; False if it is gone."""
        node = self._node(run, pod.task, handler=pod.handler)
        if node is not None and not any(map(is_template, node.task.pools)):
            pod = replace(pod, pools=pod.pools or tuple(node.task.pools))
        scripted = bool(pod.nonce) or (node is not None and node.task.script is not None)
        captures = pod.captures or (node is not None and not scripted and node.task.output is not None)
        whose = identity(pod, owner_uid=run.meta.uid, nonce=UNKNOWN_NONCE if scripted else "", captures=captures)
        about, wanted = (run.meta.namespace, pod.meta.name), {"metadata": whose}
        try:
            found = await self._port.get(Kind.POD, *about)
            if not is_ours(found, wanted):
                return False
            if patch := lacking(found, wanted):
                await self._writer.patch(Kind.POD, about, patch)
            else:
                self._writer.see(Kind.POD, found)
        except (NotFound, Conflict):
            return False
        return True

    def _unseen(self, run: RunView, task: str, *, handler: bool, attempt: int) -> PodView:
        """Return what is known of a Pod that was never seen."""
        name = pod_name(run.meta.name, run.meta.uid, task=task, handler=handler, attempt=attempt)
        lock = self._cache.admission.lock(self._cache.family.root(run) or run)
        return PodView(
            meta=replace(run.meta, name=name),
            run=run.meta.name,
            root=run.root,
            task=task,
            handler=handler,
            index=run.index,
            attempt=attempt,
            phase="",
            lock=lock.label if lock is not None else "",
        )

    def _node(self, run: RunView, task: str, *, handler: bool) -> Node | None:
        ref, revision = run.spec.definition_ref, run.revision
        if revision is None:
            return None
        graph = self._revisions.graph(run.meta.namespace, revision, local=ref.local, task=ref.task)
        if not isinstance(graph, Graph):
            return None
        return next((one for one in graph.handlers if one.name == task), None) if handler else graph.node(task)
