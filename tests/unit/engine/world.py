"""A model of a cluster for the engine alone: runs, Pods and a clock in memory; every plan is carried out to the letter.

`World` holds objects as views. `step` plans one run and carries the plan out; `settle` does so until nothing changes; Pods end when a
test says so, or by a script of outcomes. Invariants that must hold at every step are checked at every step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import yaml

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.jobrun import JobRunSpec, ParentRef, RunDefinitionRef, Shutdown
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason
from brood.api.status import JobDefinitionStatus, JobRunStatus, TaskStatus
from brood.engine.concurrency import lock_of
from brood.engine.graph import Graph, compile_graph
from brood.engine.locks import LockState
from brood.engine.plan import Plan
from brood.engine.ranges import IndexRanges
from brood.engine.reconcile import plan
from brood.engine.snapshot import ChildIndex, DefinitionProblem, Snapshot
from brood.views import ClaimView, DefinitionView, Meta, PodAttempt, PodRequest, PodView, RunView, TaskResult

START = datetime(2026, 1, 1, tzinfo=UTC)
Outcome = Callable[[PodRequest], TaskResult | None]


def ok(stdout: str | None = None, **outputs: str) -> TaskResult:
    """Return a success."""
    return TaskResult(None, exit_code=0, stdout=stdout, outputs=outputs)


def exits(code: int, stdout: str | None = None) -> TaskResult:
    """Return a failure by exit code."""
    return TaskResult(TaskReason.EXIT_CODE, exit_code=code, message=f"exit code {code}", stdout=stdout)


def evicted() -> TaskResult:
    """Return a failure of the infrastructure."""
    return TaskResult(TaskReason.EVICTED, message="node is low on memory", infrastructure=True)


@dataclass
class World:
    """Everything that exists, by name."""

    now: datetime = START
    definitions: dict[str, DefinitionView] = field(default_factory=dict)
    runs: dict[str, RunView] = field(default_factory=dict)
    pods: dict[str, PodAttempt] = field(default_factory=dict)
    requests: dict[str, PodRequest] = field(default_factory=dict)
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)  # names of Pods and children, in the order of their creation
    events: list[tuple[str, str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    revisions: dict[str, JobDefinitionSpec] = field(default_factory=dict)
    memos: dict[str, dict[object, object]] = field(default_factory=dict)
    _graphs: dict[tuple[str | None, ...], Graph] = field(default_factory=dict)
    _version: int = 0
    fresh_memo: bool = False  # plan with an empty memo each time: the answer must be the same

    def define(self, text: str, name: str = "main") -> None:
        """Add or replace a definition, given the YAML of its spec."""
        spec = JobDefinitionSpec.from_json(yaml.safe_load(text))
        self._version += 1
        revision = f"{name}-r{self._version}"
        meta = Meta("default", name, f"def-{name}", str(self._version), self.now)
        self.definitions[name] = DefinitionView(meta, spec, JobDefinitionStatus(), revision)

    def submit(self, name: str = "run", definition: str = "main", **spec: object) -> RunView:
        """Create a root run."""
        self._version += 1
        meta = Meta("default", name, f"uid-{name}-{self._version}", str(self._version), self.now)
        view = RunView(
            meta, JobRunSpec(definition_ref=RunDefinitionRef(name=definition), **spec), JobRunStatus(), root=name
        )  # type: ignore[arg-type]
        self.runs[name] = view
        return view

    # --- the port that a snapshot sees ---

    def resolve(self, ref: object) -> DefinitionView | DefinitionProblem:
        """Find a definition by name, or by type and version."""
        name, type_, version = (getattr(ref, one, None) for one in ("name", "type", "version"))
        if name is not None:
            found = [one for one in self.definitions.values() if one.meta.name == name]
        else:
            found = [one for one in self.definitions.values() if (one.spec.type, one.spec.version) == (type_, version)]
        if len(found) == 1:
            return found[0]
        shown = name or f"{type_}:{version}"
        reason = "AmbiguousDefinition" if found else "DefinitionNotFound"
        return DefinitionProblem(reason, f"JobDefinition {shown}: {len(found)} found")

    def graph(self, ref: RunDefinitionRef) -> Graph | None:
        """Compile a pinned definition."""
        key = (ref.revision, ref.local, ref.task)
        if key not in self._graphs:
            spec = self.revisions[ref.revision or ""]
            self._graphs[key] = compile_graph(
                ref.revision or "", spec, definition=ref.name or "", local=ref.local, task=ref.task
            )
        return self._graphs[key]

    def snapshot(self, name: str) -> Snapshot:
        """Gather what one run's plan sees."""
        run = self.runs[name]
        definition, problem, graph = None, None, None
        revision = run.status.revision or run.spec.definition_ref.revision
        if revision is None:
            found = self.resolve(run.spec.definition_ref)
            if isinstance(found, DefinitionProblem):
                problem = found
            else:
                definition = found
                self.revisions[found.revision] = found.spec
                graph = self.graph(RunDefinitionRef(name=found.meta.name, revision=found.revision))
        else:
            ref = run.spec.definition_ref
            base = ref.name or revision.rsplit("-", 1)[0]
            graph = self.graph(RunDefinitionRef(name=base, local=ref.local, task=ref.task, revision=revision))
        pods: dict[str, list[PodAttempt]] = {}
        handler_pods: dict[str, list[PodAttempt]] = {}
        for attempt in self.pods.values():
            if attempt.pod.meta.owner_uid == run.meta.uid:
                (handler_pods if attempt.pod.handler else pods).setdefault(attempt.pod.task, []).append(attempt)
        children = ChildIndex()
        for row in run.status.tasks:
            if row.items is not None:
                ended = IndexRanges()
                for text in (
                    row.items.completed_indexes,
                    row.items.failed_indexes,
                    row.items.cancelled_indexes,
                    row.items.skipped_indexes,
                ):
                    for index in IndexRanges.parse(text):
                        ended.add(index)
                children.record(row.name, ended)
        for child in self.runs.values():
            if child.meta.owner_uid == run.meta.uid:
                children.put(child)
        parent = next((one for one in self.runs.values() if one.meta.uid == run.meta.owner_uid), None)
        root = self.runs.get(run.root)
        depth, up = 1, parent
        while up is not None:
            depth += 1
            up = next((one for one in self.runs.values() if one.meta.uid == up.meta.owner_uid), None)
        return Snapshot(
            run=run,
            graph=graph,
            definition=definition,
            problem=problem,
            pods=pods,
            handler_pods=handler_pods,
            children=children,
            definitions=self,
            root=root,
            parent=parent,
            lock=lock_of(run, graph) if graph is not None else None,
            lock_state=self._lock_state(run, graph),
            artifacts=self.revisions[root.status.revision].artifacts if root and root.status.revision else None,
            claim=ClaimView(replace(run.meta, name="claim"), "Bound") if self.claims else None,
            volume_root="/volume",
            values=self.values,
            depth=depth,
            memo={} if self.fresh_memo else self.memos.setdefault(run.meta.uid, {}),
        )

    def _lock_state(self, run: RunView, graph: Graph | None) -> LockState:
        own = lock_of(run, graph) if graph is not None else None
        if own is None:
            return LockState()
        holders, waiters, limits, replacing = [], [], [], set()
        for other in self.runs.values():
            if not other.is_root or other.status.finished:
                continue
            found = self.resolve(other.spec.definition_ref)
            if isinstance(found, DefinitionProblem):
                continue
            self.revisions[found.revision] = found.spec
            lock = lock_of(other, self.graph(RunDefinitionRef(name=found.meta.name, revision=found.revision)) or graph)  # type: ignore[arg-type]
            if lock is None or lock.key != own.key:
                continue
            if other.status.start_time is not None:
                if other.meta.uid != run.meta.uid:
                    holders.append(other)
                    limits.append(lock.max_active)
            else:
                waiters.append(other)
                if lock.policy == "Replace":
                    replacing.add(other.meta.uid)
        waiters.sort(key=lambda one: (-one.spec.priority, one.meta.created_at, one.meta.name))
        return LockState(tuple(holders), (), tuple(waiters), min(limits, default=None), frozenset(replacing))

    # --- carrying out ---

    def step(self, name: str) -> bool:
        """Plan one run and carry the plan out; False if there was nothing to do."""
        before = self.snapshot(name)
        made = plan(before, self.now)
        self._check_pure(before, made)
        if made.needs:
            raise AssertionError(f"values are missing: {made.needs}")
        self._carry_out(name, made)
        return made != Plan(wake_at=made.wake_at)

    def _check_pure(self, snapshot: Snapshot, first: Plan) -> None:
        again = plan(replace(snapshot, memo={}), self.now)
        assert again == first, "the same snapshot gave another plan"

    def _carry_out(self, name: str, made: Plan) -> None:
        run = self.runs[name]
        for config_map in made.config_maps:
            for key, value in config_map.data.items():
                self.values[config_map.name, key] = value
        if made.claim is not None:
            self.claims.add(made.claim.name)
        for request in made.pods:
            assert request.name not in self.pods, f"Pod {request.name} made twice"
            assert run.status.start_time is not None, "a Pod before the run was admitted"
            self.made.append(request.name)
            self.requests[request.name] = request
            self.started.append(f"{name}/{request.task}")
            meta = Meta(
                "default", request.name, f"uid-{request.name}", "1", self.now, owner_uid=run.meta.uid, finalizers=("f",)
            )
            pod = PodView(
                meta, run=name, root=request.root, task=request.task, handler=request.handler, index=request.index,
                attempt=request.attempt, phase="Running", started_at=self.now,
            )  # fmt: skip
            self.pods[request.name] = PodAttempt(pod)
        for child in made.children:
            assert child.name not in self.runs, f"child {child.name} made twice"
            self.made.append(child.name)
            if child.definition is not None:
                self.revisions[child.definition.revision] = child.definition.spec
            self._version += 1
            meta = Meta(
                "default", child.name, f"uid-{child.name}", str(self._version), self.now, owner_uid=run.meta.uid
            )
            parent = ParentRef(name=name, uid=run.meta.uid, task=child.task, index=child.index, item=child.item)
            spec = JobRunSpec(definition_ref=child.definition_ref, params=dict(child.params), parent_ref=parent)
            self.runs[child.name] = RunView(
                meta, spec, JobRunStatus(), root=child.root, task=child.task, index=child.index, attempt=child.attempt
            )
        for stop in made.shutdowns:
            self.shutdown(stop.child.meta.name, stop.shutdown)
        for deletion in made.deletions:
            known = self.pods[deletion.pod.meta.name]
            if known.result is None:
                self.pods[deletion.pod.meta.name] = replace(
                    known, pod=replace(known.pod, meta=replace(known.pod.meta, deleting=True))
                )
        if made.status is not None:
            self._check_rows(run.status, made.status)
            self.runs[name] = replace(self.runs[name], status=made.status)
        for pod in made.releases:
            known = self.pods[pod.meta.name]
            self.pods[pod.meta.name] = replace(
                known, pod=replace(known.pod, meta=replace(known.pod.meta, finalizers=()))
            )
        self.events += [(name, event.reason) for event in made.events]

    @staticmethod
    def _check_rows(before: JobRunStatus, after: JobRunStatus) -> None:
        """Rows are final once ended; what is recorded as ended stays so."""
        rows = {row.name: row for row in after.tasks}
        for row in before.tasks:
            if row.phase.ended:
                assert rows[row.name].phase is row.phase, f"{row.name}: {row.phase} became {rows[row.name].phase}"
            assert rows[row.name].attempt >= row.attempt
        if before.result is not None:
            assert after.result is before.result

    def shutdown(self, name: str, how: str) -> None:
        """Set `spec.shutdown` of a run."""
        run = self.runs[name]
        self.runs[name] = replace(run, spec=run.spec.model_copy(update={"shutdown": Shutdown(how)}))

    def end(self, pod: str, result: TaskResult) -> None:
        """End a Pod."""
        known = self.pods[pod]
        self.pods[pod] = replace(known, result=replace(result, finished_at=result.finished_at or self.now))

    def live_pods(self) -> list[str]:
        """Names of Pods that run."""
        return [name for name, one in self.pods.items() if one.result is None]

    def settle(self, limit: int = 10_000) -> None:
        """Plan every run until nothing changes."""
        for _ in range(limit):
            if not any([self.step(name) for name in list(self.runs)]):
                return
        raise AssertionError("plans never settle")

    def play(self, outcome: Outcome, *, limit: int = 2_000) -> None:
        """Settle, end the oldest live Pod, and so on; with nothing live, let time pass to the next wake-up."""
        for _ in range(limit):
            self.settle()
            if all(run.status.finished for run in self.runs.values()):
                return
            live = self.live_pods()
            for name in live:
                pod = self.pods[name].pod
                result = (
                    TaskResult(TaskReason.EXIT_CODE, exit_code=143)
                    if pod.meta.deleting
                    else outcome(self.requests[name])
                )
                if result is not None:
                    self.end(name, result)
                    break
            else:
                wakes = [made.wake_at for made in self._plans() if made.wake_at is not None and made.wake_at > self.now]
                if not wakes:
                    raise AssertionError(f"stuck: {self.describe()}")
                self.now = min(wakes)
        raise AssertionError(f"does not end: {self.describe()}")

    def _plans(self) -> Iterator[Plan]:
        for name in self.runs:
            yield plan(self.snapshot(name), self.now)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    # --- looking ---

    def row(self, task: str, run: str = "run") -> TaskStatus:
        """Return the row of a task."""
        return next(row for row in self.runs[run].status.tasks if row.name == task)

    def phases(self, run: str = "run") -> dict[str, str]:
        """Return the phases of all tasks."""
        return {row.name: str(row.phase) for row in self.runs[run].status.tasks}

    def phase(self, run: str = "run") -> RunPhase | None:
        """Return the phase of a run."""
        return self.runs[run].status.phase

    def children(self, task: str, run: str = "run") -> list[RunView]:
        """Return the children that a task made, in the order of items and attempts."""
        uid = self.runs[run].meta.uid
        found = [one for one in self.runs.values() if one.meta.owner_uid == uid and one.task == task]
        return sorted(found, key=lambda one: (one.index or 0, one.attempt))

    def describe(self) -> str:
        """Say in lines where everything is."""
        lines = [
            f"{name}: {run.status.phase} {run.status.message} {self.phases(name)}" for name, run in self.runs.items()
        ]
        return "\n".join([*lines, f"live: {self.live_pods()}"])


def by_task(**results: TaskResult | None) -> Outcome:
    """Outcomes by task name (dashes as underscores); everything else succeeds."""
    return lambda request: results.get(request.task.replace("-", "_"), ok("" if request.capture_stdout else None))


ENDED = frozenset({TaskPhase.SUCCEEDED, TaskPhase.FAILED, TaskPhase.SKIPPED, TaskPhase.CANCELLED})
