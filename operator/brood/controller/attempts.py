"""What Pods mean, derived once per version of a Pod; from its log too, where that holds what the Pod does not."""

import asyncio
import time

import structlog

from brood.api.labels import RESULT_FINALIZER
from brood.cluster.port import ApiError, NotFound, Port
from brood.controller.lru import Lru
from brood.controller.podindex import RunPods
from brood.controller.strays import is_unrecorded
from brood.pods.failure import is_ended, waiting
from brood.pods.results import LogRequest, lacks_result, needs_log, read_result
from brood.views import PodAttempt, PodView, RunView

_LOG = structlog.get_logger("brood.attempts")

PATIENCE_SECONDS = 30.0
"""A log that cannot be read for so long is given up, as lost with its node: the attempt ends without it."""

LATE_SECONDS = 5.0
"""A runtime may write the last lines of a log after the Pod is said to have ended: one that lacks them is read anew."""

AGAIN_SECONDS = 1.0

FAILING = 10_000
"""So many Pods are remembered whose log could not be read; those that are gone are never asked about again."""


class AttemptReader:
    """Turns Pods into attempts."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._failing: Lru[str, float] = Lru(FAILING)  # uid of a Pod -> since when its log is missing, or its end is

    async def read(self, run: RunView, pods: RunPods) -> float | None:
        """Derive what those Pods of a run mean that have changed; logs are read side by side.

        Returns
        -------
        float or None
            In how many seconds to come again for logs that could not be read; their Pods count as not ended till then.
        """
        self._reopen(run, pods)
        if not pods.unread:
            return None
        unread = [*pods.unread.values()]
        again: float | None = None
        for found in await asyncio.gather(*(self._attempt(run, pods, pod) for pod in unread)):
            if isinstance(found, PodAttempt):
                pods.read(found)
            else:
                again = max(found, again or 0.0)
        return again

    @staticmethod
    def _reopen(run: RunView, pods: RunPods) -> None:
        """Have those Pods read in full whose end a status told that somebody has spoilt since."""
        if pods.unheard and not run.status.finished:
            ended = {row.name for row in (*run.status.tasks, *run.status.handlers) if row.phase.ended}
            for uid in [uid for uid, pod in pods.unheard.items() if pod.task not in ended]:
                pods.unread[uid] = pods.unheard.pop(uid)

    async def _attempt(self, run: RunView, pods: RunPods, pod: PodView) -> PodAttempt | float:
        if not is_ended(pod):
            return PodAttempt(pod, waiting=waiting(pod))
        wanted = needs_log(pod)
        if wanted is not None and RESULT_FINALIZER not in pod.meta.finalizers and not is_unrecorded(run, pod):
            pods.unheard[pod.meta.uid] = pod
            wanted = None
        log = None if wanted is None else await self._log(pod, wanted)
        if isinstance(log, float):
            return log
        self._failing.pop(pod.meta.uid)
        return PodAttempt(pod, result=read_result(pod, log))

    async def _log(self, pod: PodView, wanted: LogRequest) -> bytes | float | None:
        """Return that part of the log, None where it is lost, or in how many seconds to come again for it."""
        since = self._failing.get(pod.meta.uid) or self._failing.put(pod.meta.uid, time.monotonic())
        log: bytes | None = None
        try:
            log = await self._port.read_log(
                pod.meta.namespace, pod.meta.name, tail_lines=wanted.tail_lines, limit_bytes=wanted.limit_bytes
            )
        except NotFound:
            return None
        except ApiError as error:
            if time.monotonic() - since < PATIENCE_SECONDS:
                return max(AGAIN_SECONDS, error.retry_after or 0.0)
            _LOG.warning("log not read: given up", pod=pod.meta.name, error=error.message)
        if log is not None and lacks_result(pod, log) and time.monotonic() - since < LATE_SECONDS:
            return AGAIN_SECONDS
        return log
