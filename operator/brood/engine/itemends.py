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
            completed=IndexRanges.parse(status.completed_indexes),
            failed=IndexRanges.parse(status.failed_indexes),
            cancelled=IndexRanges.parse(status.cancelled_indexes),
            skipped=IndexRanges.parse(status.skipped_indexes),
        )

    def copy(self) -> "Ends":
        """Return an independent copy."""
        return Ends(
            self.completed.copy(), self.failed.copy(), self.cancelled.copy(), self.skipped.copy(), set(self.live)
        )

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


def all_ended(status: ItemsStatus) -> bool:
    """Whether every item has ended."""
    return status.succeeded + status.failed + status.cancelled + status.skipped >= status.total
