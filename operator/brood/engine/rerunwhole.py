"""A child run whose predecessor succeeded ends at once, with all that this one left; nothing of it runs, no handler either (§4)."""

from dataclasses import dataclass, replace
from datetime import datetime

from brood.api.names import object_name
from brood.api.reasons import ConditionType
from brood.api.status import JobRunStatus, OutputRef, TaskStatus
from brood.engine.artifacts import directory_of
from brood.engine.draft import ASK_AGAIN
from brood.engine.plan import Plan
from brood.engine.rerun import large_values, source, succeeded
from brood.engine.snapshot import Snapshot
from brood.engine.status import Verdict, with_condition, with_verdict
from brood.views import ConfigMapRequest, RunView


def take_over_whole(snapshot: Snapshot, now: datetime) -> Plan | None:
    """Plan for a child that takes over all of an earlier one; None for any other run, and where some of that is gone."""
    run, previous = snapshot.run, source(snapshot)
    if run.is_root or run.spec.suspend or snapshot.pods or previous is None or not succeeded(snapshot, previous.run):
        return None
    old = previous.run.status
    refs = large_values(old)
    if any(ref in snapshot.lost for ref in refs):
        return None
    if missing := tuple(ref for ref in refs if ref not in snapshot.values):
        return Plan(needs=missing)
    copies = {name: _copy(snapshot, name, [key for one, key in refs if one == name]) for name, _ in refs}
    if refused := {one.kind for one in snapshot.refusals if one.name in {copy.name for copy in copies.values()}}:
        return Plan(wake_at=now + ASK_AGAIN) if refused == {"Quota"} else None
    status = _Takeover(previous.run, now, {name: copy.name for name, copy in copies.items()}).status(run)
    return Plan(config_maps=tuple(copies.values()), status=status)


def _copy(snapshot: Snapshot, config_map: str, keys: list[str]) -> ConfigMapRequest:
    """Return a ConfigMap of this run with the same values, so that they outlive the earlier run."""
    run = snapshot.run.meta
    name = object_name(run.name, run.uid, task=f"rerun/{config_map}", index=None, attempt=1)
    data = {key: snapshot.values[config_map, key] for key in keys}
    return ConfigMapRequest(run.namespace, name, run.name, run.uid, data)


@dataclass(frozen=True, slots=True)
class _Takeover:
    """The status of an earlier run becomes that of a new one; ``copies`` are the new names of its ConfigMaps."""

    old: RunView
    now: datetime
    copies: dict[str, str]

    def status(self, run: RunView) -> JobRunStatus:
        old = self.old.status
        files = old.artifacts
        if files is not None and files.list_ref is not None:
            files = replace(files, list_ref=self._ref(files.list_ref))
        status = JobRunStatus(
            revision=old.revision, start_time=self.now, result=old.result, exit_code=old.exit_code, summary=old.summary,
            progress=old.progress, tasks=tuple(map(self._row, old.tasks)), outputs=old.outputs,
            output_refs={name: self._ref(ref) for name, ref in old.output_refs.items()}, artifacts=files,
        )  # fmt: skip
        status = with_condition(
            status, ConditionType.ADMITTED, value=True, reason="Admitted", message="", run=run, now=self.now
        )
        assert old.phase is not None  # noqa: S101 - it has ended
        told = f"taken over from {self.old.meta.name}"
        return with_verdict(run, status, Verdict(old.phase, old.phase.value, told), self.now)

    def _row(self, row: TaskStatus) -> TaskStatus:
        return replace(
            row, attempt=0, failures=0, infra_retries=0, pod_name=None, child_name=None,
            output_refs={name: self._ref(ref) for name, ref in row.output_refs.items()},
            taken_over=directory_of(self.old, row) if row.attempt else row.taken_over,
        )  # fmt: skip

    def _ref(self, ref: OutputRef) -> OutputRef:
        return OutputRef(config_map=self.copies[ref.config_map], key=ref.key)
