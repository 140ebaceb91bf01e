"""Sets of item indexes, kept as sorted ranges: ``0-16,18-19`` is how a status stores which of 100,000 items have ended."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from brood.api.parallel import MOST_ITEMS


class IndexRanges:
    """A set of non-negative integers.

    Adding, membership and the count cost O(log ranges), and at most a move of the ranges behind; never O(indexes). The text form is
    that of an Indexed Job's ``completedIndexes``, and the texts of ranges that do not change are kept.
    """

    __slots__ = ("_count", "_ends", "_starts", "_texts")

    def __init__(self, indexes: Iterable[int] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # inclusive
        self._texts: list[str] = []
        self._count = 0
        for index in indexes:
            self.add(index)

    @classmethod
    def parse(cls, text: str | None) -> "IndexRanges":
        """Read ``0-16,18-19``; raises ValueError for anything else."""
        ranges = cls()
        for part in (text or "").split(","):
            if not part:
                continue
            first, _, last = part.partition("-")
            start, end = int(first), int(last or first)
            # Of more than there can be, to go through the indexes alone would keep everybody else waiting.
            if not 0 <= start <= end < MOST_ITEMS or (ranges._ends and start <= ranges._ends[-1]):
                msg = f"not a sorted list of ranges: {part!r}"
                raise ValueError(msg)
            ranges._append(start, end)
        return ranges

    @classmethod
    def read(cls, text: str | None) -> "IndexRanges":
        """Read the same from a status, which others may have written: what are no ranges is none of ours, and empty."""
        try:
            return cls.parse(text)
        except ValueError:
            return cls()

    @classmethod
    def union(cls, many: Iterable["IndexRanges"]) -> "IndexRanges":
        """Return what is in any of them, in O(ranges log ranges)."""
        joined = cls()
        starts, ends = joined._starts, joined._ends
        for start, end in sorted(pair for one in many for pair in one.pairs()):
            if ends and start <= ends[-1] + 1:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        joined._texts = [_text(start, end) for start, end in joined.pairs()]
        joined._count = sum(end - start + 1 for start, end in joined.pairs())
        return joined

    def add(self, index: int) -> bool:
        """Add one index; False if it was there."""
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, index)
        if at and ends[at - 1] >= index:
            return False
        joins_left = at > 0 and ends[at - 1] == index - 1
        joins_right = at < len(starts) and starts[at] == index + 1
        if joins_left and joins_right:
            ends[at - 1] = ends.pop(at)
            starts.pop(at)
            self._texts.pop(at)
        elif joins_left:
            ends[at - 1] = index
        elif joins_right:
            starts[at] = index
        else:
            starts.insert(at, index)
            ends.insert(at, index)
            self._texts.insert(at, "")
        changed = at - 1 if joins_left else at
        self._texts[changed] = _text(starts[changed], ends[changed])
        self._count += 1
        return True

    def copy(self) -> "IndexRanges":
        """Return an independent copy."""
        other = IndexRanges()
        other._starts, other._ends, other._texts = self._starts.copy(), self._ends.copy(), self._texts.copy()
        other._count = self._count
        return other

    def _append(self, start: int, end: int) -> None:
        self._starts.append(start)
        self._ends.append(end)
        self._texts.append(_text(start, end))
        self._count += end - start + 1

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges, first and last index of each."""
        return zip(self._starts, self._ends, strict=True)

    @property
    def last(self) -> int:
        """The largest index, or -1."""
        return self._ends[-1] if self._ends else -1

    def covers(self, other: "IndexRanges") -> bool:
        """Whether all of another set is in this one, in O(its ranges)."""
        places = ((bisect_right(self._starts, start), end) for start, end in other.pairs())
        return all(at and self._ends[at - 1] >= end for at, end in places)

    def __contains__(self, index: int) -> bool:
        at = bisect_right(self._starts, index)
        return bool(at) and self._ends[at - 1] >= index

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for start, end in self.pairs():
            yield from range(start, end + 1)

    def __str__(self) -> str:
        return ",".join(self._texts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexRanges) and self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]  # mutable


def _text(start: int, end: int) -> str:
    return str(start) if start == end else f"{start}-{end}"
