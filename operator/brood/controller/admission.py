"""Who holds each concurrency key and who waits for it (contract §2.2), computed from runs and Pods that exist.

Nothing here is stored: "a restarted operator neither leaks nor forgets a slot". Holders are the admitted, unfinished
runs with the key, those whose admission is being written at this moment (reservations), and the Pods that hold it after
their run is gone.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from brood.api.conditions import is_true
from brood.api.reasons import ConditionType
from brood.engine.locks import Lock, LockState
from brood.views import PodView, RunView

Slot = tuple[str, str]  # namespace, hash of the key: what the label brood.dev/lock carries


def admitted(run: RunView) -> bool:
    """Whether the run has entered."""
    return is_true(run.status.conditions, ConditionType.ADMITTED)


def _rank(run: RunView) -> tuple[int, datetime, str]:
    """Order waiting runs: "by priority, then creation time, then name"."""
    return -run.spec.priority, run.meta.created_at, run.meta.name


def _wants_nothing(run: RunView) -> bool:
    """Whether a waiting run would not enter if it could, so that nobody waits behind it."""
    return run.spec.suspend or run.spec.shutdown is not None


@dataclass(slots=True)
class _Queue:
    """One key of one namespace."""

    holders: dict[str, RunView] = field(default_factory=dict)
    reserved: dict[str, RunView] = field(default_factory=dict)  # as they will be once their admission is written
    waiters: list[RunView] = field(default_factory=list)  # by rank
    pods: dict[str, PodView] = field(default_factory=dict)  # live Pods with the label

    def drop(self, uid: str) -> None:
        self.holders.pop(uid, None)
        self.waiters = [one for one in self.waiters if one.meta.uid != uid]

    def __bool__(self) -> bool:
        return bool(self.holders or self.reserved or self.waiters or self.pods)


class Admission:
    """The keys of all namespaces.

    ``alive`` tells whether the root run of a Pod's tree still exists. ``changed`` is called with the waiting runs of
    a key, first in line first, whenever something about that key has changed, and with the holders where one waits to
    replace them.
    """

    def __init__(self, *, alive: Callable[[PodView], bool], changed: Callable[[list[RunView]], None]) -> None:
        self._alive = alive
        self._changed = changed
        self._queues: dict[Slot, _Queue] = {}
        self._locks: dict[str, tuple[Slot, Lock]] = {}  # uid of an unfinished root run
        self._unsure: set[str] = set()  # uids whose reservation stays until a newer version of the run is seen
        self._unknown: dict[str, dict[str, RunView]] = {}  # namespace -> uid -> run whose key is not known yet

    def put(self, run: RunView) -> None:
        """Take the newest version of a run; children have no keys."""
        if not run.is_root:
            return
        if run.status.finished or (run.meta.deleting and not admitted(run)):
            self.remove(run)
        elif run.meta.uid in self._locks:
            self._place(run, self._locks[run.meta.uid][0])
        else:
            self._unknown.setdefault(run.meta.namespace, {})[run.meta.uid] = run

    def remove(self, run: RunView) -> None:
        """Forget a run that is gone or has finished."""
        self._unknown.get(run.meta.namespace, {}).pop(run.meta.uid, None)
        slot, _ = self._locks.pop(run.meta.uid, (None, None))
        if slot is not None:
            queue = self._queue(slot)
            queue.drop(run.meta.uid)
            queue.reserved.pop(run.meta.uid, None)
            self._unsure.discard(run.meta.uid)
            self._tell(slot)

    def put_pod(self, pod: PodView) -> None:
        """Take the newest version of a Pod; while it lives it holds the key that its label names."""
        if not pod.lock:
            return
        if pod.phase in ("Succeeded", "Failed"):
            self.remove_pod(pod)
            return
        self._queue((pod.meta.namespace, pod.lock)).pods[pod.meta.uid] = pod

    def remove_pod(self, pod: PodView) -> None:
        """Forget a Pod that has ended or is gone."""
        slot = (pod.meta.namespace, pod.lock)
        queue = self._queues.get(slot)
        if queue is not None and queue.pods.pop(pod.meta.uid, None) is not None and not self._alive(pod):
            self._tell(slot)

    def unknown(self, namespace: str) -> Iterable[RunView]:
        """Return the runs whose key has to be told by `learn` before anybody in the namespace may enter."""
        return tuple(self._unknown.get(namespace, {}).values())

    def learn(self, run: RunView, lock: Lock | None) -> None:
        """Take what key a run asks for, or holds; None: it has none, or that cannot be said until `doubt`."""
        current = self._unknown.get(run.meta.namespace, {}).pop(run.meta.uid, None)
        if lock is None or current is None:
            return
        slot = (run.meta.namespace, lock.label)
        self._locks[run.meta.uid] = (slot, lock)
        self._place(current, slot)

    def doubt(self, run: RunView) -> None:
        """Ask again which key a waiting run wants, because its definition has changed."""
        if run.meta.uid in self._locks and (admitted(run) or self._is_reserved(run)):
            return
        self.remove(run)
        self.put(run)

    def lock(self, run: RunView) -> Lock | None:
        """Return the key that a run holds or waits for, as far as it is known."""
        known = self._locks.get(run.meta.uid)
        return None if known is None else known[1]

    def reserve(self, run: RunView) -> None:
        """Count a run, as it will be once its admission is written, as a holder from now on."""
        if run.meta.uid in self._locks:
            slot, _ = self._locks[run.meta.uid]
            self._queue(slot).reserved[run.meta.uid] = run

    def unsure(self, run: RunView) -> None:
        """Keep a reservation until a newer version of the run is seen: its admission may have been written."""
        if run.meta.uid in self._locks and self._is_reserved(run):
            self._unsure.add(run.meta.uid)

    def unreserve(self, run: RunView) -> None:
        """Take a reservation back: this admission was not written (and no earlier one may have been)."""
        slot, _ = self._locks.get(run.meta.uid, (None, None))
        if slot is None or run.meta.uid in self._unsure:
            return
        if self._queue(slot).reserved.pop(run.meta.uid, None) is not None:
            self._tell(slot)

    def state(self, run: RunView, lock: Lock) -> LockState:
        """Return who else holds the key and who waits for it."""
        queue = self._queues.get((run.meta.namespace, lock.label), _Queue())
        held = {**queue.holders, **queue.reserved}
        held.pop(run.meta.uid, None)
        sizes = [self._locks[uid][1].max_active for uid in held]
        waiters = [one for one in queue.waiters if one.meta.uid == run.meta.uid or one.meta.uid not in queue.reserved]
        # Who neither waits nor is waited for need not know; of a large tree these are many Pods.
        orphans = {one.root for one in queue.pods.values() if not self._alive(one)} if waiters else set[str]()
        return LockState(
            holders=tuple(held.values()),
            orphans=tuple(sorted(orphans)),
            waiters=tuple(waiters),
            max_active=min(sizes, default=None),
            replacing={
                one.meta.uid: wanted.max_active
                for one in waiters
                if (wanted := self._locks[one.meta.uid][1]).policy == "Replace"
            },
        )

    def _queue(self, slot: Slot) -> _Queue:
        return self._queues.setdefault(slot, _Queue())

    def _is_reserved(self, run: RunView) -> bool:
        slot, _ = self._locks[run.meta.uid]
        return run.meta.uid in self._queue(slot).reserved

    def _place(self, run: RunView, slot: Slot) -> None:
        queue = self._queue(slot)
        uid = run.meta.uid
        if admitted(run):
            entered = uid not in queue.holders
            queue.drop(uid)
            queue.reserved.pop(uid, None)
            self._unsure.discard(uid)
            queue.holders[uid] = run
            if entered:
                self._tell(slot)
            return
        reserved = queue.reserved.get(uid)
        if reserved is not None and reserved.meta.resource_version != run.meta.resource_version:
            del queue.reserved[uid]
            self._unsure.discard(uid)  # a newer version, and it is not admitted: that write has not happened
        at = bisect_left(queue.waiters, _rank(run), key=_rank)
        if at < len(queue.waiters) and queue.waiters[at].meta.uid == uid and not _wants_nothing(run):
            queue.waiters[at] = run
            return
        size = len(queue.waiters)
        queue.waiters = [one for one in queue.waiters if one.meta.uid != uid]
        moved = len(queue.waiters) != size
        if not _wants_nothing(run):
            insort(queue.waiters, run, key=_rank)
            replaces = self._locks[uid][1].policy == "Replace"
            moved = moved or replaces or queue.waiters[-1] is not run
        if moved:
            self._tell(slot)

    def _tell(self, slot: Slot) -> None:
        queue = self._queues.get(slot)
        if queue is None:
            return
        if queue.waiters:
            replaced = any(self._locks[one.meta.uid][1].policy == "Replace" for one in queue.waiters)
            self._changed([*queue.waiters, *(queue.holders.values() if replaced else ())])
        elif not queue:
            del self._queues[slot]
