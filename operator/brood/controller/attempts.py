"""What Pods mean, derived once per version of a Pod; from its log too, where that holds what the Pod does not."""

import asyncio
import time

import structlog

from brood.api.labels import RESULT_FINALIZER
from brood.cluster.port import ApiError, NotFound, Port
from brood.controller.podindex import RunPods
from brood.pods.failure import is_ended, waiting
from brood.pods.results import needs_log, read_result
from brood.views import PodAttempt, PodView

_LOG = structlog.get_logger("brood.attempts")

PATIENCE_SECONDS = 30.0
"""A log that cannot be read for so long is given up, as lost with its node: the attempt ends without it."""

AGAIN_SECONDS = 1.0


class AttemptReader:
    """Turns Pods into attempts."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._failing: dict[str, float] = {}  # uid of a Pod -> since when its log cannot be read

    async def read(self, pods: RunPods) -> float | None:
        """Derive what those Pods of a run mean that have changed; logs are read side by side.

        Returns
        -------
        float or None
            In how many seconds to come again for logs that could not be read; their Pods count as not ended till then.
        """
        if not pods.unread:
            return None
        unread = [*pods.unread.values()]
        again: float | None = None
        for found in await asyncio.gather(*(self._attempt(pod) for pod in unread)):
            if isinstance(found, PodAttempt):
                pods.read(found)
            else:
                again = max(found, again or 0.0)
        return again

    async def _attempt(self, pod: PodView) -> PodAttempt | float:
        if not is_ended(pod):
            return PodAttempt(pod, waiting=waiting(pod))
        log: bytes | None = None
        wanted = needs_log(pod) if RESULT_FINALIZER in pod.meta.finalizers else None  # else it is recorded already
        if wanted is not None:
            try:
                log = await self._port.read_log(
                    pod.meta.namespace, pod.meta.name, tail_lines=wanted.tail_lines, limit_bytes=wanted.limit_bytes
                )
            except NotFound:
                log = None
            except ApiError as error:
                since = self._failing.setdefault(pod.meta.uid, time.monotonic())
                if time.monotonic() - since < PATIENCE_SECONDS:
                    return max(AGAIN_SECONDS, error.retry_after or 0.0)
                _LOG.warning("log not read: given up", pod=pod.meta.name, error=error.message)
            self._failing.pop(pod.meta.uid, None)
        return PodAttempt(pod, result=read_result(pod, log))
