"""One pass over one run: gather, plan, carry out.

Whatever happens here happens to one key: the queue tries it again after a back-off, and no other run notices.
"""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

from brood.api.conditions import is_true
from brood.api.labels import RESULT_FINALIZER
from brood.api.reasons import ConditionType
from brood.cluster.port import Conflict, Forbidden, Kind, NotFound, TooManyRequests, Unavailable
from brood.controller.admission import admitted
from brood.controller.carry import Carrier
from brood.controller.creation import retry_after
from brood.controller.gather import Gatherer
from brood.controller.keys import Key
from brood.controller.news import log, news_of
from brood.controller.pace import Pace
from brood.controller.parts import Parts
from brood.controller.release import release_all
from brood.controller.stalled import mark_stalled
from brood.controller.workqueue import RetryLater
from brood.engine.plan import Plan
from brood.engine.reconcile import plan as decide
from brood.engine.snapshot import Refusal, Snapshot
from brood.views import Meta, RunView

ROUNDS = 4
"""How often a pass plans again because of refusals, or of what it had to read, before the key backs off."""

REFUSED_SECONDS = 10.0
"""What the server refused, and the plan still wants, is asked for again after so long."""

SHORTEST_WAKE = 0.02
"""Seconds; a plan that asks to be woken at once all the time shall not stop the others."""


