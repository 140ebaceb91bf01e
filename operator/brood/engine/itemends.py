"""Which items of a parallel task have ended, and how: what the row records as ranges."""

from dataclasses import dataclass, field

from brood.api.status import ItemsStatus
from brood.engine.ranges import IndexRanges


@dataclass(slots=True)
class Ends:
    """The ended items of a row, and what a plan adds to them; ``live`` are the indexes that have an unfinished child."""

    completed: IndexRanges = field(default_factory=IndexRanges)
    failed: IndexRanges = field(default_factory=IndexRanges)
    cancelled: IndexRanges = field(default_factory=IndexRanges)
    skipped: IndexRanges = field(default_factory=IndexRanges)
    live: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, status: ItemsStatus) -> "Ends":
        """Read the ranges of a row."""
        return cls(
            completed=IndexRanges.read(status.completed_indexes),
            failed=IndexRanges.read(status.failed_indexes),
            cancelled=IndexRanges.read(status.cancelled_indexes),
            skipped=IndexRanges.read(status.skipped_indexes),
        )

    @classmethod
    def recall(cls, status: ItemsStatus, memo: dict[object, object], task: str) -> "Ends":
        """Read the ranges of a row; what this task's passes read or made before need not be read again.

        A pass costs what it changes, though every second of 10,000 items may have failed.
        """
        texts = (status.completed_indexes, status.failed_indexes, status.cancelled_indexes, status.skipped_indexes)
        completed, failed, cancelled, skipped = (_recall(text, memo, (cls, task, at)) for at, text in enumerate(texts))
        return cls(completed, failed, cancelled, skipped)

    def remember(self, memo: dict[object, object], task: str) -> None:
        """Keep the ranges for the pass that reads the status of this one."""
        for at, ranges in enumerate((self.completed, self.failed, self.cancelled, self.skipped)):
            _keep(ranges, memo, (type(self), task, at))

    def __contains__(self, index: int) -> bool:
        return index in self.completed or index in self.failed or index in self.cancelled or index in self.skipped

    @property
    def recorded(self) -> int:
        """Number of ended items."""
        return len(self.completed) + len(self.failed) + len(self.cancelled) + len(self.skipped)

    @property
    def last(self) -> int:
        """The largest index that ended, or -1."""
        return max(self.completed.last, self.failed.last, self.cancelled.last, self.skipped.last)

    def status(self, total: int) -> ItemsStatus:
        """Return the counts and ranges for the row."""
        return ItemsStatus(
            total=total,
            pending=total - self.recorded - len(self.live),
            running=len(self.live),
            succeeded=len(self.completed),
            failed=len(self.failed),
            cancelled=len(self.cancelled),
            skipped=len(self.skipped),
            completed_indexes=str(self.completed),
            failed_indexes=str(self.failed),
            cancelled_indexes=str(self.cancelled),
            skipped_indexes=str(self.skipped),
        )


_KEPT = 2
"""Versions of a task's ranges: the one that is written, and the one that is going to be."""


def _recall(text: str, memo: dict[object, object], key: object) -> IndexRanges:
    kept = memo.get(key)
    found = kept.get(text) if isinstance(kept, dict) else None
    if not isinstance(found, IndexRanges):
        found = IndexRanges.read(text)
        _keep(found, memo, key)
    return found.copy()


def _keep(ranges: IndexRanges, memo: dict[object, object], key: object) -> None:
    kept = memo.get(key)
    older = list(kept.items())[1 - _KEPT :] if isinstance(kept, dict) else []
    memo[key] = dict([*older, (str(ranges), ranges)])


def all_ended(status: ItemsStatus) -> bool:
    """Whether every item has ended."""
    return status.succeeded + status.failed + status.cancelled + status.skipped >= status.total
