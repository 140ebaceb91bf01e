"""Templates in parsed objects: leaf strings, one pass."""

from collections.abc import Callable
from typing import Any

import pytest

from brood.templating import TemplateError, compile_template, is_template, render_tree, walk_strings
from tests.unit.templating.sample import ITEM, SAMPLE

TREE: dict[str, Any] = {
    "image": "alpine:{{ params.N }}",
    "args": ["{{ params.N }}", "plain", ["{{ outputs.R.outputs[0] }}"]],
    "{{ params.N }}": "keys are no leaves",
    "limits": {"cpu": 1, "gpu": None, "spot": True, "share": 0.5},
}


def test_leaves_are_rendered_and_everything_else_stays() -> None:
    assert render_tree(TREE, SAMPLE, field="f") == {
        "image": "alpine:3",
        "args": [3, "plain", [{"CALC": "100"}]],
        "{{ params.N }}": "keys are no leaves",
        "limits": {"cpu": 1, "gpu": None, "spot": True, "share": 0.5},
    }


def test_leaves_of_a_field_that_wants_text_become_text() -> None:
    assert render_tree(TREE["args"], SAMPLE, field="f", as_text=True) == ["3", "plain", ['{"CALC":"100"}']]


def test_the_object_itself_is_not_changed() -> None:
    before = repr(TREE)
    render_tree(TREE, SAMPLE, field="f")
    assert repr(TREE) == before


def test_what_a_leaf_renders_to_is_not_rendered_again() -> None:
    context = ITEM.with_item("{{ params.ENV }}", 0)
    assert render_tree(["{{ item }}", "{{ '{{' }} params.ENV }}"], context, field="f") == [
        "{{ params.ENV }}",
        "{{ params.ENV }}",
    ]


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"a": [{"b": "{{ x }}"}]}, "spec.a[0].b"),
        (["ok", "{{ params.nope }}"], "spec[1]"),
        ("{{ }}", "spec"),
        ({"tasks": [1, 2, {"container": {"args": ["{% x %}"]}}]}, "spec.tasks[2].container.args[0]"),
    ],
)
def test_an_error_names_the_path_of_the_leaf(tree: Any, path: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_tree(tree, SAMPLE, field="spec")
    assert str(caught.value).startswith(f"{path}: ")


def test_strings_are_walked_in_order_with_their_paths() -> None:
    assert list(walk_strings({"a": ["x", {"b": "y"}], "c": 1, "d": "z"}, field="spec")) == [
        ("spec.a[0]", "x"),
        ("spec.a[1].b", "y"),
        ("spec.d", "z"),
    ]
    assert list(walk_strings("x", field="spec.when")) == [("spec.when", "x")]


def nested(make: Callable[[Any], Any], depth: int) -> Any:
    value: Any = "{{ 1 }}"
    for _ in range(depth):
        value = make(value)
    return value


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"k": inner}])
def test_a_tree_that_is_too_deep_is_refused(make: Callable[[Any], Any]) -> None:
    with pytest.raises(TemplateError, match="nested deeper"):
        render_tree(nested(make, 50_000), SAMPLE, field="spec")
    assert repr(render_tree(nested(make, 50), SAMPLE, field="spec")) == repr(nested(make, 50)).replace("'{{ 1 }}'", "1")
    assert sum(1 for _ in walk_strings(nested(make, 5_000), field="spec")) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ x }}", True),
        ("a{{", True),
        ("{% if x %}", True),
        ("", False),
        ("a { b } }}", False),
        ("${#list[@]}", False),
        ("printf '{%s}'", False),
        ("{# comment #}", False),
    ],
)
def test_what_is_a_template(text: str, expected: bool) -> None:  # noqa: FBT001
    assert is_template(text) is expected


def test_a_literal_of_any_length_is_passed_through() -> None:
    text = "x" * 5_000_000
    assert render_tree([text], SAMPLE, field="f") == [text]
    assert compile_template(text, field="f").render(SAMPLE, field="f") == text
