"""What is read of child runs, and how a stop is passed on to them; the same for `run`, `fork` and items (§2.1, §2.2)."""

from datetime import datetime

from brood.api.jobrun import Shutdown
from brood.api.phases import RunPhase
from brood.api.reasons import TaskReason
from brood.engine.draft import Draft, LostValues
from brood.engine.outputs import CannotKeep
from brood.engine.plan import ChildShutdown
from brood.views import RunView

GOOD = frozenset({RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED})


def has_started(child: RunView) -> bool:
    """Whether a child run was admitted."""
    return child.status.start_time is not None


def ended_at(child: RunView) -> datetime:
    """Return when a finished child ended."""
    return child.status.completion_time or child.meta.created_at


def stop_child(draft: Draft, child: RunView, *, timed_out: bool) -> None:
    """Pass a stop on to a child: Terminate to all; Interrupt only to one that has not started, the others finish their graph."""
    wanted: Shutdown | None = None
    if draft.stops_pods or timed_out:
        wanted = Shutdown.TERMINATE
    elif draft.stop and not has_started(child):
        wanted = Shutdown.INTERRUPT
    have = child.spec.shutdown
    if wanted is None or have in {wanted, Shutdown.TERMINATE} or child.status.finished:
        return
    draft.shutdowns.append(ChildShutdown(child, wanted.value))


def child_outputs(draft: Draft, child: RunView) -> dict[str, str]:
    """Return all outputs of a child run, the large ones too, by name; raises `CannotKeep` where some are gone."""
    try:
        large = draft.values(child.status.output_refs)
    except LostValues as lost:
        raise CannotKeep(TaskReason.OUTPUT_INVALID, f"child run {child.meta.name}: {lost}") from lost
    return dict(sorted({**child.status.outputs, **large}.items()))
