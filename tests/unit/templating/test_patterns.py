"""`pattern` of params, and the engine of `matches`."""

from time import thread_time

import pytest

from brood.templating import PatternError, TemplateError, check_pattern, full_match


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc1", False),
        ("[a-z]+", "1abc", False),
        ("a|ab", "ab", True),  # the whole value, whichever branch comes first
        ("^a$", "a", True),
        ("^a$", "a\n", False),  # not before a last newline, as Python's $ would
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("(?i)PROD", "prod", True),
        ("", "", True),
        ("", "x", False),
        ("\\d+", "42", True),
        ("\\pL+", "é世界", True),
        (".", "🎬", True),
        ("x{2,3}", "xxxx", False),
    ],
)
def test_a_pattern_must_match_the_whole_value(pattern: str, text: str, expected: bool) -> None:  # noqa: FBT001
    check_pattern(pattern)
    assert full_match(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "[a",
        "a**",
        "(?<=a)b",
        "(a)\\1",
        "(?P<n>a)(?P=n)",
        "a{1001}",
        "a" * 1001,
        "((a{1000}){1000}){1000}",
        "\ud800",
    ],
)
def test_what_is_no_pattern_is_refused_with_the_cause(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        check_pattern(pattern)
    assert isinstance(caught.value, TemplateError)
    assert "pattern" in str(caught.value) or "expression" in str(caught.value)
    assert len(str(caught.value)) <= 256
    with pytest.raises(PatternError):
        full_match(pattern, "text")


def test_a_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(PatternError, match="surrogate"):
        full_match(".*", "\ud800")


def test_matching_takes_linear_time() -> None:
    begin = thread_time()
    assert not full_match("(a+)+", "a" * 200_000 + "b")
    assert not full_match("(a|a)*b", "a" * 200_000)
    assert thread_time() - begin < 0.1


def test_a_large_pattern_and_a_large_text_together_are_refused() -> None:
    begin = thread_time()
    with pytest.raises(PatternError, match="costs too much"):
        full_match("((a{100}){10})b", "a" * 1_000_000)
    assert thread_time() - begin < 0.05