class Runs:
    """Passes over runs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cache = parts.cache
        self._now = parts.now
        self._wake_after = parts.wake_after
        self._gatherer = Gatherer(parts)
        self._carrier = Carrier(parts)
        self._pace = Pace(parts.config.status_interval, patience=parts.config.status_patience)
        self._crashes: dict[Key, int] = {}

    async def process(self, key: Key) -> None:
        """Do one pass over the run that has the key's name now.

        Raises
        ------
        RetryLater
            Where the server could not do its part now.
        """
        try:
            await self._look(key)
        except (Conflict, NotFound):
            # The run has changed or is gone: its newer version rings by itself; this is for the case that it does not.
            self._wake_after(key, 1.0)
        except (TooManyRequests, Unavailable) as error:
            raise retry_after(error) from error
        except RetryLater:
            raise
        except Exception as error:
            await self._crashed(key, error)
            raise
        else:
            self._crashes.pop(key, None)

    async def _look(self, key: Key) -> None:
        malformed = self._cache.malformed.get((key.namespace, key.name))
        if malformed is not None:
            await self._stall(malformed.meta, "InvalidSpec", malformed.error)
            return
        run = self._cache.family.get(key.namespace, key.name)
        if run is None:
            self._crashes.pop(key, None)
            self._forget(key)
            return
        if run.meta.deleting:
            await release_all(self._cache.pods.of(run.meta.uid).all(), port=self._parts.port, writer=self._parts.writer)
            return
        seen = run.status.observed_generation == run.meta.generation
        if run.status.finished and seen and not run.is_root and not self._held(run):
            return  # nothing is left to do for it; most keys that ring are such
        again = await self._gatherer.prepare(run)
        if again is not None:
            self._wake_after(key, again)
        await self._pass(key, run)

    def _held(self, run: RunView) -> bool:
        """Whether a Pod of the run still has our finalizer."""
        return any(RESULT_FINALIZER in pod.meta.finalizers for pod in self._cache.pods.of(run.meta.uid).all())

    async def _pass(self, key: Key, run: RunView) -> None:
        refusals: list[Refusal] = []
        values = self._gatherer.values(run)
        for _ in range(ROUNDS):
            current = self._cache.family.get(key.namespace, key.name)
            if current is None or current.meta.uid != run.meta.uid or current.meta.deleting:
                return
            snapshot, resolver = self._gatherer.snapshot(current, values=values, refusals=tuple(refusals))
            plan = Plan() if resolver.missing else decide(snapshot, self._now())
            if plan.needs or resolver.missing:
                await values.load(plan.needs)
                await self._gatherer.load(current, resolver.missing)
                continue
            waiting = not current.status.finished and (resolver.unresolved or current.revision is None)
            self._cache.catalog.wait(key, waiting=waiting)
            refused = await self._carry_out(key, current, self._allowed(key, snapshot, plan))
            if not refused:
                return
            refusals += refused
        raise RetryLater(f"{key}: no end after {ROUNDS} plans")

    def _allowed(self, key: Key, snapshot: Snapshot, plan: Plan) -> Plan:
        """Return the plan without what must not be made.

        Contract §2: "A run whose owner is gone or terminating creates nothing." What was refused in this pass is not
        asked for again before some time has passed.
        """
        if not snapshot.refusals:
            return plan
        refused = {one.name for one in snapshot.refusals}
        allowed = replace(
            plan,
            config_maps=tuple(one for one in plan.config_maps if one.name not in refused),
            claim=None if plan.claim is not None and plan.claim.name in refused else plan.claim,
            pods=tuple(one for one in plan.pods if one.name not in refused),
            children=tuple(one for one in plan.children if one.name not in refused),
        )
        if allowed != plan:
            self._wake_after(key, REFUSED_SECONDS)
        return allowed

    async def _carry_out(self, key: Key, run: RunView, plan: Plan) -> list[Refusal]:
        """Do what the plan says; there is no await between the plan and the reservation of its slot."""
        self._reserve(run, plan)
        slots = self._cache.slots
        slots.reserve(run, plan.pods, plan.claim)
        slots.wait(key, waiting=plan.waits_for_slots)
        refused = await self._open(key, run, plan) or await self._carrier.make(plan)
        if refused:
            return refused
        if plan.share_claim is not None:
            await self._carrier.share_claim(run, plan.share_claim.meta)
        await self._carrier.stop(plan)
        if plan.wake_at is not None:
            seconds = (plan.wake_at - self._now()) / timedelta(seconds=1)
            self._wake_after(key, max(seconds, SHORTEST_WAKE))
        if plan.status is not None and not plan.status_first:
            counts = self._cache.family.has_children(run.meta.uid)  # a parent's counters show that things go on
            wait = self._pace.wait(key, prompt=counts) if plan.status_can_wait else 0.0
            if wait > 0:
                self._wake_after(key, wait)
                return []
            await self._write(key, run, plan)
        await self._carrier.finish(run, plan)
        return []

    def _reserve(self, run: RunView, plan: Plan) -> None:
        admission = self._cache.admission
        if admitted(run) or not run.is_root:
            return
        if plan.status is not None and is_true(plan.status.conditions, ConditionType.ADMITTED):
            admission.reserve(replace(run, status=plan.status))
            self._cache.slots.enter(run)
        else:
            admission.unreserve(run)

    async def _open(self, key: Key, run: RunView, plan: Plan) -> list[Refusal]:
        """Store the revision and, where it comes first, the status; return what was refused for good reasons.

        The slot is given back if that was certainly not written.
        """
        try:
            refusal = None if plan.pin is None else await self._carrier.store(plan.pin)
            if refusal is not None:
                self._cache.admission.unreserve(run)
                self._cache.slots.remove_run(run)
                return [refusal]
            if plan.status_first:
                await self._write(key, run, plan)
        except (Unavailable, Conflict, asyncio.CancelledError):
            self._cache.admission.unsure(run)
            raise
        except BaseException:
            self._cache.admission.unreserve(run)
            self._cache.slots.remove_run(run)
            raise
        return []

    async def _write(self, key: Key, run: RunView, plan: Plan) -> None:
        if plan.status is None:
            return
        began = time.monotonic()
        if await self._carrier.write_status(run, plan.status):
            self._pace.wrote(key, seconds=time.monotonic() - began)
            news = news_of(run, plan.status)
            log(news)
            for tell in self._parts.on_news:
                tell(news)
        if plan.status.finished:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        """Drop what is kept in memory about a run that has ended or is gone."""
        self._pace.forget(key)
        self._gatherer.forget(key)
        self._cache.catalog.wait(key, waiting=False)

    async def _crashed(self, key: Key, error: Exception) -> None:
        """Tell the run's owner, after some tries, that something is wrong with brood itself, or what the server does not let it do.

        A run that has ended stays what it is: what cannot be cleared away after it is told in the log.
        """
        crashes = self._crashes[key] = self._crashes.get(key, 0) + 1
        run = self._cache.family.get(key.namespace, key.name)
        if crashes < self._parts.config.crashes_until_stalled or run is None or run.status.finished:
            return
        reason = "Forbidden" if isinstance(error, Forbidden) else "InternalError"
        told = str(error) if isinstance(error, Forbidden) else f"{type(error).__name__}: {error}"
        await self._stall(run.meta, reason, told.splitlines()[0])

    async def _stall(self, about: Meta, reason: str, message: str) -> None:
        await mark_stalled(
            Kind.JOB_RUN,
            about,
            port=self._parts.port,
            writer=self._parts.writer,
            reason=reason,
            message=message,
            now=self._now(),
        )
