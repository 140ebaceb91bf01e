"""Carrying a plan out, in the order that `engine.plan.Plan` gives.

A crash after any write leaves a state from which the next plan goes on.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from brood.api import labels
from brood.api.owners import further_owner
from brood.api.status import JobRunStatus, status_to_json
from brood.cluster.port import ApiError, Conflict, Forbidden, Invalid, Kind, NotFound
from brood.controller import objects
from brood.controller.creation import Creator, Wanted, refusal_of
from brood.controller.mergepatch import difference
from brood.controller.parts import Parts
from brood.controller.release import release_all
from brood.engine.plan import ChildShutdown, Plan, PodDeletion
from brood.engine.snapshot import Refusal
from brood.pods.build import BuiltPod, build_pod
from brood.views import DefinitionView, EventRequest, Meta, PodRequest, RunView

_LOG = structlog.get_logger("brood.carry")

NONCE_BYTES = 8


class Carrier:
    """Does what a plan asks for."""

    def __init__(self, parts: Parts) -> None:
        self._port = parts.port
        self._writer = parts.writer
        self._revisions = parts.revisions
        self._creator = Creator(parts.port, parts.writer, in_flight=parts.config.creates_in_flight)
        self._layout = parts.port.layout
        self._defaults = parts.config.pod_defaults
        self._now = parts.now

    async def make(self, plan: Plan) -> list[Refusal]:
        """Create what the plan asks for.

        With refusals the rest of the plan is void: another one has to take them in.
        """
        first: list[Wanted] = [(Kind.CONFIG_MAP, objects.config_map(one)) for one in plan.config_maps]
        if plan.claim is not None:
            first.append((Kind.CLAIM, objects.claim(plan.claim)))
        refused = await self._creator.create(first)
        if refused:
            return refused
        views = {child.definition.revision: child.definition for child in plan.children if child.definition}
        for view in views.values():
            refusal = await self.store(view)
            if refusal is not None:
                asked = (child for child in plan.children if child.definition is view)
                return [replace(refusal, name=child.name) for child in asked]
        built = [self._build(one) for one in plan.pods]
        shared = {one.name: one for pod in built for one in pod.config_maps}
        refused = await self._creator.create([(Kind.CONFIG_MAP, objects.config_map(one)) for one in shared.values()])
        if refused:
            return [*self._blame({one.name: one for one in refused}, built)]
        then: list[Wanted] = [(Kind.POD, one.pod) for one in built]
        then += [(Kind.JOB_RUN, objects.child_run(child)) for child in plan.children]
        return await self._creator.create(then)

    async def store(self, view: DefinitionView) -> Refusal | None:
        """See that a definition's revision is stored, for runs that are about to follow it."""
        try:
            await self._revisions.store(view, self._writer)
        except (Forbidden, Invalid) as error:
            told = refusal_of(view.revision, error)
            return replace(told, message=f"ControllerRevision {view.revision} cannot be stored: {told.message}")
        return None

    def _build(self, request: PodRequest) -> BuiltPod:
        nonce = secrets.token_hex(NONCE_BYTES)
        return build_pod(request, layout=self._layout, nonce=nonce, defaults=self._defaults)

    @staticmethod
    def _blame(refused: Mapping[str, Refusal], built: Sequence[BuiltPod]) -> Iterator[Refusal]:
        """Yield the refusals of Pods' ConfigMaps as those of the Pods, which are what the plan asked for."""
        for pod in built:
            for one in pod.config_maps:
                if one.name in refused:
                    yield replace(refused[one.name], name=pod.pod["metadata"]["name"])

    async def share_claim(self, run: RunView, claim: Meta) -> None:
        """Make a run a further owner of a claim, so that this lives as long as one of them."""
        about = (claim.namespace, claim.name)
        found = (await self._port.get(Kind.CLAIM, *about))["metadata"]
        owners = found.get("ownerReferences") or []
        if all(one["uid"] != run.meta.uid for one in owners):
            owners = [*owners, further_owner(run.meta.name, run.meta.uid)]
        metadata = {"uid": claim.uid, "resourceVersion": found["resourceVersion"], "ownerReferences": owners}
        await self._writer.patch(Kind.CLAIM, about, {"metadata": metadata})

    async def stop(self, plan: Plan) -> None:
        """Set shutdowns and delete Pods."""
        writes = [self._shut_down(one) for one in plan.shutdowns] + [self._delete(one) for one in plan.deletions]
        if not writes:
            return
        for answer in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer

    async def write_status(self, run: RunView, status: JobRunStatus) -> bool:
        """Write what differs, if the run is still the one that was planned; False if nothing does."""
        patch = difference(status_to_json(run.status), status_to_json(status))
        if not patch:
            return False
        metadata = {"uid": run.meta.uid, "resourceVersion": run.meta.resource_version}
        about = (run.meta.namespace, run.meta.name)
        await self._writer.patch(Kind.JOB_RUN, about, {"metadata": metadata, "status": patch}, subresource="status")
        return True

    async def finish(self, run: RunView, plan: Plan) -> None:
        """Do what comes after the status: release Pods, tell events, delete the run."""
        await release_all(plan.releases, port=self._port, writer=self._writer)
        await self.tell(run, plan.events)
        if plan.delete_claim is not None:
            await self._drop_claim(plan.delete_claim.meta)
        if plan.delete_run:
            try:
                await self._writer.delete(Kind.JOB_RUN, (run.meta.namespace, run.meta.name), uid=run.meta.uid)
            except (NotFound, Conflict):
                return

    async def _drop_claim(self, claim: Meta) -> None:
        """Delete a claim, and before it the ended Pods that mount it: while those exist the server keeps the claim."""
        mounts = await self._port.list(Kind.POD, namespace=claim.namespace, labels=f"{labels.VOLUME}={claim.name}")
        going = [(Kind.POD, one["metadata"]["name"], one["metadata"]["uid"]) for one in mounts.items]
        for kind, name, uid in (*going, (Kind.CLAIM, claim.name, claim.uid)):
            with contextlib.suppress(NotFound, Conflict):  # somebody was faster
                await self._writer.delete(kind, (claim.namespace, name), uid=uid)

    async def tell(self, run: RunView, events: Sequence[EventRequest]) -> None:
        """Send events; one that is lost costs nothing but itself."""
        for one in events:
            manifest = objects.event(one, kind="JobRun", about=run.meta, now=self._now())
            try:
                await self._writer.create(Kind.EVENT, manifest)
            except ApiError as error:
                _LOG.info("event not sent", run=run.meta.name, reason=one.reason, error=error.message)

    async def _shut_down(self, one: ChildShutdown) -> None:
        meta = one.child.meta
        patch = {"metadata": {"uid": meta.uid}, "spec": {"shutdown": one.shutdown}}
        try:
            await self._writer.patch(Kind.JOB_RUN, (meta.namespace, meta.name), patch)
        except (NotFound, Conflict):
            return  # it is gone, or another run has its name now

    async def _delete(self, one: PodDeletion) -> None:
        meta = one.pod.meta
        try:
            await self._writer.delete(
                Kind.POD, (meta.namespace, meta.name), uid=meta.uid, grace_seconds=one.grace_seconds
            )
        except (NotFound, Conflict):
            return
