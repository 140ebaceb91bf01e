from datetime import UTC, datetime, timedelta

from brood.api.conditions import get_condition, is_true, remove_condition, set_condition
from brood.api.reasons import ConditionType, RunReason, WaitingReason
from brood.api.status import Condition

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def test_a_new_condition_goes_to_the_end() -> None:
    first = set_condition((), ConditionType.ADMITTED, status="True", reason="Admitted", now=NOW, generation=2)
    both = set_condition(first, "Ready", status="False", reason="Because", message="of this", now=LATER)
    assert [condition.type for condition in both] == ["Admitted", "Ready"]
    assert both[0] == Condition("Admitted", "True", "Admitted", "", NOW, 2)
    assert both[1].message == "of this"


def test_the_transition_time_changes_only_with_the_status() -> None:
    before = set_condition(
        (), "Succeeded", status="Unknown", reason=WaitingReason.QUEUED, message="position 3", now=NOW
    )
    same = set_condition(
        before, "Succeeded", status="Unknown", reason=WaitingReason.QUEUED, message="position 2", now=LATER
    )
    assert same[0].last_transition_time == NOW
    assert same[0].message == "position 2"
    ended = set_condition(same, "Succeeded", status="True", reason=RunReason.SUCCEEDED, now=LATER)
    assert ended[0].last_transition_time == LATER


def test_a_condition_keeps_its_place_and_the_others_are_untouched() -> None:
    conditions = (Condition("A", "True"), Condition("B", "True"), Condition("C", "True"))
    after = set_condition(conditions, "B", status="False", reason="R", now=NOW)
    assert [condition.status for condition in after] == ["True", "False", "True"]
    assert after[0] is conditions[0]


def test_setting_a_condition_twice_changes_nothing() -> None:
    once = set_condition((), "A", status="True", reason="R", message="m", now=NOW, generation=1)
    assert set_condition(once, "A", status="True", reason="R", message="m", now=LATER, generation=1) == once


def test_conditions_are_found_and_removed_by_type() -> None:
    conditions = (Condition("A", "True"), Condition("B", "False"))
    assert get_condition(conditions, "B") is conditions[1]
    assert get_condition(conditions, "C") is None
    assert (is_true(conditions, "A"), is_true(conditions, "B"), is_true(conditions, "C")) == (True, False, False)
    assert remove_condition(conditions, "A") == (conditions[1],)
    assert remove_condition(conditions, "C") == conditions
