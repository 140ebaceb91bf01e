import pytest

from brood.cluster.local.selectors import label_selector
from brood.cluster.port import Invalid


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "b"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a=", {"a": ""}, True),
        ("a!=b", {"a": "c"}, True),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("!a", {"a": "x"}, False),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c)", {}, False),
        ("a notin (b,c)", {"a": "c"}, False),
        ("a notin (b,c)", {}, True),
        ("brood.dev/root-run=x,!brood.dev/task", {"brood.dev/root-run": "x"}, True),
        ("a in (b,c),d=e", {"a": "b", "d": "e"}, True),
        ("a in (b,c),d=e", {"a": "b"}, False),
    ],
)
def test_a_selector_matches_as_the_api_server_s(selector: str, labels: dict[str, str], *, matches: bool) -> None:
    assert label_selector(selector)(labels) is matches


@pytest.mark.parametrize("selector", ["a=b=c", "=b", "a b", "a in b", ",a"])
def test_text_that_is_no_selector_is_invalid(selector: str) -> None:
    with pytest.raises(Invalid, match="unable to parse"):
        label_selector(selector)
