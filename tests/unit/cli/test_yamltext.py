import json
from typing import Any

import pytest

from brood.cli.findings import InputRefusedError
from brood.cli.yamltext import read_documents


def read(text: str) -> list[Any]:
    return [document.value for document in read_documents(text, "a.yaml")]


def refusal(text: str) -> str:
    with pytest.raises(InputRefusedError) as caught:
        read_documents(text, "a.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("y", True),
        ("No", False),
        ("off", False),
        ("yES", "yES"),
        ("12:30:00", "12:30:00"),
        ("2026-03-01", "2026-03-01"),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("1.0", 1),
        ("010", 8),
        ("0o10", 8),
        ("08", 8),
        ("0x1F", 31),
        ("+3", 3),
        ("1_000", 1000),
        ("~", None),
        ("'1'", "1"),
        ('"no"', "no"),
        ("1.0-dev", "1.0-dev"),
    ],
)
def test_plain_scalars_mean_what_kubectl_reads(scalar: str, value: object) -> None:
    [found] = read(f"a: {scalar}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize("number", [".inf", "-.Inf", ".NaN"])
def test_a_number_that_json_does_not_have_is_refused(number: str) -> None:
    assert f'quote it: "{number}"' in refusal(f"a: [{number}]")
    assert read(f"a: '{number}'") == [{"a": number}]


def test_several_documents_know_their_lines_and_empty_ones_are_left_out() -> None:
    documents = read_documents("---\n---\na: 1\n---\n# nothing\n---\n\nb: 2\n", "a.yaml")
    assert [(document.line, document.value) for document in documents] == [(3, {"a": 1}), (8, {"b": 2})]


def test_merge_keys_work() -> None:
    assert read("b: &x {a: 1}\nc:\n  <<: *x\n  d: 2") == [{"b": {"a": 1}, "c": {"a": 1, "d": 2}}]


@pytest.mark.parametrize("key", ["N", "y", "no", "On", "TRUE"])
def test_a_key_that_yaml_reads_as_a_boolean_is_refused_with_the_reason(key: str) -> None:
    message = refusal(f"params:\n  {key}: 3\n")
    assert message.startswith(f"a.yaml:2:3: the key {key} is read by YAML 1.1")
    assert "as the boolean" in message


def test_a_quoted_boolean_is_a_key() -> None:
    assert read('"no": 1') == [{"no": 1}]


def test_a_duplicate_key_is_refused_with_both_lines() -> None:
    assert "a.yaml:4:3: the key 'a' is there twice, first in line 2" in refusal("x:\n  a: 1\n  b: 2\n  a: 3\n")


def test_a_duplicate_key_in_a_later_document_is_refused_too() -> None:
    assert refusal("a: 1\n---\nb: 1\nb: 2\n").startswith("a.yaml:4:1: ")


@pytest.mark.parametrize("key", ["1", "1.5", "~", "[a]"])
def test_a_key_that_is_no_text_is_refused(key: str) -> None:
    assert "text" in refusal(f"? {key}\n: 1")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: b: c", "a.yaml:1:5"),
        ("a: 1\n\tb: 2", "a.yaml:2:1"),
        ("a: [1,\nb: 2", "a.yaml:2"),
        ("a: 'x", "a.yaml:1"),
        ("a: 1\n b: 2", "a.yaml:2"),
        ("a: 1\nb: \x00", "a.yaml:2"),
        ("a: !!int abc", "a.yaml:1:4"),
        ("a: !!float abc", "a.yaml:1:4"),
        ("a: *nobody", "a.yaml:1:4"),
        ("a: !!python/object:os.system {}", "a.yaml:1:4"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, place: str) -> None:
    assert refusal(text).startswith(place)


def test_a_tab_is_called_a_tab() -> None:
    assert "a tab" in refusal("a: 1\n\tb: 2")


def test_yaml_that_would_eat_the_memory_is_refused() -> None:
    levels = "".join(f"{chr(98 + at)}: &{chr(98 + at)} [{','.join(['*' + chr(97 + at)] * 10)}]\n" for at in range(10))
    assert "expand to more than" in refusal(f"a: &a [x, x, x, x, x, x, x, x, x, x]\n{levels}")


def test_an_alias_that_contains_itself_is_refused() -> None:
    assert "contains itself" in refusal("a: &a [*a]")


def test_deep_nesting_is_refused_without_a_traceback() -> None:
    assert "nested too deeply" in refusal("[" * 20_000)


def test_json_is_read_too() -> None:
    assert read('{"a": {"b": [1, true, null, "x"]}}') == [{"a": {"b": [1, True, None, "x"]}}]


@pytest.mark.parametrize("layout", [{}, {"indent": "\t"}, {"ensure_ascii": False}, {"indent": 2}])
def test_every_json_is_read_as_json(layout: dict[str, Any]) -> None:
    value: dict[str, Any] = {"kind": "😀 \\ud83d\\ude00 \\\\ \t\n\x00 é/\u2028", "items": [1, True, None, {"a\tb": []}]}
    [document] = read_documents(json.dumps(value, **layout), "a.json")
    assert document.value == value


def test_what_only_looks_like_two_surrogates_in_yaml_is_left_alone() -> None:
    [document] = read_documents("{a: '\\ud83d\\ude00'}", "a.yaml")
    assert document.value == {"a": "\\ud83d\\ude00"}
