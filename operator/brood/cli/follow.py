"""Create objects, watch runs until they have ended, and pass requests to stop on to them."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from brood.api.conditions import get_condition
from brood.api.jobrun import Shutdown
from brood.api.phases import RunPhase
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

_SHUTDOWN: Final = {
    Stop.INTERRUPT: Shutdown.INTERRUPT,
    Stop.TERMINATE: Shutdown.TERMINATE,
    Stop.NOW: Shutdown.TERMINATE,
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
        self._runs: Sequence[Manifest] = ()
        self._news = asyncio.Event()  # something was seen since the creation of runs looked
        self._open: set[Key] = set()  # root runs that have not ended
        self._all_created = False
        self._finished = asyncio.Event()
        self.forest = Forest()

    @property
    def complete(self) -> bool:
        """Whether every run was created."""
        return self._all_created

    async def begin(self, definitions: Sequence[Manifest], runs: Sequence[Manifest]) -> None:
        """Create the definitions; the runs follow in `to_the_end`.

        Raises
        ------
        InputRefusedError
            If the cluster finds anything of it invalid; then nothing was created.
        """
        for kind, manifests in ((Kind.JOB_DEFINITION, definitions), (Kind.JOB_RUN, runs)):
            for manifest in manifests:
                try:
                    await self._port.create(kind, manifest, dry_run=True)
                except Invalid as error:
                    raise refuse(error.message) from error
        for definition in definitions:
            await self._port.create(Kind.JOB_DEFINITION, definition)
        self._runs = runs

    async def to_the_end(self) -> None:
        """Create the runs in their order, and return when all have ended, or when told to stop at once.

        Raises
        ------
        StuckError
            If the operator says that it cannot get a run any further.
        """
        ending = (self._finished.wait(), self._stopping.above(Stop.TERMINATE))
        endless = (self._watch(), self._show(), self._pass_on(), self._notice_stuck())
        creating = asyncio.ensure_future(self._create_runs())
        tasks = {asyncio.ensure_future(one) for one in (*ending, *endless)}
        try:
            done, _ = await asyncio.wait({creating, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            if done == {creating}:
                creating.result()
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in (creating, *tasks):
                one.cancel()
            await asyncio.gather(creating, *tasks, return_exceptions=True)

    async def refresh(self) -> None:
        """Look at every run once more, so that what is told at the end is what is stored."""
        for manifest in (await self._port.list(Kind.JOB_RUN)).items:
            self.forest.put(manifest)

    def close(self) -> None:
        """Show the last state."""
        self._safely(lambda: self._display.close(self.forest, self._clock()))

    async def _create_runs(self) -> None:
        """Create the runs so that those of one key are admitted in the order of the files.

        Creation times have whole seconds, and within one the name decides: a run that has to queue is therefore given the
        rest of its second before the next is created.
        """
        for manifest in self._runs:
            spec = manifest["spec"]
            await self._end_of_rerun(manifest)
            how = _SHUTDOWN.get(self._stopping.level)
            wanted = manifest if how is None else {**manifest, "spec": {**spec, "shutdown": how.value}}
            stored = await self._port.create(Kind.JOB_RUN, wanted)
            key = key_of(stored)
            self._open.add(key)
            self.forest.add_root(key)
            self.forest.put(stored)
            self._changed.set()
            if manifest is not self._runs[-1]:
                await self._enter_queue(key, created=self._clock())
        self._all_created = True
        self._look_whether_finished()

    async def _end_of_rerun(self, manifest: Manifest) -> None:
        """Wait until the run has ended that this one takes over from: before that it would be refused."""
        wanted = manifest["spec"].get("rerunOf")
        while wanted is not None and (manifest["metadata"]["namespace"], wanted["name"]) in self._open:
            await self._hear()

    async def _enter_queue(self, key: Key, *, created: datetime) -> None:
        """Wait until a run is past the queue, or until the second is over in which it was created."""
        while self._clock().replace(microsecond=0) <= created.replace(microsecond=0):
            view = self.forest.view(key)
            phase = view.status.phase if view else None
            if phase not in (None, RunPhase.PENDING, RunPhase.QUEUED):
                return
            await self._hear()

    async def _hear(self) -> None:
        """Wait a moment, or until something was seen."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REDRAW_SECONDS):
                await self._news.wait()

    def _look_whether_finished(self) -> None:
        if self._all_created and not self._open:
            self._finished.set()

    async def _watch(self) -> None:
        """Take over changes for ever; where the stream breaks off, everything is looked at anew."""
        while True:
            with contextlib.suppress(Expired, Unavailable):
                await self._watch_once()
            await asyncio.sleep(REDRAW_SECONDS)

    async def _watch_once(self) -> None:
        expected = set(self.forest.roots)
        listing = await self._port.list(Kind.JOB_RUN)
        for manifest in listing.items:
            self._see(manifest)
        for key in expected - {key_of(manifest) for manifest in listing.items}:
            self._see_gone(key)
        async for event in self._port.watch(Kind.JOB_RUN, resource_version=listing.resource_version):
            if event.type == "DELETED":
                self.forest.put(event.object)
                self._see_gone(key_of(event.object))
            elif event.type != "BOOKMARK":
                self._see(event.object)

    def _see(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        self.forest.put(manifest)
        if key in self._open and self.forest.ended(key):
            self._open.discard(key)
            self._look_whether_finished()
        self._changed.set()
        self._news.set()

    def _see_gone(self, key: Key) -> None:
        self.forest.mark_gone(key)
        self._open.discard(key)
        self._look_whether_finished()
        self._changed.set()
        self._news.set()

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
            for key in self._open:
                view = self.forest.view(key)
                stalled = get_condition(view.status.conditions, ConditionType.STALLED) if view else None
                if stalled is None or stalled.status != "True":
                    since.pop(key, None)
                elif now - since.setdefault(key, now) >= STUCK:
                    raise StuckError(f"{key[1]} is stuck: {stalled.reason}: {stalled.message}")
            await asyncio.sleep(TICK_SECONDS)

    async def _pass_on(self) -> None:
        level = Stop.NO
        while True:
            level = await self._stopping.above(level)
            self._say(_WORDS[level])
            await self._shut_down(_SHUTDOWN[level])

    async def _shut_down(self, how: Shutdown) -> None:
        for namespace, name in sorted(self._open):
            try:
                await self._port.patch(Kind.JOB_RUN, namespace, name, {"spec": {"shutdown": how.value}})
            except ApiError as error:
                self._say(f"{name}: {error.message}")

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
