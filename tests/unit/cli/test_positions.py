import pytest

from brood.cli.positions import locate, quoting_hint, split_path
from brood.cli.yamltext import read_documents

TEXT = """\
spec:
  tasks:
    - name: one
      dependsOn: [a, b]
    - name: two
      env:
        - {name: A, value: no}
  params: {"x.y": 1}
"""
[DOCUMENT] = read_documents(TEXT, "a.yaml")


def test_a_path_is_split_into_keys_and_indexes() -> None:
    assert split_path('spec.tasks[0].env["A.B"].x') == ("spec", "tasks", 0, "env", "A.B", "x")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", (1, 1)),
        ("spec", (1, 1)),
        ("spec.tasks[1]", (5, 7)),
        ("spec.tasks[0].dependsOn", (4, 7)),
        ("spec.tasks[0].dependsOn[1]", (4, 22)),
        ("spec.tasks[two].env", (6, 7)),
        ("spec.tasks[name=two].env", (6, 7)),
        ('spec.params["x.y"]', (8, 12)),
        ("spec.tasks[1].missing", (5, 7)),
        ("spec.tasks[9].name", (2, 3)),
    ],
)
def test_a_field_or_the_deepest_object_above_it_is_found(path: str, place: tuple[int, int]) -> None:
    assert locate(DOCUMENT.node, path) == place


def test_an_unquoted_boolean_is_explained() -> None:
    assert quoting_hint(DOCUMENT.node, "spec.tasks[1].env[0].value") == '; YAML reads no as a boolean: write "no"'


@pytest.mark.parametrize("path", ["spec.tasks[0].name", "spec.tasks", "spec.nothing"])
def test_nothing_is_explained_where_there_is_nothing_to_quote(path: str) -> None:
    assert quoting_hint(DOCUMENT.node, path) == ""
