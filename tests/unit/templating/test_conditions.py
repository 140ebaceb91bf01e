"""`when`: a boolean, or the text of one."""

import pytest

from brood.templating import TemplateError, compile_template, render_condition
from tests.unit.templating.sample import SAMPLE


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ params.ENV == 'prod' }}", True),
        ("{{ params.ENV == 'test' }}", False),
        ("{{ 'TRUE' }}", True),
        ("{{ params.N > 2 }}\n", True),
        ("true", True),
        ("False", False),
        ("{{ 'tr' }}ue", True),
        (" false ", False),
    ],
)
def test_a_condition_is_a_boolean_or_its_text(source: str, expected: bool) -> None:  # noqa: FBT001
    assert render_condition(compile_template(source, field="w"), SAMPLE, "w") is expected


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ params.ENV }}", '"prod"'),
        ("{{ params.N }}", "3"),
        ("{{ 1 }}", "1"),
        ("{{ 0 }}", "0"),
        ("{{ none }}", "null"),
        ("{{ [] }}", "[]"),
        ("{{ params.EMPTY }}", '""'),
        ("yes", '"yes"'),
        ("{{ 'a' * 1 }}", "* is not allowed"),
        ("{{ params.ENV }}{{ params.ENV }}", '"prodprod"'),
        ("{{ outputs.R }}", '"{\\n \\"summary\\"'),
    ],
)
def test_anything_else_is_an_error_that_names_field_and_value(source: str, shown: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_condition(compile_template(source, field="spec.tasks[0].when"), SAMPLE, "spec.tasks[0].when")
    assert str(caught.value).startswith("spec.tasks[0].when: ")
    assert shown in str(caught.value)
    assert len(str(caught.value)) <= 256
