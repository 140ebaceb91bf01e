"""What exists in the model of a cluster, and the snapshots that are gathered from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import yaml

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.jobrun import JobRunSpec, RunDefinitionRef
from brood.api.status import JobDefinitionStatus, JobRunStatus
from brood.engine.concurrency import lock_of
from brood.engine.graph import Graph, compile_graph
from brood.engine.locks import Lock, LockState, SlotState
from brood.engine.params import InvalidParams
from brood.engine.ranges import IndexRanges
from brood.engine.snapshot import ChildIndex, DefinitionProblem, Previous, Snapshot
from brood.templating import TemplateError
from brood.views import ClaimView, DefinitionView, Meta, PodAttempt, PodRequest, RunView

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Objects:
    """Everything that exists, by name."""

    now: datetime = START
    definitions: dict[str, DefinitionView] = field(default_factory=dict)
    runs: dict[str, RunView] = field(default_factory=dict)
    pods: dict[str, PodAttempt] = field(default_factory=dict)
    requests: dict[str, PodRequest] = field(default_factory=dict)
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    lost: set[tuple[str, str]] = field(default_factory=set)  # of those, what somebody has deleted
    claims: dict[str, ClaimView] = field(default_factory=dict)
    limits: SlotState = field(default_factory=SlotState)  # sizes of pools, and what a namespace may hold
    revisions: dict[str, JobDefinitionSpec] = field(default_factory=dict)
    memos: dict[str, dict[object, object]] = field(default_factory=dict)
    max_depth: int = 16
    _graphs: dict[tuple[str | None, ...], Graph] = field(default_factory=dict)
    _pods_of: dict[str, dict[str, None]] = field(default_factory=dict)  # uid of a run -> names of its Pods
    _runs_of: dict[str, dict[str, None]] = field(default_factory=dict)  # uid of a run -> names of its children
    _by_uid: dict[str, str] = field(default_factory=dict)
    _version: int = 0

    # --- making objects ---

    def define(self, text: str | dict[str, Any], name: str = "main") -> None:
        """Add or replace a definition, given its spec (or the YAML of it)."""
        spec = JobDefinitionSpec.from_json(yaml.safe_load(text) if isinstance(text, str) else text)
        self._version += 1
        revision = f"{name}-r{self._version}"
        meta = Meta("default", name, f"def-{name}", str(self._version), self.now)
        self.definitions[name] = DefinitionView(meta, spec, JobDefinitionStatus(), revision)

    def submit(self, name: str = "run", definition: str = "main", **spec: Any) -> RunView:
        """Create a root run."""
        self._version += 1
        meta = Meta("default", name, f"uid-{name}-{self._version}", str(self._version), self.now)
        asked = JobRunSpec(**{"definition_ref": RunDefinitionRef(name=definition), **spec})
        view = RunView(meta, asked, JobRunStatus(), root=name)
        self.add_run(view)
        return view

    def add_run(self, view: RunView) -> None:
        """Put a run in."""
        self.runs[view.meta.name] = view
        self._by_uid[view.meta.uid] = view.meta.name
        self._runs_of.setdefault(view.meta.owner_uid or "", {})[view.meta.name] = None

    def add_pod(self, attempt: PodAttempt) -> None:
        """Put a Pod in."""
        self.pods[attempt.pod.meta.name] = attempt
        self._pods_of.setdefault(attempt.pod.meta.owner_uid or "", {})[attempt.pod.meta.name] = None

    def remove_pod(self, name: str) -> None:
        """Let a Pod be gone."""
        gone = self.pods.pop(name)
        del self._pods_of[gone.pod.meta.owner_uid or ""][name]

    def remove_run(self, name: str) -> None:
        """Let a run be gone, and everything that it owned."""
        gone = self.runs.pop(name)
        del self._runs_of[gone.meta.owner_uid or ""][name]
        del self._by_uid[gone.meta.uid]
        for pod in list(self._pods_of.get(gone.meta.uid, ())):
            self.remove_pod(pod)
        for child in list(self._runs_of.get(gone.meta.uid, ())):
            self.remove_run(child)
        self.claims = {
            at: one for at, one in self.claims.items() if gone.meta.uid not in one.owners or self._owners_of(one)
        }

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
        reason = "AmbiguousDefinition" if found else "DefinitionNotFound"
        return DefinitionProblem(reason, f"JobDefinition {name or f'{type_}:{version}'}: {len(found)} found")

    def graph(self, ref: RunDefinitionRef) -> Graph | None:
        """Compile a pinned definition."""
        key = (ref.revision, ref.local, ref.task)
        if key not in self._graphs:
            spec = self.revisions[ref.revision or ""]
            self._graphs[key] = compile_graph(
                ref.revision or "", spec, definition=ref.name or "", local=ref.local, task=ref.task
            )
        return self._graphs[key]

    def parents(self, run: RunView) -> Iterator[RunView]:
        """Yield the runs above one, its parent first."""
        name = self._by_uid.get(run.meta.owner_uid or "")
        while name is not None:
            yield self.runs[name]
            name = self._by_uid.get(self.runs[name].meta.owner_uid or "")

    def pods_of(self, run: RunView) -> list[PodAttempt]:
        """Return the Pods of a run, oldest first."""
        return [self.pods[name] for name in self._pods_of.get(run.meta.uid, ())]

    def children_of(self, run: RunView) -> list[RunView]:
        """Return the child runs of a run, oldest first."""
        return [self.runs[name] for name in self._runs_of.get(run.meta.uid, ())]

    def snapshot(self, name: str) -> Snapshot:
        """Gather what one run's plan sees."""
        run = self.runs[name]
        graph, definition, problem = self._definition_of(run)
        pods: dict[str, list[PodAttempt]] = {}
        handler_pods: dict[str, list[PodAttempt]] = {}
        for attempt in self.pods_of(run):
            (handler_pods if attempt.pod.handler else pods).setdefault(attempt.pod.task, []).append(attempt)
        above = list(self.parents(run))
        root = self.runs.get(run.root)
        lock, problem_of_lock = self._lock_of(run, graph)
        of_root, _ = (None, "") if root is None else self._lock_of(root, self._definition_of(root)[0])
        pinned = root.status.revision if root is not None else None
        return Snapshot(
            run=run,
            graph=graph,
            definition=definition,
            problem=problem,
            pods=pods,
            handler_pods=handler_pods,
            children=self._child_index(run),
            definitions=self,
            root=None if run.is_root else root,
            parent=above[0] if above else None,
            around=next((one for one in (run, *above) if one.spec.definition_ref.local is None), None),
            siblings=self._child_index(above[0]) if above else ChildIndex(),
            lock=lock,
            lock_state=self._lock_state(run, lock),
            lock_label="" if of_root is None else of_root.label,
            lock_problem=problem_of_lock,
            previous=self._previous_of(run),
            artifacts=self.revisions[pinned].artifacts if pinned else None,
            claim=None if root is None else self._claim_of(root),
            claim_shared=root is not None and len(self._owners_of(self._claim_of(root))) > 1,
            volume_root="/volume",
            values=self.values,
            lost=self.lost,
            slots=self.slots(),
            orphaned=not run.is_root and (not above or above[-1].meta.deleting),
            depth=1 + len(above),
            max_depth=self.max_depth,
            memo=self.memos.setdefault(run.meta.uid, {}),
        )

    def _previous_of(self, run: RunView) -> Previous | None:
        wanted = run.spec.rerun_of
        old = None if wanted is None else self.runs.get(wanted.name)
        return None if old is None else Previous(old, self._child_index(old), self._claim_of(old))

    @property
    def claim(self) -> ClaimView | None:
        """The only claim."""
        return next(iter(self.claims.values()), None)

    @claim.setter
    def claim(self, claim: ClaimView | None) -> None:
        self.claims = {} if claim is None else {claim.meta.name: claim}

    def _claim_of(self, root: RunView) -> ClaimView | None:
        return next((one for one in self.claims.values() if root.meta.uid in one.owners or not one.made), None)

    def _owners_of(self, claim: ClaimView | None) -> list[str]:
        return [] if claim is None else [uid for uid in claim.owners if uid in self._by_uid]

    def slots(self) -> SlotState:
        """Return what Pods, claims and root runs hold now."""
        live = [name for name, one in self.pods.items() if one.result is None]
        taken: dict[str, list[str]] = {}
        for name in live:
            for pool in self.requests[name].pools:
                taken.setdefault(pool, []).append(name)
        roots = [one for one in self.runs.values() if one.is_root]
        active = sum(one.status.start_time is not None and not one.status.finished for one in roots)
        volumes = [one.meta.name for one in self.claims.values()]
        return replace(self.limits, holders=taken, pods=len(live), runs=active, volumes=volumes)

    def _definition_of(self, run: RunView) -> tuple[Graph | None, DefinitionView | None, DefinitionProblem | None]:
        ref = run.spec.definition_ref
        revision = run.status.revision or ref.revision
        if revision is not None:
            base = ref.name or revision.rsplit("-", 1)[0]
            pinned = RunDefinitionRef(name=base, local=ref.local, task=ref.task, revision=revision)
            return self.graph(pinned), None, None
        found = self.resolve(ref)
        if isinstance(found, DefinitionProblem):
            return None, None, found
        self.revisions[found.revision] = found.spec
        return self.graph(RunDefinitionRef(name=found.meta.name, revision=found.revision)), found, None

    def _child_index(self, run: RunView) -> ChildIndex:
        children = ChildIndex()
        for row in run.status.tasks:
            if row.items is not None:
                items = row.items
                texts = (
                    items.completed_indexes, items.failed_indexes, items.cancelled_indexes, items.skipped_indexes
                )  # fmt: skip
                children.record(row.name, IndexRanges.union(IndexRanges.parse(text) for text in texts))
        for child in self.children_of(run):
            children.put(child)
        return children

    @staticmethod
    def _lock_of(run: RunView, graph: Graph | None) -> tuple[Lock | None, str]:
        try:
            return (None if graph is None else lock_of(run, graph)), ""
        except (InvalidParams, TemplateError) as error:
            return None, str(error)

    def _lock_state(self, run: RunView, own: Lock | None) -> LockState:
        if own is None or not run.is_root:
            return LockState()
        holders: list[RunView] = []
        waiters: list[RunView] = []
        limits: list[int] = []
        replacing: dict[str, int] = {}
        for other in self.runs.values():
            if not other.is_root or other.status.finished:
                continue
            known, _, _ = self._definition_of(other)
            lock, _ = self._lock_of(other, known)
            if lock is None or lock.key != own.key:
                continue
            if other.status.start_time is not None:
                if other is not run:
                    holders.append(other)
                    limits.append(lock.max_active)
            else:
                waiters.append(other)
                if lock.policy == "Replace":
                    replacing[other.meta.uid] = lock.max_active
        waiters.sort(key=lambda one: (-one.spec.priority, one.meta.created_at, one.meta.name))
        return LockState(tuple(holders), (), tuple(waiters), min(limits, default=None), replacing)

    def set_run(self, name: str, **changes: Any) -> None:
        """Replace a run's view."""
        self.runs[name] = replace(self.runs[name], **changes)

    def set_pod(self, name: str, **changes: Any) -> None:
        """Replace fields of a Pod's view."""
        known = self.pods[name]
        self.pods[name] = replace(known, pod=replace(known.pod, **changes))
