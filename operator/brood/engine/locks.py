"""What `concurrency` of a definition means for one root run, and the state of the key that it asks for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from brood.api.names import short_hash
from brood.views import RunView


@dataclass(frozen=True, slots=True)
class Lock:
    """A rendered `spec.concurrency`: the key is of the namespace, whichever definition renders it."""

    key: str
    max_active: int
    policy: Literal["Queue", "Reject", "Replace"]

    @property
    def label(self) -> str:
        """The key as a label value: a hash, since a key is any text."""
        return short_hash(self.key)


@dataclass(frozen=True, slots=True)
class LockState:
    """Who holds a key and who waits for it.

    Holders are the admitted, unfinished runs with the key, and the names of runs that are gone while Pods of theirs with the
    lock's label live on. ``waiters`` are all runs that wait for it, the planned run among them, by priority (higher first),
    creation, name. ``max_active`` is the smallest of the holders' (None without holders).
    """

    holders: tuple[RunView, ...] = ()
    orphans: tuple[str, ...] = ()
    waiters: tuple[RunView, ...] = ()
    max_active: int | None = None
    replacing: Mapping[str, int] = field(default_factory=dict)  # uid of each waiter that replaces -> its maxActiveRuns


@dataclass(frozen=True, slots=True)
class SlotState:
    """What Pods, claims and runs of the namespace hold now, and the operator's limits; None: no limit."""

    holders: Mapping[str, Collection[str]] = field(
        default_factory=dict
    )  # pool -> names of the live Pods that hold a slot
    sizes: Mapping[str, int] = field(default_factory=dict)  # pools of the configuration; any other has one slot
    pods: int = 0
    max_pods: int | None = None
    runs: int = 0  # admitted, unfinished root runs
    max_runs: int | None = None
    volumes: Collection[str] = ()  # names of the claims
    max_volumes: int | None = None
