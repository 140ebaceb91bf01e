"""Carrying plans out, write by write, on the model of a cluster."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from brood.api.jobrun import JobRunSpec, ParentRef, RerunRef, Shutdown
from brood.api.status import JobRunStatus
from brood.engine.plan import Plan, PodDeletion
from brood.engine.reconcile import plan
from brood.engine.snapshot import Refusal
from brood.views import ChildRequest, ClaimRequest, ClaimView, Meta, PodAttempt, PodRequest, PodView, RunView
from tests.unit.engine.checks import check_caps, check_shared, check_step, is_stopped
from tests.unit.engine.objects import Objects

ROUNDS = 4
Answer = tuple[Literal["Quota", "Forbidden", "Invalid", "NameConflict"], str]


@dataclass
class Carrier(Objects):
    """Everything that exists, and what plans make of it."""

    made: list[str] = field(default_factory=list)  # names of Pods and children, in the order of their creation
    untold: set[str] = field(default_factory=set)  # children made since their parent's status was last written
    started: list[str] = field(default_factory=list)  # run/task of each Pod
    events: list[tuple[str, str]] = field(default_factory=list)
    plans: int = 0
    pods_wait: bool = False  # Pods are Pending until `start_pod`
    refuse: Callable[[PodRequest | ChildRequest], Answer | None] | None = None  # what the server says to a create
    refuse_others: dict[str, Answer] = field(default_factory=dict)  # of ConfigMaps ("*": all) and the claim

    # --- planning and carrying out ---

    def step(self, name: str, *, crash_after: int | None = None) -> bool:
        """Plan one run and carry the plan out; False if there was nothing to do.

        ``crash_after``: only that many writes are done; the operator that comes after begins with an empty memo.
        """
        refusals: tuple[Refusal, ...] = ()
        for _ in range(ROUNDS):
            snapshot = replace(self.snapshot(name), refusals=refusals)
            made = plan(snapshot, self.now)
            self.plans += 1
            again = plan(replace(snapshot, memo={}), self.now)
            assert again == made, "the same snapshot gave another plan"
            assert not made.needs, f"values are missing: {made.needs}"
            refused = self._refused(made)
            if not refused - {one.name for one in refusals}:
                break
            known = {one.name: one for one in refusals}
            refusals = tuple(known.get(one) or self._answer(made, one) for one in sorted(refused | set(known)))
        writes = list(self._writes(name, made, {one.name for one in refusals}))
        for write in writes[:crash_after]:
            write()
        if crash_after is not None and crash_after < len(writes):
            self.memos.clear()
        return made != Plan(wake_at=made.wake_at, waits_for_slots=made.waits_for_slots)

    def _answer(self, made: Plan, name: str) -> Refusal:
        for request in made.pods:
            if request.name == name and self.refuse is not None and (answer := self.refuse(request)) is not None:
                return Refusal(name, *answer)
        for child in made.children:
            if child.name == name and self.refuse is not None and (answer := self.refuse(child)) is not None:
                return Refusal(name, *answer)
        return Refusal(name, *(self.refuse_others.get(name) or self.refuse_others["*"]))

    def _refused(self, made: Plan) -> set[str]:
        refused: set[str] = set()
        if self.refuse is not None:
            refused |= {pod.name for pod in made.pods if self.refuse(pod)}
            refused |= {child.name for child in made.children if self.refuse(child)}
        others = {one.name for one in made.config_maps} | ({made.claim.name} if made.claim else set())
        return refused | {one for one in others if one in self.refuse_others or "*" in self.refuse_others}

    def _writes(self, name: str, made: Plan, refused: set[str]) -> Iterator[Callable[[], None]]:
        """Yield what a plan asks for, write by write, in the order of `Plan`."""
        status = made.status
        if status is not None and made.status_first:
            yield lambda: self._write_status(name, status)
        for config_map in made.config_maps:
            if config_map.name not in refused:
                yield lambda one=config_map: self._store(one.name, one.data)  # type: ignore[misc]
        if made.claim is not None and made.claim.name not in refused:
            yield lambda one=made.claim: self._bind_claim(one)  # type: ignore[misc]
        if made.share_claim is not None:
            yield lambda one=made.share_claim: self._share_claim(one, self.runs[name].meta.uid)  # type: ignore[misc]
        for request in made.pods:
            if request.name not in refused:
                yield lambda one=request: self._make_pod(name, one)  # type: ignore[misc]
        for child in made.children:
            if child.name not in refused:
                yield lambda one=child: self._make_child(name, one)  # type: ignore[misc]
        for stop in made.shutdowns:
            yield lambda one=stop: self.shutdown(one.child.meta.name, one.shutdown)  # type: ignore[misc]
        for deletion in made.deletions:
            yield lambda one=deletion: self._delete(one)  # type: ignore[misc]
        if status is not None and not made.status_first:
            yield lambda: self._write_status(name, status)
        for pod in made.releases:
            yield lambda one=pod: self._release(one)  # type: ignore[misc]
        for event in made.events:
            yield lambda one=event: self.events.append((name, one.reason))  # type: ignore[misc]
        if made.delete_claim is not None:
            yield lambda one=made.delete_claim: self._delete_claim(one)  # type: ignore[misc]
        if made.delete_run:
            yield lambda: self.remove_run(name)

    def _store(self, config_map: str, data: object) -> None:
        assert isinstance(data, dict)
        for key, value in data.items():
            assert self.values.setdefault((config_map, key), value) == value, (
                f"{config_map} was made with another value"
            )

    def _bind_claim(self, request: ClaimRequest) -> None:
        meta = Meta("default", request.name, f"uid-{request.name}", "1", self.now)
        self.claims[request.name] = ClaimView(meta, "Bound", owners=(request.root_uid,))
        check_shared(self)

    def _delete_claim(self, claim: ClaimView) -> None:
        del self.claims[claim.meta.name]

    def _share_claim(self, claim: ClaimView, uid: str) -> None:
        self.claims[claim.meta.name] = replace(claim, owners=(*claim.owners, uid))

    def _make_pod(self, name: str, request: PodRequest) -> None:
        run = self.runs[name]
        assert request.name not in self.made, f"Pod {request.name} made twice"
        assert run.status.start_time is not None or not run.is_root, "a Pod before the run was admitted"
        assert not run.status.finished, "a Pod of a run that has ended"
        assert request.handler or not is_stopped(run), "a Pod of a run that was stopped"
        self.made.append(request.name)
        self.requests[request.name] = request
        self.started.append(f"{name}/{request.task}")
        meta = Meta(
            "default", request.name, f"uid-{request.name}", "1", self.now, owner_uid=run.meta.uid, finalizers=("f",)
        )
        pod = PodView(
            meta, run=name, root=request.root, task=request.task, handler=request.handler, index=request.index,
            attempt=request.attempt, phase="Pending" if self.pods_wait else "Running",
            started_at=None if self.pods_wait else self.now,
        )  # fmt: skip
        self.add_pod(PodAttempt(pod))
        check_caps(self, self.runs[name])
        check_shared(self)

    def _make_child(self, name: str, child: ChildRequest) -> None:
        run = self.runs[name]
        assert child.name not in self.made, f"child {child.name} made twice"
        assert run.status.start_time is not None, "a child before its parent was admitted"
        assert not run.status.finished, "a child of a run that has ended"
        assert not is_stopped(run), "a child of a run that was stopped"
        self.made.append(child.name)
        if child.definition is not None:
            self.revisions[child.definition.revision] = child.definition.spec
        self._version += 1
        meta = Meta(
            "default", child.name, f"uid-child-{self._version}", str(self._version), self.now, owner_uid=run.meta.uid
        )
        parent = ParentRef(name=name, uid=run.meta.uid, task=child.task, index=child.index, item=child.item)
        rerun_of = None if child.rerun_of is None else RerunRef(name=child.rerun_of)
        spec = JobRunSpec(
            definition_ref=child.definition_ref, params=dict(child.params), parent_ref=parent, rerun_of=rerun_of
        )
        view = RunView(
            meta, spec, JobRunStatus(), root=child.root, task=child.task, index=child.index, attempt=child.attempt
        )
        self.add_run(view)
        self.untold.add(child.name)
        check_caps(self, self.runs[name])

    def _delete(self, deletion: PodDeletion) -> None:
        name = deletion.pod.meta.name
        known = self.pods.get(name)
        if known is None:
            return
        self.set_pod(name, meta=replace(known.pod.meta, deleting=True))
        if known.result is not None or deletion.grace_seconds == 0:
            self._leave(name)

    def _release(self, pod: PodView) -> None:
        known = self.pods.get(pod.meta.name)
        if known is not None:
            self.set_pod(pod.meta.name, meta=replace(known.pod.meta, finalizers=()))
            self._leave(pod.meta.name)

    def _leave(self, name: str) -> None:
        """Let a deleted Pod go once nothing holds it."""
        meta = self.pods[name].pod.meta
        if meta.deleting and not meta.finalizers:
            self.remove_pod(name)

    def _write_status(self, name: str, status: JobRunStatus) -> None:
        before = self.runs[name]
        self.set_run(name, status=status)
        self.untold -= {
            one for one in self.untold if one in self.runs and self.runs[one].meta.owner_uid == before.meta.uid
        }
        check_step(before, self.runs[name])
        check_shared(self)

    def shutdown(self, name: str, how: str = "Interrupt") -> None:
        """Set `spec.shutdown` of a run."""
        run = self.runs.get(name)
        if run is not None:
            self.set_run(name, spec=run.spec.model_copy(update={"shutdown": Shutdown(how)}))
