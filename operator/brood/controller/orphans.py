"""Pods that are lost: without their run, or without what says that they are its.

Where nobody records a Pod's result any more its finalizer must not hold it.
"""

from brood.cluster.port import Conflict, Kind, NotFound, TooManyRequests, Unavailable
from brood.controller.creation import retry_after
from brood.controller.keys import Key, Subject
from brood.controller.parts import Parts
from brood.controller.patience import Patience
from brood.controller.release import release_all
from brood.pods.identity import identity
from brood.views import Malformed, PodView


class Orphans:
    """Passes over Pods that have lost their run."""

    def __init__(self, parts: Parts) -> None:
        self._port = parts.port
        self._cache = parts.cache
        self._writer = parts.writer
        self._wake_after = parts.wake_after
        self._patience = Patience()

    async def process(self, key: Key) -> None:
        """Release the Pod if its run is gone indeed.

        A run whose deletion was not seen is asked for first: the finalizer guards a result, and a cache may be late.

        Raises
        ------
        RetryLater
            Where the server could not do its part now.
        """
        stray = self._cache.strays.get(key.namespace, key.name)
        if stray is not None:
            await self._mend(stray)
        copy = self._cache.strays.copies.get((key.namespace, key.name))
        if copy is not None and not self._is_counted_on(copy):
            await release_all([copy], port=self._port, writer=self._writer)
        pod = self._cache.orphans.get((key.namespace, key.name))
        if pod is None or self._cache.family.by_uid(pod.meta.owner_uid or "") is not None:
            return
        try:
            if (pod.meta.owner_uid or "") not in self._cache.gone:
                try:
                    found = await self._port.get(Kind.JOB_RUN, pod.meta.namespace, pod.run)
                except NotFound:
                    found = None
                if found is not None and pod.meta.owner_uid in (None, found["metadata"]["uid"]):
                    return  # to one that has lost its owner the run gives it back, or it goes after the run
                self._cache.gone.put(pod.meta.owner_uid or "", None)
            await release_all([pod], port=self._port, writer=self._writer)
        except (TooManyRequests, Unavailable) as error:
            raise retry_after(error) from error

    def _is_counted_on(self, copy: Malformed) -> bool:
        """Whether it is no copy: a run that is there made it."""
        run = self._cache.family.by_uid(copy.meta.owner_uid or "")
        rows = () if run is None else (*run.status.tasks, *run.status.handlers)
        return any(row.pod_name == copy.meta.name and not row.phase.ended for row in rows)

    async def _mend(self, stray: PodView) -> None:
        """Give a Pod back what says whose it is."""
        if wait := self._patience.wait(stray.meta.uid):
            self._wake_after(Key(Subject.ORPHAN, stray.meta.namespace, stray.meta.name), wait)
            return
        whose = identity(stray, owner_uid=stray.meta.owner_uid, nonce=stray.nonce, captures=stray.captures)
        metadata = {"uid": stray.meta.uid, **whose}
        try:
            await self._writer.patch(Kind.POD, (stray.meta.namespace, stray.meta.name), {"metadata": metadata})
        except (NotFound, Conflict):  # gone, or made anew by somebody
            self._cache.on_pod(stray, None)
        except (TooManyRequests, Unavailable) as error:
            raise retry_after(error) from error
