"""What a template names, found without running it: "every task that a template of this task names" is an edge."""

import pytest

from brood.templating import References, compile_template

CASES: list[tuple[str, References]] = [
    ("no template", References()),
    ("{{ 1 }}", References()),
    ("{{ params.A }}-{{ params['B'] }}", References(params=frozenset({"A", "B"}))),
    ('{{ tasks["a"].phase }}', References(tasks=frozenset("a"), details=frozenset({("a", "phase")}))),
    ("{{ tasks['a'].exitCode }}", References(tasks=frozenset("a"), details=frozenset({("a", "exitCode")}))),
    ("{{ tasks.a.output }}", References(tasks=frozenset("a"), details=frozenset({("a", "output")}))),
    ("{{ tasks['a']['output'].x }}", References(tasks=frozenset("a"), details=frozenset({("a", "output")}))),
    ("{{ tasks.a.outputs.X }}", References(tasks=frozenset("a"), details=frozenset({("a", "outputs.X")}))),
    ("{{ tasks.a.outputs['X'] }}", References(tasks=frozenset("a"), details=frozenset({("a", "outputs.X")}))),
    ("{{ tasks.a.outputs }}", References(tasks=frozenset("a"), details=frozenset({("a", "outputs")}))),
    (
        "{{ tasks.a.artifacts[tasks.b.output | int].url }}",
        References(tasks=frozenset("ab"), details=frozenset({("a", "artifacts"), ("b", "output")})),
    ),
    (
        "{{ tasks.a.outputs[params.P] }}",
        References(params=frozenset("P"), tasks=frozenset("a"), details=frozenset({("a", "outputs")})),
    ),
    ("{{ outputs.R.summary.total }}", References(outputs=frozenset("R"))),
    ("{{ outputs['R'][outputs.S] }}", References(outputs=frozenset("RS"))),
    ("{{ item }}{{ index }}{{ run.name }}", References(item=True, index=True, run=True)),
    ("{{ item.params }}", References(item=True)),
    ("{{ 'params.A' }}", References()),
    ("{{ params.A if params.B else params.C }}", References(params=frozenset("ABC"))),
    ("{{ params.A | default(params.B) }}", References(params=frozenset("AB"))),
    ("{{ params.A | replace('a', new=params.B) }}", References(params=frozenset("AB"))),
    ("{{ params.A is defined and params.B in [params.C] }}", References(params=frozenset("ABC"))),
    ("{{ {params.A: [params.B, (params.C,)]} }}", References(params=frozenset("ABC"))),
    ("{{ params.A[params.B : params.C] }}", References(params=frozenset("ABC"))),
    ("{{ -params.A + (params.B ~ params.C) | int }}", References(params=frozenset("ABC"))),
    ("{{ not params.A < params.B < params.C }}", References(params=frozenset("ABC"))),
]


@pytest.mark.parametrize(("source", "expected"), CASES, ids=[source for source, _ in CASES])
def test_references_are_found(source: str, expected: References) -> None:
    assert compile_template(source, field="f").references == expected


def test_references_add_up() -> None:
    first = compile_template("{{ params.A ~ item }}", field="f").references
    second = compile_template("{{ params.B ~ tasks.t.phase }}", field="f").references
    both = compile_template("{{ params.A ~ item }}{{ params.B ~ tasks.t.phase }}", field="f").references
    assert first | second == both


def test_a_template_keeps_its_source() -> None:
    assert compile_template("{{ params.A }}", field="f").source == "{{ params.A }}"
