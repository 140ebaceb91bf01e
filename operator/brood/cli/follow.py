"""Create objects, watch runs until they have ended, and pass requests to stop on to them."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from brood.api.conditions import get_condition
from brood.api.jobrun import Shutdown
from brood.api.reasons import ConditionType
from brood.cli.findings import refuse
from brood.cli.forest import Forest, Key, key_of
from brood.cli.stopping import Stop, Stopping
from brood.cli.tree import Display
from brood.cluster.port import ApiError, Expired, Invalid, Kind, Manifest, Port, Unavailable

REDRAW_SECONDS: Final = 0.1
"""The tree is drawn at most so often."""

TICK_SECONDS: Final = 1.0
"""Durations grow while nothing else happens."""

STUCK: Final = timedelta(seconds=10)
"""After so long a run is given up that the operator cannot get any further."""

_WORDS: Final = {
    Stop.INTERRUPT: "interrupting: what runs may finish, nothing new starts (once more: terminate)",
    Stop.TERMINATE: "terminating: running tasks are stopped (once more: kill)",
    Stop.NOW: "killing what still runs",
}


class StuckError(Exception):
    """The operator cannot get a run any further; that is a defect of brood, not of the run."""


class Follower:
    """Follows root runs to their end.

    Parameters
    ----------
    port
        The cluster that they are on.
    display
        Where their state is shown; an `OSError` of it (a closed pipe or terminal) terminates the runs, because nobody
        watches any more.
    clock
        Gives the time for durations.
    """

    def __init__(self, port: Port, display: Display, *, stopping: Stopping, clock: Callable[[], datetime]) -> None:
        self._port = port
        self._display = display
        self._stopping = stopping
        self._clock = clock
        self._changed = asyncio.Event()
        self._mute = False
        self.forest = Forest(())

    async def create(self, definitions: Sequence[Manifest], runs: Sequence[Manifest]) -> None:
        """Create the definitions, then the runs in their order.

        Raises
        ------
        InputRefusedError
            If the cluster finds one of them invalid; then none was created.
        """
        for kind, manifests in ((Kind.JOB_DEFINITION, definitions), (Kind.JOB_RUN, runs)):
            for manifest in manifests:
                try:
                    await self._port.create(kind, manifest, dry_run=True)
                except Invalid as error:
                    raise refuse(error.message) from error
        for definition in definitions:
            await self._port.create(Kind.JOB_DEFINITION, definition)
        stored = [await self._port.create(Kind.JOB_RUN, run) for run in runs]
        self.forest = Forest(key_of(run) for run in stored)
        for run in stored:
            self.forest.put(run)

    async def to_the_end(self) -> None:
        """Return when all root runs have ended, or when told to stop at once.

        Raises
        ------
        StuckError
            If the operator says that it cannot get a run any further.
        """
        work = (self._watch_to_the_end(), self._stop_at_once(), self._show(), self._pass_on(), self._notice_stuck())
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh(self) -> None:
        """Look at every run once more, so that what is told at the end is what is stored."""
        for manifest in (await self._port.list(Kind.JOB_RUN)).items:
            self.forest.put(manifest)

    def close(self) -> None:
        """Show the last state."""
        self._safely(lambda: self._display.close(self.forest, self._clock()))

    async def _watch_to_the_end(self) -> None:
        while True:
            try:
                if await self._watch():
                    return
            except (Expired, Unavailable):
                await asyncio.sleep(REDRAW_SECONDS)

    async def _watch(self) -> bool:
        """Take over changes until all roots have ended; False if the stream broke off."""
        listing = await self._port.list(Kind.JOB_RUN)
        for manifest in listing.items:
            self.forest.put(manifest)
        for key in {*self.forest.roots} - {key_of(manifest) for manifest in listing.items}:
            self.forest.mark_gone(key)
        roots = {key for key in self.forest.roots if not self.forest.ended(key)}
        self._changed.set()
        if not roots:
            return True
        async for event in self._port.watch(Kind.JOB_RUN, resource_version=listing.resource_version):
            if event.type == "BOOKMARK":
                continue
            key = key_of(event.object)
            if event.type == "DELETED":
                self.forest.mark_gone(key)
            self.forest.put(event.object)
            self._changed.set()
            if key in roots and self.forest.ended(key):
                roots.discard(key)
                if not roots:
                    return True
        return False

    async def _show(self) -> None:
        while True:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes in the same moment as the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            self._safely(lambda: self._display.update(self.forest, self._clock()))
            await asyncio.sleep(REDRAW_SECONDS)

    async def _notice_stuck(self) -> None:
        """Give up on a run that is Stalled for some time without having ended: passes over it fail again and again."""
        since: dict[Key, datetime] = {}
        while True:
            now = self._clock()
            for key in self._unfinished():
                view = self.forest.view(key)
                stalled = get_condition(view.status.conditions, ConditionType.STALLED) if view else None
                if stalled is None or stalled.status != "True":
                    since.pop(key, None)
                elif now - since.setdefault(key, now) >= STUCK:
                    raise StuckError(f"{key[1]} is stuck: {stalled.reason}: {stalled.message}")
            await asyncio.sleep(TICK_SECONDS)

    async def _stop_at_once(self) -> None:
        await self._stopping.above(Stop.TERMINATE)

    async def _pass_on(self) -> None:
        level = Stop.NO
        while True:
            level = await self._stopping.above(level)
            self._say(_WORDS[level])
            await self._shut_down(Shutdown.INTERRUPT if level is Stop.INTERRUPT else Shutdown.TERMINATE)

    async def _shut_down(self, how: Shutdown) -> None:
        for namespace, name in self._unfinished():
            try:
                await self._port.patch(Kind.JOB_RUN, namespace, name, {"spec": {"shutdown": how.value}})
            except ApiError as error:
                self._say(f"{name}: {error.message}")

    def _unfinished(self) -> list[Key]:
        return [key for key in self.forest.roots if not self.forest.ended(key)]

    def _say(self, message: str) -> None:
        self._safely(lambda: self._display.say(message))

    def _safely(self, show: Callable[[], None]) -> None:
        if self._mute:
            return
        try:
            show()
        except OSError:
            self._mute = True
            self._stopping.ask(Stop.TERMINATE)
