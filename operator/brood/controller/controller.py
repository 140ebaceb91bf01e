"""The controller: informers fill the cache, changes ring keys, workers make passes over them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from brood.api.labels import MANAGED_BY, MANAGED_BY_BROOD, RESULT_FINALIZER
from brood.cluster.informer import Informer
from brood.cluster.parse import parse_claim, parse_definition, parse_revision
from brood.cluster.port import ApiError, Kind, Manifest, Port
from brood.controller.backoff import Backoff
from brood.controller.cache import Cache
from brood.controller.config import Config
from brood.controller.definitions import Definitions
from brood.controller.keys import Key, Subject, definition_key, run_key
from brood.controller.logs import SUBJECT
from brood.controller.news import News
from brood.controller.origin import own_pod, own_run
from brood.controller.orphans import Orphans
from brood.controller.parts import Parts
from brood.controller.revisions import Revisions
from brood.controller.runs import Runs
from brood.controller.workqueue import WorkQueue
from brood.controller.writer import Writer
from brood.lanes import LANE
from brood.views import RevisionView

_LOG = structlog.get_logger("brood.controller")

MANAGED = f"{MANAGED_BY}={MANAGED_BY_BROOD}"

SPREAD_SECONDS = 0.002
"""Between two keys that nothing rang for: what is urgent goes first after a start."""


_PARSERS: dict[Kind, Callable[[Manifest], Any]] = {
    Kind.JOB_DEFINITION: parse_definition,
    Kind.JOB_RUN: own_run,
    Kind.POD: own_pod,
    Kind.CLAIM: parse_claim,
    Kind.REVISION: parse_revision,
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Controller:
    """Brings every run of a cluster to its end.

    Parameters
    ----------
    port
        The cluster.
    config
        The operator's configuration.
    now
        The time, with a zone.
    on_pass
        Gets the seconds that a key waited for a worker and was worked on.
    on_news
        Get what each status write of a run said.

    Attributes
    ----------
    queue
        ``queue.add(run_key(namespace, name))`` has a run looked at; see `brood.controller.keys`.
    ready
        Set once everything that exists has been listed and work has begun.
    cache
        What is known of the cluster.
    config
        As it was given.
    """

    def __init__(
        self,
        port: Port,
        config: Config | None = None,
        *,
        now: Callable[[], datetime] = _utc_now,
        on_pass: Callable[[float, float], None] | None = None,
        on_news: Sequence[Callable[[News], None]] = (),
    ) -> None:
        self.config = config = config or Config()
        self._port = port
        self.ready = asyncio.Event()
        backoff = Backoff(first=config.backoff_first, most=config.backoff_most)
        self.queue: WorkQueue[Key] = WorkQueue(
            self._process,
            workers=config.workers,
            lane=self._tree,
            backoff=backoff,
            on_error=_log_failure,
            on_pass=on_pass,
        )
        self.cache = Cache(wake=self._wake, wake_after=self._wake_after, config=config)
        self._revisions = Revisions(port, kept=config.revisions_kept)
        parts = Parts(
            port=port,
            config=config,
            cache=self.cache,
            revisions=self._revisions,
            writer=Writer(port, seen=self._seen),
            wake_after=self.queue.add_after,
            now=now,
            on_news=on_news,
        )
        self._runs = Runs(parts)
        self._definitions = Definitions(parts)
        self._orphans = Orphans(parts)
        self._informers = self._make_informers(config.namespaces or (None,))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to list and watch; `ready` is set once that has brought everything that exists."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(one.run(), name=f"watch {kind}") for (kind, _), one in self._informers.items()]
        self._tasks.append(loop.create_task(self._work(), name="work"))

    async def go_on(self) -> None:
        """Wait while everything goes on; raises what ended a task that should never end."""
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
        raise RuntimeError(f"ended by itself: {', '.join(task.get_name() for task in ended)}")

    async def stop(self) -> None:
        """Stop working and watching; what is being written is left as it is, the next start goes on from there."""
        self.ready.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.queue.stop()

    async def _work(self) -> None:
        for informer in self._informers.values():
            await informer.synced.wait()
        self.ready.set()
        self._ring_all(first=True)
        self.queue.start()
        while True:
            await asyncio.sleep(self.config.resync_interval)
            self._ring_all(first=False)

    async def _process(self, key: Key) -> None:
        SUBJECT.set(key)
        LANE.set(self._tree(key))
        if key.subject is Subject.RUN:
            await self._runs.process(key)
        elif key.subject is Subject.DEFINITION:
            await self._definitions.process(key)
        else:
            await self._orphans.process(key)

    def _ring_all(self, *, first: bool) -> None:
        """Have everything looked at that may need it: at the start at once, later spread over some time.

        Ended root runs come last: at most their `ttlSecondsAfterFinished` is over.
        """
        urgent: list[Key] = []
        later: list[Key] = []
        for run in self.cache.family.all():
            held = any(RESULT_FINALIZER in pod.meta.finalizers for pod in self.cache.pods.of(run.meta.uid).all())
            if held or not run.status.finished:
                urgent.append(run_key(run.meta.namespace, run.meta.name))
            elif run.is_root:
                later.append(run_key(run.meta.namespace, run.meta.name))
        urgent += [run_key(*name) for name in self.cache.malformed]
        definitions = dict.fromkeys((one.meta.namespace, one.meta.name) for one in self.cache.catalog.all())
        definitions.update(dict.fromkeys(self.cache.revisions.definitions()))
        urgent += [definition_key(*name) for name in definitions]
        urgent += [Key(Subject.ORPHAN, *name) for name in self.cache.find_orphans()]
        if first:
            self.queue.add_all(urgent)
            urgent = []
        for position, key in enumerate(urgent + later):
            self.queue.add_after(key, (position + 1) * SPREAD_SECONDS)

    # --- the cache's two ways in: the informers, and our own writes ---

    def _make_informers(self, namespaces: tuple[str | None, ...]) -> dict[tuple[Kind, str | None], Informer[Any]]:
        cache = self.cache

        def on_run(old: Any, new: Any) -> None:
            meta = (new or old).meta
            cache.on_run(new, (meta.namespace, meta.name))

        def on_revision(old: Any, new: Any) -> None:
            cache.on_revision(old, new)
            if isinstance(old, RevisionView) and new is None:
                self._revisions.forget(old)

        kinds: dict[Kind, tuple[Callable[[Any, Any], None], str | None]] = {
            Kind.JOB_DEFINITION: (cache.on_definition, None),
            Kind.JOB_RUN: (on_run, None),
            Kind.POD: (cache.on_pod, MANAGED),
            Kind.CLAIM: (cache.on_claim, None),  # those of users too, which definitions may name
            Kind.REVISION: (on_revision, MANAGED),
        }
        return {
            (kind, namespace): Informer(
                self._port,
                kind,
                parse=_PARSERS[kind],
                on_change=on_change,
                on_left=cache.strays.left if kind is Kind.POD else None,
                namespace=namespace,
                labels=labels,
            )
            for kind, (on_change, labels) in kinds.items()
            for namespace in namespaces
        }

    def _seen(self, kind: Kind, manifest: Manifest) -> None:
        """Take an object that a write of our own returned, ahead of the watch."""
        namespace = manifest["metadata"].get("namespace")
        # An informer without objects is false: `or` between two of them lost the first object of every kind.
        place = (kind, None if (kind, None) in self._informers else namespace)
        informer = self._informers.get(place)
        if informer is not None:
            informer.put(_PARSERS[kind](manifest))

    def _tree(self, key: Key) -> Key:
        """Return the root run of a run's key: a tree of ten thousand does not delay that of another."""
        run = self.cache.family.get(key.namespace, key.name) if key.subject is Subject.RUN else None
        return key if run is None else run_key(key.namespace, run.root)

    def _wake(self, key: Key) -> None:
        if self.ready.is_set():
            self.queue.add(key)

    def _wake_after(self, key: Key, seconds: float) -> None:
        if self.ready.is_set():
            self.queue.add_after(key, seconds)


def _log_failure(key: Key, error: Exception) -> None:
    if isinstance(error, ApiError):
        _LOG.warning("pass failed", **key.fields, error=repr(error))
    else:
        _LOG.error("pass failed", **key.fields, exc_info=error)
