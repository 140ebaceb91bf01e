"""The Pods of each run, by task and attempt, with what each of them means."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from brood.views import PodAttempt, PodView


class RunPods:
    """The Pods of one run.

    What a Pod means is derived once per version of it: a Pod that changed is in ``unread`` until `read` says what it
    means.
    """

    __slots__ = ("_by_handler", "_by_task", "_gone", "missed", "unheard", "unread")

    def __init__(self) -> None:
        self._by_task: dict[str, list[PodAttempt]] = {}
        self._by_handler: dict[str, list[PodAttempt]] = {}
        self._gone: set[str] = set()  # uids of attempts that count although there is no Pod any more
        self.unread: dict[str, PodView] = {}
        self.unheard: dict[str, PodView] = {}
        """By uid, those whose log was not read, because a status told their end."""
        self.missed: dict[str, PodAttempt] = {}
        """By name, those that no watch shows any more although no status tells their end; see `lose`."""

    @property
    def by_task(self) -> Mapping[str, Sequence[PodAttempt]]:
        """The Pods of tasks, attempts ascending."""
        return self._by_task

    @property
    def by_handler(self) -> Mapping[str, Sequence[PodAttempt]]:
        """The Pods of handlers, attempts ascending."""
        return self._by_handler

    def put(self, pod: PodView) -> None:
        """Add or replace a Pod."""
        self.missed.pop(pod.meta.name, None)
        self._gone.discard(pod.meta.uid)
        self.unheard.pop(pod.meta.uid, None)
        self.unread[pod.meta.uid] = pod
        self._set(PodAttempt(pod))

    def lose(self, name: str) -> None:
        """Take a missed Pod for deleted, finalizer and all: its attempt counts, with the result where that was read."""
        attempt = self.missed.pop(name)
        meta = replace(attempt.pod.meta, deleting=True, finalizers=())
        pod = replace(attempt.pod, meta=meta, deletion_grace=0)
        self._gone.add(meta.uid)
        if attempt.result is None:
            self.unread[meta.uid] = pod
        self._set(PodAttempt(pod, result=attempt.result))

    def forget(self) -> None:
        """Forget the attempts of Pods that are not there."""
        for attempt in [*self._attempts()]:
            if attempt.pod.meta.uid in self._gone:
                self.remove(attempt.pod)
        self.missed.clear()

    def read(self, attempt: PodAttempt) -> None:
        """Take what a Pod means; ignored if the Pod has changed since."""
        if self.unread.get(attempt.pod.meta.uid) is attempt.pod:
            del self.unread[attempt.pod.meta.uid]
            self._set(attempt)

    def remove(self, pod: PodView, *, unrecorded: bool = False) -> None:
        """Forget a Pod that is gone; ``unrecorded``: no status tells its end."""
        self.unread.pop(pod.meta.uid, None)
        self.unheard.pop(pod.meta.uid, None)
        self._gone.discard(pod.meta.uid)
        tasks = self._tasks(pod)
        for one in tasks.get(pod.task, ()) if unrecorded else ():
            if one.pod.meta.uid == pod.meta.uid:
                self.missed[pod.meta.name] = one
        rest = [one for one in tasks.get(pod.task, ()) if one.pod.meta.uid != pod.meta.uid]
        if rest:
            tasks[pod.task] = rest
        else:
            tasks.pop(pod.task, None)

    def all(self) -> Iterable[PodView]:
        """Return every Pod that is there."""
        return (one.pod for one in self._attempts() if one.pod.meta.uid not in self._gone)

    def _attempts(self) -> Iterable[PodAttempt]:
        for tasks in (self._by_task, self._by_handler):
            for attempts in tasks.values():
                yield from attempts

    def __bool__(self) -> bool:
        return bool(self._by_task or self._by_handler or self.missed)

    def _tasks(self, pod: PodView) -> dict[str, list[PodAttempt]]:
        return self._by_handler if pod.handler else self._by_task

    def _set(self, attempt: PodAttempt) -> None:
        tasks = self._tasks(attempt.pod)
        others = [one for one in tasks.get(attempt.pod.task, ()) if one.pod.meta.uid != attempt.pod.meta.uid]
        insort(others, attempt, key=lambda one: (one.pod.attempt, one.pod.meta.created_at))
        tasks[attempt.pod.task] = others


class PodIndex:
    """Every Pod that brood made, by the uid of the run that owns it."""

    def __init__(self) -> None:
        self._runs: dict[str, RunPods] = {}

    def put(self, pod: PodView) -> None:
        """Add or replace a Pod."""
        self._runs.setdefault(pod.meta.owner_uid or "", RunPods()).put(pod)

    def remove(self, pod: PodView, *, unrecorded: bool = False) -> None:
        """Forget a Pod that is gone; ``unrecorded``: no status tells its end."""
        pods = self._runs.get(pod.meta.owner_uid or "")
        if pods is not None:
            pods.remove(pod, unrecorded=unrecorded)
            if not pods:
                del self._runs[pod.meta.owner_uid or ""]

    def forget(self, run_uid: str) -> None:
        """Forget what a run that is gone had of Pods that are not there."""
        pods = self._runs.get(run_uid)
        if pods is not None:
            pods.forget()
            if not pods:
                del self._runs[run_uid]

    def of(self, run_uid: str) -> RunPods:
        """Return the Pods of a run."""
        return self._runs.get(run_uid) or _NONE

    def owners(self) -> Iterable[str]:
        """Return the uids of all runs that have Pods."""
        return self._runs.keys()


_NONE = RunPods()
