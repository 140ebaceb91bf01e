"""The work queue: which key is looked at next, and when a key that failed is looked at again.

One key stands for one object. A key waits in the queue once however often it rings, is never worked on twice at the
same time, and runs again if it rang while it was worked on; keys that are ready take turns by lanes, first in, first out.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from brood.controller.backoff import Backoff
from brood.lanes import Lanes

K = TypeVar("K", bound=Hashable)

_LOG = structlog.get_logger("brood.workqueue")


SLACK = 100
"""Delays that were replaced by newer ones, so many at least, stay in memory until they would have been due."""


class Timer(Protocol):
    """Something that can be cancelled before it rings."""

    def cancel(self) -> None:
        """Ring no more."""


class Clock(Protocol):
    """The part of an event loop that knows time; a test gives its own."""

    def time(self) -> float:
        """Return seconds on a clock that never goes back."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` once the time is ``when``."""


class RetryLater(Exception):
    """A handler's answer: try again after the key's back-off, and no earlier than ``retry_after`` seconds."""

    def __init__(self, why: str, *, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Figures:
    """What the queue did and has to do."""

    depth: int  # keys that are ready and wait for a worker
    in_flight: int
    delayed: int
    oldest_seconds: float  # for how long a ready key has waited
    processed: int
    failed: int
    working_seconds: tuple[float, ...]  # for how long each of the keys in flight has been worked on


class WorkQueue(Generic[K]):
    """Runs ``handle(key)`` for keys that were added, on at most ``workers`` tasks.

    A handler that returns resets the key's back-off; one that raises has its key tried again after it. While a key
    backs off, further adds wait for the end of the back-off. What a handler raises goes to ``on_error`` and touches no
    other key. ``on_pass`` gets the seconds that a key waited for a worker and was worked on. Keys of one ``lane`` do not
    delay those of another by more than one.
    """

    def __init__(
        self,
        handle: Callable[[K], Awaitable[None]],
        *,
        workers: int = 32,
        lane: Callable[[K], Hashable] = lambda _: None,
        backoff: Backoff | None = None,
        on_error: Callable[[K, Exception], None] | None = None,
        on_pass: Callable[[float, float], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._handle = handle
        self._workers = workers
        self._backoff: Backoff = backoff or Backoff()
        self._on_error = on_error
        self._on_pass = on_pass
        self._given_clock = clock
        self._ready: dict[K, float] = {}  # key -> since when
        self._order: Lanes[K] = Lanes(lane)
        self._processing: dict[K, float] = {}  # key -> since when
        self._again: dict[K, float] = {}  # rang while it was worked on
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._sequence = 0
        self._held: dict[K, float] = {}  # backs off until
        self._failures: dict[K, int] = {}
        self._timer: tuple[float, Timer] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False
        self._processed = self._failed = 0

    @property
    def _clock(self) -> Clock:
        return self._given_clock or asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to work; keys that were added before are there."""
        self._running = True
        self._pump()
        self._set_timer()

    async def stop(self) -> None:
        """Cancel what is worked on and wait until it has ended; nothing is worked on afterwards."""
        self._running = False
        if self._timer:
            self._timer[1].cancel()
            self._timer = None
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def add(self, key: K) -> None:
        """Have the key worked on as soon as its turn comes, or once its back-off is over."""
        now = self._clock.time()
        if self._held.get(key, now) > now:
            self._put_due(key, self._held[key])
            return
        self._due.pop(key, None)
        self._enqueue(key, now)

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key worked on in so many seconds; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        when = self._clock.time() + seconds
        self._put_due(key, max(when, self._held.get(key, when)))

    def add_all(self, keys: Iterable[K]) -> None:
        """Add each of the keys."""
        for key in keys:
            self.add(key)

    def failures(self, key: K) -> int:
        """How many passes of the key have failed one after another."""
        return self._failures.get(key, 0)

    @property
    def figures(self) -> Figures:
        """The queue in numbers."""
        now = self._clock.time()
        oldest = now - next(iter(self._ready.values()), now)
        return Figures(
            depth=len(self._order),
            in_flight=len(self._processing),
            delayed=len(self._due),
            oldest_seconds=oldest,
            processed=self._processed,
            failed=self._failed,
            working_seconds=tuple(now - since for since in self._processing.values()),
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is ready or worked on; delayed keys may be there."""
        return not self._order and not self._processing

    def _enqueue(self, key: K, now: float) -> None:
        if key in self._processing:
            self._again.setdefault(key, now)
        elif key not in self._ready:
            self._ready[key] = now
            self._order.append(key)
            self._pump()

    def _put_due(self, key: K, when: float) -> None:
        if self._due.get(key, when + 1) <= when:
            return
        self._due[key] = when
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, key))
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._drop_replaced()
        self._set_timer()

    def _drop_replaced(self) -> None:
        """Let go of entries that a newer wish replaced: each pass over a run with a deadline leaves one, days ahead."""
        self._heap = [(when, number, key) for number, (key, when) in enumerate(self._due.items())]
        heapq.heapify(self._heap)

    def _set_timer(self) -> None:
        """Ring for the earliest delayed key; entries that a newer wish replaced are dropped on the way."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._running or not self._heap:
            return
        when = self._heap[0][0]
        if self._timer:
            if self._timer[0] <= when:
                return
            self._timer[1].cancel()
        self._timer = (when, self._clock.call_at(when, self._ring))

    def _ring(self) -> None:
        self._timer = None
        now = self._clock.time()
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                self._enqueue(key, now)
        self._set_timer()

    def _pump(self) -> None:
        """See that as many workers run as there are ready keys, within the limit; a worker ends when it finds none."""
        if self._running and len(self._tasks) < min(self._workers, len(self._order) + len(self._processing)):
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._worker_ended)

    def _worker_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._order:
            self._pump()

    async def _work(self) -> None:
        while self._running and self._order:
            key = self._order.popleft()
            began = self._clock.time()
            waited = began - self._ready.pop(key)
            self._processing[key] = began
            self._held.pop(key, None)
            try:
                await self._handle(key)
                self._failures.pop(key, None)
            except Exception as error:  # noqa: BLE001 - whatever one key does must not touch another
                self._back_off(key, error)
            finally:
                del self._processing[key]
                self._processed += 1
                if self._on_pass:
                    self._on_pass(waited, self._clock.time() - began)
            if key in self._again:
                del self._again[key]
                self.add(key)
            await asyncio.sleep(0)  # a handler that never waits, on a cluster in memory, leaves the loop to others too

    def _back_off(self, key: K, error: Exception) -> None:
        self._failed += 1
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = self._backoff.seconds(failures)
        if isinstance(error, RetryLater):
            wait = max(wait, error.retry_after or 0.0)
        elif self._on_error:
            self._on_error(key, error)
        else:
            _LOG.error("pass failed", key=str(key), exc_info=error)
        self._held[key] = self._clock.time() + wait
        self._put_due(key, self._held[key])
