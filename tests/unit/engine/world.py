"""A model of a cluster for the engine alone: runs, Pods and a clock in memory; every plan is carried out to the letter.

`step` plans one run and carries the plan out; `settle` does so until nothing changes; Pods end when a test says so, or by a script of
outcomes (`play`). What must hold at every step is checked at every step (`checks.py`).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from brood.api.phases import RunPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.api.status import TaskStatus
from brood.engine.reconcile import plan
from brood.views import PodRequest, RunView, TaskResult
from tests.unit.engine.carrying import Carrier
from tests.unit.engine.objects import START
from tests.unit.engine.outcomes import Outcome, by_task, deleted, evicted, exits, fails, in_turn, kept, ok

__all__ = [
    "START",
    "World",
    "begun",
    "by_task",
    "deleted",
    "evicted",
    "exits",
    "fails",
    "in_turn",
    "kept",
    "never",
    "ok",
    "played",
    "stopped",
    "waiting",
]


@dataclass
class World(Carrier):
    """Everything that exists, and what happens to it."""

    # --- what others do ---

    def start_pod(self, name: str) -> None:
        """Let a Pending Pod run."""
        self.set_pod(name, phase="Running", started_at=self.now)

    def keep_waiting(self, task: str, reason: WaitingReason, message: str) -> None:
        """Let the live Pod of a task say what it waits for."""
        name = self.live_pod(task)
        self.pods[name] = replace(self.pods[name], waiting=(reason, message))
        self.settle()

    def end(self, pod: str, result: TaskResult) -> None:
        """End a Pod."""
        known = self.pods[pod]
        self.pods[pod] = replace(known, result=replace(result, finished_at=result.finished_at or self.now))

    def end_task(self, task: str, result: TaskResult, run: str = "run") -> None:
        """End the live Pod of a task (or handler)."""
        self.end(self.live_pod(task, run), result)

    def kill_late(self) -> None:
        """End the Pods whose own time is over, as a kubelet does."""
        for name in self.live_pods():
            pod, seconds = self.pods[name].pod, self.requests[name].timeout_seconds
            if (
                seconds is not None
                and pod.started_at is not None
                and self.now >= pod.started_at + timedelta(seconds=seconds)
            ):
                self.end(name, TaskResult(TaskReason.DEADLINE_EXCEEDED, message="timeoutSeconds passed"))

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def live_pods(self) -> list[str]:
        """Names of Pods that have not ended."""
        return [name for name, one in self.pods.items() if one.result is None]

    def live_pod(self, task: str, run: str = "run") -> str:
        """Name of the one live Pod of a task (or handler)."""
        (name,) = [one for one in self.live_pods() if (self.pods[one].pod.run, self.pods[one].pod.task) == (run, task)]
        return name

    # --- letting it run ---

    def settle(self, limit: int = 10_000) -> None:
        """Plan every run until nothing changes."""
        for _ in range(limit):
            changed = [self.step(name) for name in list(self.runs) if name in self.runs]
            if not any(changed):
                return
        raise AssertionError("plans never settle")

    def play(self, outcome: Outcome | None = None, *, limit: int = 5_000) -> None:
        """Settle, end the oldest live Pod, and so on; with nothing live, let time pass to the next wake-up."""
        outcome = outcome or by_task()
        for _ in range(limit):
            self.settle()
            if all(run.status.finished for run in self.runs.values()):
                return
            if not self._end_one(outcome):
                self.sleep()
        raise AssertionError(f"does not end: {self.describe()}")

    def _end_one(self, outcome: Outcome) -> bool:
        for name in self.live_pods():
            result = deleted() if self.pods[name].pod.meta.deleting else outcome(self.requests[name])
            if result is not None:
                self.end(name, result)
                return True
        return False

    def sleep(self) -> None:
        """Let time pass to the next moment at which something happens by itself."""
        ends = [
            pod.started_at + timedelta(seconds=seconds)
            for name in self.live_pods()
            if (pod := self.pods[name].pod).started_at is not None and (seconds := self.requests[name].timeout_seconds)
        ]
        wakes = [at for at in (*ends, *self.wakes()) if at > self.now]
        assert wakes, f"stuck: {self.describe()}"
        self.now = min(wakes)
        self.kill_late()

    def wakes(self) -> list[datetime]:
        """Return when the runs want to be looked at again."""
        plans = [plan(self.snapshot(name), self.now) for name in self.runs]
        return [made.wake_at for made in plans if made.wake_at is not None]

    # --- looking ---

    def row(self, task: str, run: str = "run") -> TaskStatus:
        """Return the row of a task or handler."""
        status = self.runs[run].status
        return next(row for row in (*status.tasks, *status.handlers) if row.name == task)

    def phases(self, run: str = "run") -> dict[str, str]:
        """Return the phases of all tasks."""
        return {row.name: str(row.phase) for row in self.runs[run].status.tasks}

    def phase(self, run: str = "run") -> RunPhase | None:
        """Return the phase of a run."""
        return self.runs[run].status.phase

    def outputs(self, run: str = "run") -> dict[str, str]:
        """Return all outputs of a run, the large ones too."""
        status = self.runs[run].status
        large = {name: self.values[ref.config_map, ref.key] for name, ref in status.output_refs.items()}
        assert not set(large) & set(status.outputs)
        return {**status.outputs, **large}

    def condition(self, type_: str, run: str = "run") -> tuple[str, str, str] | None:
        """Return (status, reason, message) of a condition."""
        for one in self.runs[run].status.conditions:
            if one.type == type_:
                return one.status, one.reason, one.message
        return None

    def children(self, task: str, run: str = "run") -> list[RunView]:
        """Return the children that a task made, in the order of items and attempts."""
        found = [one for one in self.children_of(self.runs[run]) if one.task == task]
        return sorted(found, key=lambda one: (one.index or 0, one.attempt))

    def request(self, task: str, run: str = "run") -> PodRequest:
        """Return the newest Pod request of a task."""
        return [one for one in self.requests.values() if (one.run, one.task) == (run, task)][-1]

    def describe(self) -> str:
        """Say in lines where everything is."""
        lines = [
            f"{name}: {one.status.phase} {one.status.message} {self.phases(name)}" for name, one in self.runs.items()
        ]
        return "\n".join([*lines, f"live: {self.live_pods()}"])


def begun(spec: str | dict[str, Any], **run: Any) -> World:
    """Return a world in which one run of that definition has begun: everything that starts at once has started."""
    world = World()
    world.define(spec)
    world.submit(**run)
    world.settle()
    return world


def waiting(spec: str | dict[str, Any]) -> World:
    """Return a world in which one run of that definition has begun, whose Pods do not start."""
    world = World(pods_wait=True)
    world.define(spec)
    world.submit()
    world.settle()
    return world


def never(_: PodRequest) -> TaskResult | None:
    """Let Pods go on for ever."""
    return None


def played(spec: str | dict[str, Any], outcome: Outcome | None = None, **run: Any) -> World:
    """Return a world in which one run of that definition has ended; Pods end as ``outcome`` says, else well."""
    world = begun(spec, **run)
    world.play(outcome)
    return world


def stopped(spec: str | dict[str, Any], how: str = "Interrupt", **run: Any) -> World:
    """Return a world in which one run of that definition has begun, and was then shut down."""
    world = begun(spec, **run)
    world.shutdown("run", how)
    world.settle()
    return world
