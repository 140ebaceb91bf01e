import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brood.cluster.local.mergepatch import merge_patch

keys = st.sampled_from("abcd")
scalars = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "x"]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)


def reference(target: Any, patch: Any) -> Any:
    """Apply a patch as RFC 7386 has it, section 2."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        for name, value in patch.items():
            if value is None:
                target.pop(name, None)
            else:
                target[name] = reference(target.get(name), value)
        return target
    return patch


@given(values, values)
def test_a_merge_patch_does_what_the_rfc_says(target: Any, patch: Any) -> None:
    assert merge_patch(target, patch) == reference(copy.deepcopy(target), copy.deepcopy(patch))


@given(values, values)
def test_neither_argument_is_changed(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    merge_patch(target, patch)
    assert (target, patch) == before


def test_what_a_patch_does_not_touch_is_shared() -> None:
    target = {"spec": {"a": [1, 2]}, "status": {"phase": "Pending"}}
    merged = merge_patch(target, {"status": {"phase": "Running"}})
    assert merged["spec"] is target["spec"]


def test_a_patch_that_changes_nothing_returns_the_very_object() -> None:
    target = {"spec": {"a": {"b": 1}}}
    assert merge_patch(target, {"spec": {"a": {"c": None}}}) is target
