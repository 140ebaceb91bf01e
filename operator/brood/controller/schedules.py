"""Carries out what the schedule of a definition wants: make the run of a tick or revision, delete what is beyond `history`."""

from datetime import timedelta

import structlog

from brood.cluster.port import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, Kind, NotFound
from brood.controller import objects
from brood.controller.keys import Key
from brood.controller.parts import Parts
from brood.engine.schedule import SchedulePlan, plan_schedule
from brood.views import DefinitionView

_LOG = structlog.get_logger("brood.schedule")

SHORTEST_WAKE = 0.05
"""Seconds; a tick is looked at just after it, never before."""


class Schedules:
    """The schedules of all definitions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def advance(self, key: Key, view: DefinitionView) -> SchedulePlan:
        """Do what is due, in an order that survives a crash: the run first, then (by the caller) the status that says so.

        A run that cannot be made because of the namespace (quota, termination) leaves the status as it was, so that it is tried again.
        """
        parts = self._parts
        now = parts.now()
        plan = plan_schedule(view, parts.cache.family.roots_of(key.namespace, key.name), now)
        if plan.create is not None:
            try:
                await parts.writer.create(Kind.JOB_RUN, objects.scheduled_run(view, plan.create))
            except AlreadyExists:
                pass  # made before a crash, or by another operator
            except (Forbidden, Invalid) as error:
                _LOG.warning("scheduled run refused", definition=key.name, run=plan.create.name, error=error.message)
        for run in plan.deletes:
            try:
                await parts.writer.delete(Kind.JOB_RUN, (run.meta.namespace, run.meta.name), uid=run.meta.uid)
            except (NotFound, Conflict):  # it is gone, or another has its name now
                continue
        for event in plan.events:
            try:
                await parts.writer.create(
                    Kind.EVENT, objects.event(event, kind="JobDefinition", about=view.meta, now=now)
                )
            except ApiError as error:
                _LOG.info("event not sent", definition=key.name, reason=event.reason, error=error.message)
        if plan.next_tick is not None:
            parts.wake_after(key, max((plan.next_tick - now) / timedelta(seconds=1), SHORTEST_WAKE))
        return plan
