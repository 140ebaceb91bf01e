"""Conditions as a tuple: read, set, remove."""

from datetime import datetime
from typing import Literal

from brood.api.status import Condition


def get_condition(conditions: tuple[Condition, ...], type_: str) -> Condition | None:
    """Return the condition of that type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: tuple[Condition, ...], type_: str) -> bool:
    """Say whether the condition of that type is there and True."""
    condition = get_condition(conditions, type_)
    return condition is not None and condition.status == "True"


def set_condition(
    conditions: tuple[Condition, ...],
    type_: str,
    *,
    status: Literal["True", "False", "Unknown"],
    reason: str,
    message: str = "",
    now: datetime,
    generation: int | None = None,
) -> tuple[Condition, ...]:
    """Return the conditions with one set.

    ``lastTransitionTime`` changes only when the status does, as meta/v1 wants; a new condition goes to the end.
    """
    before = get_condition(conditions, type_)
    changed = before is None or before.status != status or before.last_transition_time is None
    after = Condition(
        type=str(type_),
        status=status,
        reason=str(reason),
        message=message,
        last_transition_time=now if before is None or changed else before.last_transition_time,
        observed_generation=generation,
    )
    if before is None:
        return (*conditions, after)
    return tuple(after if condition is before else condition for condition in conditions)


def remove_condition(conditions: tuple[Condition, ...], type_: str) -> tuple[Condition, ...]:
    """Return the conditions without that of this type."""
    return tuple(condition for condition in conditions if condition.type != type_)
