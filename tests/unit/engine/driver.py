"""Random histories: which run is looked at, which Pod ends and how, what somebody does, and where the operator dies."""

from dataclasses import dataclass, field
from random import Random

from brood.api.phases import RunPhase
from brood.api.reasons import TaskReason
from brood.views import RunView, TaskResult
from tests.unit.engine.reference import End
from tests.unit.engine.world import World, deleted

END_STEPS = 20_000
WORDS = '{0} {} {a} %s {{ x }} {"b": [1]}'
"""What scripts print, which must be nothing but words to all who pass it on."""


@dataclass
class Driver:
    """Drives a world by a seed; what becomes of an attempt depends on the seed and on what it is, never on when it ends."""

    world: World
    seed: int
    slow: bool = False  # Pods wait for their start
    crashes: bool = False
    acts: list[tuple[int, str]] = field(default_factory=list)  # (after so many moves, what somebody does)
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(f"order {self.seed}")  # noqa: S311 - a test
        self.world.pods_wait = self.slow

    # --- what attempts end as ---

    def end_of(self, path: str, task: str, attempt: int) -> End:
        """Return how an attempt ends."""
        random = Random(f"{self.seed} {path} {task} {attempt}")  # noqa: S311 - a test
        said = f"{path} {task} {attempt} {WORDS}"
        kind = random.choice(["ok"] * 8 + ["exit"] * 4 + ["oom", "timeout", "evicted", "evicted", "preempted"])
        match kind:
            case "ok":
                return End(stdout=said)
            case "exit":
                return End("ExitCode", random.choice([1, 3, 3]), stdout=said)
            case "oom":
                return End("OOMKilled", 137)
            case "timeout":
                return End("DeadlineExceeded", None)
            case _:
                return End("Evicted" if kind == "evicted" else "Preempted", None, infra=True)

    def path(self, run: RunView) -> str:
        """Return where a run is in its tree, in the words of the reference."""
        above = next(self.world.parents(run), None)
        if above is None:
            return "run"
        return f"{self.path(above)}/{run.task}{'' if run.index is None else f'[{run.index}]'}#{run.attempt}"

    def _result(self, name: str) -> TaskResult:
        request = self.world.requests[name]
        if request.handler:
            return TaskResult(None, exit_code=0)
        end = self.end_of(self.path(self.world.runs[request.run]), request.task, request.attempt)
        reason = None if not end.reason else TaskReason[_NAMES[end.reason]]
        stdout = end.stdout if request.capture_stdout else None
        return TaskResult(reason, exit_code=end.code, message=WORDS, stdout=stdout, infrastructure=end.infra)

    # --- moves ---

    def play(self) -> None:
        """Move until every run has ended, and nothing is left to do."""
        for move in range(END_STEPS):
            while self.acts and self.acts[0][0] <= move:
                self._act(self.acts.pop(0)[1])
            if self._over():
                break
            self._move()
        else:
            raise AssertionError(f"does not end: {self.world.describe()}")
        self.world.settle()

    def _move(self) -> None:
        active = [name for name, run in self.world.runs.items() if not run.status.finished]
        moves = self.random.randrange(1, 4)
        for _ in range(moves):
            name = self.random.choice(active)
            if name in self.world.runs:
                self._step(name)
        if self.random.random() < 0.6 and self._end_a_pod():
            return
        if not self._settled():
            return
        if not self._end_a_pod() and not self._over():
            self.world.sleep()

    def _over(self) -> bool:
        return all(run.status.finished for run in self.world.runs.values())

    def _step(self, name: str) -> bool:
        crash = self.random.randrange(6) if self.crashes and self.random.random() < 0.3 else None
        return self.world.step(name, crash_after=crash)

    def _settled(self) -> bool:
        """Plan all runs; whether nothing was to be done."""
        names = list(self.world.runs)
        self.random.shuffle(names)
        changed = [self._step(name) for name in names if name in self.world.runs]
        return not any(changed)

    def _end_a_pod(self) -> bool:
        live = self.world.live_pods()
        if not live:
            return False
        name = self.random.choice(live)
        pod = self.world.pods[name].pod
        if pod.meta.deleting:
            natural = pod.started_at is not None and self.random.random() < 0.3
            self.world.end(name, self._result(name) if natural else deleted())
        elif pod.started_at is None:
            self.world.start_pod(name)
        else:
            self.world.end(name, self._result(name))
        return True

    def _act(self, what: str) -> None:
        """Do what somebody does: `Interrupt`, `Terminate` of the root or of any run, or the deletion of a Pod or run."""
        self.done.append(what)
        world, runs = self.world, sorted(self.world.runs)
        match what.split():
            case ["root", how]:
                if world.runs["run"].spec.shutdown != "Terminate":
                    world.shutdown("run", how)
            case ["any", how]:
                name = self.random.choice(runs)
                if world.runs[name].spec.shutdown != "Terminate":
                    world.shutdown(name, how)
            case ["delete", "pod"]:
                live = world.live_pods()
                if live:
                    world.end(self.random.choice(live), deleted())
            case ["delete", "child"]:
                children = [name for name in runs if name != "run" and not self._is_fixed(name)]
                if children:
                    self._delete_child(self.random.choice(children))
            case ["wait", seconds]:
                world.pass_time(int(seconds))
                world.kill_late()
            case _:
                raise AssertionError(what)

    def _is_fixed(self, name: str) -> bool:
        """Whether the result of a child's parent stays what it is, whatever becomes of the child now."""
        parent = next(self.world.parents(self.world.runs[name]), None)
        return parent is None or parent.status.result is not None or parent.status.finished

    def _delete_child(self, name: str) -> None:
        """Delete it. Before a status tells of it, it is made again; so are those of an item that is tried again.

        No status counts the attempts of items: of one whose newest child is gone the one before it, or none, is what is left.
        """
        child = self.world.runs[name]
        retried = child.index is not None and (child.attempt > 1 or child.status.phase is RunPhase.FAILED)
        if retried or name in self.world.untold:
            self.world.made.remove(name)
        self.world.remove_run(name)


_NAMES = {
    "ExitCode": "EXIT_CODE",
    "OOMKilled": "OOM_KILLED",
    "DeadlineExceeded": "DEADLINE_EXCEEDED",
    "Evicted": "EVICTED",
    "Preempted": "PREEMPTED",
}
