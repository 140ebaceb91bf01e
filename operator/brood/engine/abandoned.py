"""Children whose parent is gone while they stay: it was deleted with ``--cascade=orphan``, or never there (§2).

"A run whose owner is gone or terminating creates nothing", so such a run gets no further: it ends when its last Pod has, lest it is
said to run for ever. One that goes with its parent still names it as its owner, and is left to the garbage collector.
"""

from dataclasses import replace
from datetime import datetime

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import RunReason
from brood.api.status import JobRunStatus
from brood.engine.snapshot import Snapshot
from brood.engine.status import Verdict, summarize, with_verdict

TOLD = "the run that made it is gone"


def ended_alone(snapshot: Snapshot, now: datetime) -> JobRunStatus | None:
    """Return the status of a run that ends because nobody is left to go on for, None for any other."""
    run, parent = snapshot.run, snapshot.parent
    alone = run.meta.owner_uid is None or (parent is not None and parent.status.finished)
    if run.meta.deleting or run.status.finished or not alone or _lives(snapshot):
        return None
    rows = [
        row
        if row.phase.ended
        else replace(
            row, phase=TaskPhase.CANCELLED, reason=str(RunReason.TERMINATED), message=TOLD, completion_time=now
        )
        for row in run.status.tasks
    ]
    phase = run.status.result or RunPhase.CANCELLED
    status = replace(run.status, tasks=tuple(rows), result=phase)
    if rows:
        status = replace(status, summary=summarize(rows), progress=f"{len(rows)}/{len(rows)}")
    return with_verdict(run, status, Verdict(phase, RunReason.TERMINATED, TOLD), now)


def _lives(snapshot: Snapshot) -> bool:
    pods = (*snapshot.pods.values(), *snapshot.handler_pods.values())
    return any(one.result is None for attempts in pods for one in attempts)
