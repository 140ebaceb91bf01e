"""A JobDefinition's status, its schedule, and its stored revisions.

The status says whether it can be run, which revision it is, and how many runs of it are active.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial

from brood.api.conditions import remove_condition, set_condition
from brood.api.reasons import ConditionType, DefinitionReason
from brood.api.status import JobDefinitionStatus, status_to_json
from brood.cluster.port import Conflict, Kind, NotFound, TooManyRequests, Unavailable
from brood.controller.creation import retry_after
from brood.controller.keys import Key
from brood.controller.mergepatch import difference
from brood.controller.pace import Pace
from brood.controller.parts import Parts
from brood.controller.podcheck import PodCheck, PodsVerdict
from brood.controller.revisions import PINNED_SECONDS
from brood.controller.schedules import Schedules
from brood.controller.stalled import mark_stalled
from brood.engine.retention import unneeded_revisions
from brood.engine.snapshot import DefinitionProblem
from brood.views import DefinitionView, Malformed


class Definitions:
    """Passes over definitions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cache = parts.cache
        self._writer = parts.writer
        self._now = parts.now
        self._schedules = Schedules(parts)
        self._pods = PodCheck(parts)
        self._pace = Pace(parts.config.definition_interval)

    async def process(self, key: Key) -> None:
        """Write the status of the definition that has the key's name now, if it differs; collect its revisions.

        Raises
        ------
        RetryLater
            Where the server could not do its part now.
        """
        found = self._cache.catalog.get(key.namespace, key.name)
        try:
            if isinstance(found, Malformed):
                await self._refuse(found)
            elif found is None:
                self._pace.forget(key)
            elif not found.meta.deleting:
                await self._write(key, found)
            await self._collect(key, found)
        except (Conflict, NotFound):
            return  # its newer version rings
        except (TooManyRequests, Unavailable) as error:
            raise retry_after(error) from error

    async def _refuse(self, found: Malformed) -> None:
        await mark_stalled(
            Kind.JOB_DEFINITION,
            found.meta,
            port=self._parts.port,
            writer=self._writer,
            reason=DefinitionReason.INVALID_SPEC,
            message=found.error,
            now=self._now(),
        )

    async def _write(self, key: Key, view: DefinitionView) -> None:
        problem = self._parts.revisions.problem(view)
        pods = await self._pods.verdict(key, view, problem)
        problem = problem or pods.problem
        active = self._cache.active_runs(key.namespace, key.name)
        status = status_of(view, problem=problem, pods=pods, active=active, now=self._now())
        if problem is None:
            scheduled = await self._schedules.advance(key, view)
            status = replace(
                status,
                last_schedule_time=scheduled.last_tick,
                next_schedule_time=scheduled.next_tick,
                last_run_revision=scheduled.last_revision,
            )
        patch = difference(status_to_json(view.status), status_to_json(status))
        wait = self._pace.wait(key) if patch.keys() == {"activeRuns"} else 0.0
        if not patch:
            return
        if wait > 0:
            self._parts.wake_after(key, wait)
            return
        metadata = {"uid": view.meta.uid, "resourceVersion": view.meta.resource_version}
        about = (key.namespace, key.name)
        await self._writer.patch(
            Kind.JOB_DEFINITION, about, {"metadata": metadata, "status": patch}, subresource="status"
        )
        self._pace.wrote(key)

    async def _collect(self, key: Key, found: DefinitionView | Malformed | None) -> None:
        """Delete the stored revisions that nobody needs."""
        if any(namespace == key.namespace for namespace, _ in self._cache.malformed):
            return  # what such a run names cannot be told
        unneeded = unneeded_revisions(
            self._cache.revisions.of(key.namespace, key.name),
            named=self._cache.revisions.named(key.namespace),
            current=found.revision if isinstance(found, DefinitionView) else None,
            kept=0 if found is None else self._parts.config.revision_history,
        )
        for revision in unneeded:
            if not await self._parts.revisions.collect(revision, self._writer):
                self._parts.wake_after(key, PINNED_SECONDS)


def status_of(
    view: DefinitionView, *, problem: DefinitionProblem | None, pods: PodsVerdict, active: int, now: datetime
) -> JobDefinitionStatus:
    """Return the status that a definition should have.

    Contract §1.1: "``Ready=False``, ``Stalled=True``, ``InvalidSpec``, field path in the message"; ``Stalled`` and
    ``Reconciling`` exist only while they are true, as kstatus wants.
    """
    generation = view.meta.generation
    conditions = remove_condition(view.status.conditions, ConditionType.RECONCILING)
    set_ = partial(set_condition, now=now, generation=generation)
    if problem is None:
        conditions = remove_condition(conditions, ConditionType.STALLED)
        conditions = set_(
            conditions, ConditionType.READY, status="True", reason=DefinitionReason.VALID, message="can be run"
        )
    else:
        reason, message = DefinitionReason.INVALID_SPEC, problem.message
        conditions = set_(conditions, ConditionType.STALLED, status="True", reason=reason, message=message)
        conditions = set_(conditions, ConditionType.READY, status="False", reason=reason, message=message)
    conditions = set_(
        conditions, ConditionType.PODS_VALIDATED, status=pods.status, reason=pods.reason, message=pods.message
    )
    return replace(
        view.status,
        observed_generation=generation,
        conditions=conditions,
        revision=view.revision,
        active_runs=active,
    )
