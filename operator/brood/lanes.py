"""Turns between those that want much and those that want little: by the tree of runs that something is done for."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LANE: Final[ContextVar[Hashable]] = ContextVar("LANE", default=None)
"""Whose work this is. Who takes up a key sets it; whoever has to wait on its behalf waits in that lane."""


class Lanes(Generic[T]):
    """A queue in which ten thousand entries of one lane delay the first of another by one.

    First in, first out within a lane; lanes take turns.

    Parameters
    ----------
    lane_of
        Which lane an entry takes; asked once, when it comes.
    """

    def __init__(self, lane_of: Callable[[T], Hashable]) -> None:
        self._lane_of = lane_of
        self._lanes: OrderedDict[Hashable, deque[T]] = OrderedDict()  # those with entries; whose turn it is comes first
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, entry: T) -> None:
        """Put an entry at the end of its lane; a lane that was empty comes after all others."""
        self._lanes.setdefault(self._lane_of(entry), deque()).append(entry)
        self._length += 1

    def popleft(self) -> T:
        """Take the first entry of the lane whose turn it is, and have that lane wait for all others.

        Raises
        ------
        KeyError
            If there is none.
        """
        lane, entries = self._lanes.popitem(last=False)
        entry = entries.popleft()
        if entries:
            self._lanes[lane] = entries
        self._length -= 1
        return entry
