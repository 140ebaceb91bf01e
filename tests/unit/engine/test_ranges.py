"""Sets of indexes as ranges: like a set of integers, and like their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brood.api.status import ItemsStatus
from brood.engine.itemends import Ends
from brood.engine.ranges import IndexRanges

INDEXES = st.lists(st.integers(0, 60), max_size=80)


@given(INDEXES)
def test_they_are_a_set_in_order(indexes: list[int]) -> None:
    ranges, known = IndexRanges(), set[int]()
    for index in indexes:
        assert ranges.add(index) == (index not in known)
        known.add(index)
        assert (len(ranges), ranges.last, list(ranges)) == (len(known), max(known), sorted(known))
    assert all((index in ranges) == (index in known) for index in range(62))
    assert IndexRanges.parse(str(ranges)) == ranges
    assert str(IndexRanges.parse(str(ranges))) == str(ranges)


@given(INDEXES, INDEXES)
def test_a_copy_is_independent_and_a_union_has_all(first: list[int], second: list[int]) -> None:
    one, other = IndexRanges(first), IndexRanges(second)
    copy = one.copy()
    for index in second:
        copy.add(index)
    assert list(one) == sorted(set(first))
    assert (copy, str(copy)) == (IndexRanges.union([one, other]), str(IndexRanges.union([one, other])))


@given(INDEXES, INDEXES)
def test_one_covers_another_that_is_part_of_it(first: list[int], second: list[int]) -> None:
    assert IndexRanges(first).covers(IndexRanges(second)) == (set(second) <= set(first))


@pytest.mark.parametrize("text", ["x", "3-1", "0-1,0-1", "-5", "0-99999999999", "100000"])
def test_what_are_no_ranges_of_items_is_read_as_none(text: str) -> None:
    assert IndexRanges.read(text) == IndexRanges()
    with pytest.raises(ValueError, match=r"ranges|int"):
        IndexRanges.parse(text)


@pytest.mark.parametrize(("indexes", "text"), [([], ""), ([3], "3"), ([0, 1, 2, 18, 19, 17, 21], "0-2,17-19,21")])
def test_the_text_is_that_of_an_indexed_job(indexes: list[int], text: str) -> None:
    assert str(IndexRanges(indexes)) == text
    assert IndexRanges.parse(text) == IndexRanges(indexes)


@pytest.mark.parametrize("text", ["x", "3-1", "5,4", "1-3,3", "-1", "1--2"])
def test_what_is_no_sorted_list_of_ranges_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        IndexRanges.parse(text)


def test_ranges_that_are_recalled_are_those_of_the_text_and_never_shared() -> None:
    memo: dict[object, object] = {}
    status = ItemsStatus(total=10, completed_indexes="0-3,5", failed_indexes="4")
    first = Ends.recall(status, memo, "p")
    first.completed.add(6)
    first.remember(memo, "p")
    assert str(Ends.recall(status, memo, "p").completed) == "0-3,5"
    assert str(Ends.recall(ItemsStatus(completed_indexes="0-3,5-6"), memo, "p").completed) == "0-3,5-6"
    assert str(Ends.recall(ItemsStatus(completed_indexes="9"), memo, "p").completed) == "9"
    assert str(Ends.recall(status, memo, "other").failed) == "4"
