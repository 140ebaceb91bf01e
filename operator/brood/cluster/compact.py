"""Views that take little room: what is equal is kept once.

Children of one fan-out agree in their definition, their reasons and most of their times. The functions here change
objects that were just made and that nobody else has seen; from then on they are frozen.
"""

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from brood.api.base import Model
from brood.api.jobrun import JobRunSpec, RunDefinitionRef
from brood.api.status import Condition, JobRunStatus, RunSummary, TaskStatus

H = TypeVar("H", bound=Hashable)

_EMPTY: Final[Mapping[str, Any]] = {}


@lru_cache(maxsize=16384)
def share(text: str) -> str:
    """Return a string that equal ones share while they are in use (interning would keep them for ever)."""
    return text


@lru_cache(maxsize=4096)
def _time(moment: datetime) -> datetime:
    return moment


@lru_cache(maxsize=4096)
def _ref(ref: RunDefinitionRef) -> RunDefinitionRef:
    return ref


@lru_cache(maxsize=4096)
def _condition(condition: Condition) -> Condition:
    if condition.last_transition_time is not None:
        _set(condition, "last_transition_time", _time(condition.last_transition_time))
    for name in ("type", "reason", "message"):
        _set(condition, name, share(getattr(condition, name)))
    return condition


@lru_cache(maxsize=4096)
def _summary(summary: RunSummary) -> RunSummary:
    return summary


@lru_cache(maxsize=1024)
def _field_set(given: frozenset[str]) -> set[str]:
    return set(given)


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def _fields_given(model: Model) -> None:
    _set(model, "__pydantic_fields_set__", _field_set(frozenset(model.model_fields_set)))


def compact_spec(spec: JobRunSpec) -> JobRunSpec:
    """Share what a run's spec has in common with others'."""
    ref = spec.definition_ref
    _fields_given(ref)
    spec.__dict__["definition_ref"] = _ref(ref)
    if (parent := spec.parent_ref) is not None:
        parent.__dict__.update(name=share(parent.name), uid=share(parent.uid), task=share(parent.task))
        _fields_given(parent)
    _fields_given(spec)
    return spec


def _slots(kind: type, *names: str) -> tuple[tuple[Callable[[object], Any], Callable[[object, object], None]], ...]:
    """Return how to read and to write fields of a frozen class, without a detour by their names: this is done for every run."""
    found = [getattr(kind, name) for name in names]
    return tuple((one.__get__, one.__set__) for one in found)


_TEXTS: Final = {
    JobRunStatus: _slots(JobRunStatus, "message", "revision", "progress"),
    TaskStatus: _slots(TaskStatus, "name", "pod_name", "child_name", "reason", "message", "routed_to", "taken_over"),
}
_TIMES: Final = {
    JobRunStatus: _slots(JobRunStatus, "start_time", "completion_time", "suspended_since"),
    TaskStatus: _slots(TaskStatus, "start_time", "completion_time", "next_attempt_time", "waiting_since"),
}
_MAPPINGS: Final = {kind: _slots(kind, "outputs", "output_refs") for kind in (JobRunStatus, TaskStatus)}


def _compact(target: JobRunStatus | TaskStatus) -> None:
    kind = type(target)
    for read, write in _TEXTS[kind]:
        if text := read(target):
            write(target, share(text))
    for read, write in _TIMES[kind]:
        if moment := read(target):
            write(target, _time(moment))
    for read, write in _MAPPINGS[kind]:
        if not read(target):
            write(target, _EMPTY)


def compact_status(status: JobRunStatus) -> JobRunStatus:
    """Share what a run's status has in common with others'."""
    _compact(status)
    _set(status, "conditions", tuple([_condition(one) for one in status.conditions]))
    if status.summary is not None:
        _set(status, "summary", _summary(status.summary))
    for row in (*status.tasks, *status.handlers):
        _compact(row)
    return status
