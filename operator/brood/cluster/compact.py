"""Views that take little room: what is equal is kept once.

Children of one fan-out agree in their definition, their reasons and most of their times. The functions here change
objects that were just made and that nobody else has seen; from then on they are frozen.
"""

from collections.abc import Hashable, Mapping
from dataclasses import fields
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


_ROW_FIELDS = tuple(field.name for field in fields(TaskStatus))
_STATUS_FIELDS = tuple(field.name for field in fields(JobRunStatus))


def _small_parts(target: TaskStatus | JobRunStatus) -> list[tuple[str, object]]:
    """Return the fields that hold a string, a time or an empty mapping, with what is shared in its place."""
    found: list[tuple[str, object]] = []
    for name in _ROW_FIELDS if isinstance(target, TaskStatus) else _STATUS_FIELDS:
        value = getattr(target, name)
        if type(value) is str:
            found.append((name, share(value)))
        elif type(value) is datetime:
            found.append((name, _time(value)))
        elif type(value) is dict and not value:
            found.append((name, _EMPTY))
    return found


def compact_status(status: JobRunStatus) -> JobRunStatus:
    """Share what a run's status has in common with others'."""
    for name, value in _small_parts(status):
        _set(status, name, value)
    for condition in status.conditions:
        if condition.last_transition_time is not None:
            _set(condition, "last_transition_time", _time(condition.last_transition_time))
        _set(condition, "reason", share(condition.reason))
        _set(condition, "message", share(condition.message))
        _set(condition, "type", share(condition.type))
    _set(status, "conditions", tuple(_condition(one) for one in status.conditions))
    if status.summary is not None:
        _set(status, "summary", _summary(status.summary))
    for row in (*status.tasks, *status.handlers):
        for name, value in _small_parts(row):
            _set(row, name, value)
    return status
