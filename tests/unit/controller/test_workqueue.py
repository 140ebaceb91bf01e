import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from brood.controller.backoff import Backoff
from brood.controller.workqueue import SLACK, RetryLater, WorkQueue


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Time that moves only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sequence = itertools.count()
        self._timers: list[tuple[float, int, FakeTimer]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (when, next(self._sequence), timer))
        return timer

    @property
    def armed(self) -> int:
        return sum(timer.callback is not None for _, _, timer in self._timers)

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        while self._timers and self._timers[0][0] <= self.now:
            _, _, timer = heapq.heappop(self._timers)
            if timer.callback:
                timer.callback()
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Recorder:
    """A handler that waits at a gate, and remembers what ran, and how many at once."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.running: list[str] = []
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: dict[str, list[Exception]] = {}

    async def __call__(self, key: str) -> None:
        assert key not in self.running, "one key was worked on twice at the same time"
        self.calls.append(key)
        self.running.append(key)
        self.most = max(self.most, len(self.running))
        try:
            await self.gate.wait()
            if self.errors.get(key):
                raise self.errors[key].pop(0)
        finally:
            self.running.remove(key)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def queue(clock: FakeClock, recorder: Recorder) -> AsyncIterator[WorkQueue[str]]:
    made: WorkQueue[str] = WorkQueue(recorder, workers=4, clock=clock, backoff=Backoff(first=1, most=8, jitter=0))
    yield made
    await made.stop()


async def test_a_key_that_rings_often_runs_once(queue: WorkQueue[str], recorder: Recorder) -> None:
    for _ in range(100):
        queue.add("a")
    queue.start()
    await settle()
    assert recorder.calls == ["a"]


async def test_a_key_that_rings_while_it_runs_runs_once_more_and_never_twice_at_once(
    queue: WorkQueue[str], recorder: Recorder
) -> None:
    recorder.gate.clear()
    queue.start()
    queue.add("a")
    await settle()
    for _ in range(5):
        queue.add("a")
    await settle()
    assert recorder.calls == ["a"]
    recorder.gate.set()
    await settle()
    assert recorder.calls == ["a", "a"]


async def test_ready_keys_go_first_in_first_out(clock: FakeClock, recorder: Recorder) -> None:
    queue = WorkQueue[str](recorder, workers=1, clock=clock)
    for key in "edcba":
        queue.add(key)
    queue.add("a")
    queue.start()
    await settle()
    assert "".join(recorder.calls) == "edcba"


async def test_a_large_tree_delays_another_by_one_key(clock: FakeClock, recorder: Recorder) -> None:
    queue = WorkQueue[str](recorder, workers=1, clock=clock, lane=lambda key: key[0])
    queue.add_all(["a1", "a2", "a3", "a4", "b1", "b2", "c1"])
    queue.start()
    await settle()
    await settle()
    assert recorder.calls == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_a_busy_key_does_not_starve_the_others(clock: FakeClock) -> None:
    calls: list[str] = []

    async def ring_again(key: str) -> None:
        calls.append(key)
        if key == "busy" and len(calls) < 50:
            fair.add("busy")

    fair = WorkQueue[str](ring_again, workers=1, clock=clock)
    fair.start()
    fair.add("busy")
    fair.add("quiet")
    await settle()
    assert calls.index("quiet") <= 1


async def test_no_more_workers_than_allowed_and_all_of_them_used(queue: WorkQueue[str], recorder: Recorder) -> None:
    recorder.gate.clear()
    queue.start()
    for number in range(10):
        queue.add(str(number))
    await settle()
    assert len(recorder.running) == 4
    assert queue.figures.depth == 6
    recorder.gate.set()
    await settle()
    assert len(recorder.calls) == 10
    assert recorder.most == 4
    assert queue.idle


async def test_of_several_delays_the_earliest_counts(
    queue: WorkQueue[str], recorder: Recorder, clock: FakeClock
) -> None:
    queue.start()
    queue.add_after("a", 5)
    queue.add_after("a", 2)
    queue.add_after("a", 9)
    await clock.advance(1.9)
    assert recorder.calls == []
    await clock.advance(0.2)
    assert recorder.calls == ["a"]
    await clock.advance(60)
    assert recorder.calls == ["a"], "the later wishes were folded into the first"


async def test_a_key_that_runs_now_drops_its_delay(queue: WorkQueue[str], recorder: Recorder, clock: FakeClock) -> None:
    queue.start()
    queue.add_after("a", 5)
    queue.add("a")
    await clock.advance(10)
    assert recorder.calls == ["a"]


async def test_delays_that_a_newer_wish_replaced_are_let_go_and_no_other(
    queue: WorkQueue[str], recorder: Recorder, clock: FakeClock
) -> None:
    queue.start()
    queue.add_after("other", 5)
    for _ in range(1000):  # as each pass over a run with a deadline does
        queue.add("a")
        await clock.advance(0)
        queue.add_after("a", 86_400)
    assert len(queue._heap) <= SLACK + 4
    recorder.calls.clear()
    await clock.advance(86_401)
    assert recorder.calls == ["other", "a"]


async def test_delays_that_were_asked_for_before_the_start_are_kept(
    queue: WorkQueue[str], recorder: Recorder, clock: FakeClock
) -> None:
    queue.add_after("a", 5)
    queue.start()
    await clock.advance(6)
    assert recorder.calls == ["a"]


async def test_failures_back_off_doubling_to_a_limit_and_success_resets(
    queue: WorkQueue[str], recorder: Recorder, clock: FakeClock
) -> None:
    recorder.errors["a"] = [RetryLater("no") for _ in range(6)]
    queue.start()
    queue.add("a")
    await settle()
    for runs, wait in enumerate([1, 2, 4, 8, 8, 8], start=1):
        assert len(recorder.calls) == runs
        await clock.advance(wait - 0.1)
        assert len(recorder.calls) == runs, f"too early after failure {runs}"
        await clock.advance(0.2)
    assert len(recorder.calls) == 7
    assert queue.failures("a") == 0
    recorder.errors["a"] = [RetryLater("no")]
    queue.add("a")
    await settle()
    await clock.advance(1.1)
    assert len(recorder.calls) == 9


async def test_events_do_not_shorten_a_back_off(queue: WorkQueue[str], recorder: Recorder, clock: FakeClock) -> None:
    recorder.errors["a"] = [RetryLater("429", retry_after=20)]
    queue.start()
    queue.add("a")
    await settle()
    for _ in range(19):
        queue.add("a")
        queue.add_after("a", 0.5)
        await clock.advance(1)
    assert recorder.calls == ["a"]
    await clock.advance(1.1)
    assert recorder.calls == ["a", "a"]


async def test_one_failing_key_touches_no_other(clock: FakeClock, recorder: Recorder) -> None:
    seen: list[tuple[str, str]] = []
    queue = WorkQueue[str](recorder, workers=1, clock=clock, on_error=lambda key, error: seen.append((key, str(error))))
    recorder.errors["bad"] = [ValueError("boom")]
    queue.start()
    queue.add("bad")
    queue.add("good")
    await settle()
    assert recorder.calls == ["bad", "good"]
    assert seen == [("bad", "boom")]
    assert queue.figures.failed == 1


async def test_stop_cancels_what_runs_and_starts_nothing_more(
    queue: WorkQueue[str], recorder: Recorder, clock: FakeClock
) -> None:
    recorder.gate.clear()
    queue.start()
    for key in "abcdefgh":
        queue.add(key)
    queue.add_after("z", 1)
    await settle()
    await queue.stop()
    recorder.gate.set()
    queue.add("y")
    await clock.advance(5)
    assert len(recorder.calls) == 4
    assert recorder.running == []
    assert clock.armed == 0


async def test_figures_tell_waiting_and_working_time(recorder: Recorder, clock: FakeClock) -> None:
    passes: list[tuple[float, float]] = []
    queue = WorkQueue[str](recorder, clock=clock, on_pass=lambda *seconds: passes.append(seconds))
    queue.add("a")
    await clock.advance(3)
    assert queue.figures.depth == 1
    assert queue.figures.oldest_seconds == pytest.approx(3)
    recorder.gate.clear()
    queue.start()
    await settle()
    await clock.advance(2)
    assert queue.figures.in_flight == 1
    assert sum(queue.figures.working_seconds) == pytest.approx(2)
    recorder.gate.set()
    await settle()
    figures = queue.figures
    assert (figures.processed, figures.depth, figures.in_flight, figures.working_seconds) == (1, 0, 0, ())
    assert passes == [pytest.approx((3, 2))]
    await queue.stop()


async def test_a_storm_of_keys_runs_each_and_the_last_ring_is_never_lost() -> None:
    wanted = dict.fromkeys(range(200), 0)
    done = dict.fromkeys(range(200), 0)

    async def handle(key: int) -> None:
        seen = wanted[key]
        await asyncio.sleep(0)
        done[key] = seen

    queue = WorkQueue[int](handle, workers=8)
    queue.start()
    for _ in range(50):
        for key in wanted:
            wanted[key] += 1
            queue.add(key)
        await asyncio.sleep(0)
    while not queue.idle:  # noqa: ASYNC110 - no time passes here
        await asyncio.sleep(0)
    assert done == wanted
    assert queue.figures.processed < 200 * 50 / 2, "rings were coalesced"
    await queue.stop()


async def test_keys_that_ring_each_other_without_end_leave_the_loop_to_others(clock: FakeClock) -> None:
    async def ping_pong(key: str) -> None:
        endless.add("b" if key == "a" else "a")

    endless = WorkQueue[str](ping_pong, clock=clock)
    endless.start()
    endless.add("a")
    async with asyncio.timeout(5):
        await settle()
    await endless.stop()
    assert endless.figures.processed >= 1
