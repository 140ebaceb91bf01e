"""List, compare, watch, for ever: keeps views of one kind as they are in the cluster.

Deletions in a gap of the watch are seen, because every listing is compared with what is held. Events may come late,
twice or in another order: of each object the newest version stands.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar, Unpack

import structlog

from brood.cluster.port import ApiError, Expired, Kind, Manifest, Port, Scope, WatchEvent
from brood.views import Meta

_LOG = structlog.get_logger("brood.informer")

_STEADY_SECONDS = 5.0
"""A stream that lasted so long, or brought anything, was no failure, whatever ended it."""
_TOMBSTONES = 1_000
"""Deletions that are remembered: an event that is late is so by what is on its way at once, some dozens of requests."""
_YIELD_EVERY = 250  # objects of a listing between two turns of the loop


class Pause:
    """How long to wait after failures in a row: twice as long each time, up to five seconds, spread at random.

    Every kind has one watch, so that this is no load; and nothing goes on until the watch is back.
    """

    FIRST_SECONDS = 0.25
    LONGEST_SECONDS = 5.0

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sleep = sleep
        self._jitter = jitter
        self.failures = 0
        """Failures in a row; set it to 0 after a success."""

    async def after(self, at_least: float | None = None) -> None:
        """Count a failure and wait; ``at_least`` are the seconds that the server asked for."""
        ceiling = min(self.LONGEST_SECONDS, self.FIRST_SECONDS * 2 ** min(self.failures, 16))
        self.failures += 1
        await self._sleep(max(ceiling * (0.5 + self._jitter() / 2), at_least or 0.0))


class HasMeta(Protocol):
    """Any view."""

    @property
    def meta(self) -> Meta:
        """The object's metadata."""


V = TypeVar("V", bound=HasMeta)
Key = tuple[str, str]
"""Namespace and name."""


class Informer(Generic[V]):
    """Views of all objects of a kind, kept up to date by `run`.

    Parameters
    ----------
    parse
        Turns an object into a view; called once for each object or change, at the door.
    on_change
        Called as ``on_change(old, new)`` after the view entered, with None for what is not there. An object that was
        deleted and made anew is told as two changes. It runs in the loop and must not wait.
    on_left
        Called with an object, after it was told as changed, that is still there but has lost the labels that its kind is
        watched by: nothing will be heard of it. Only those that a finalizer holds can be told from deleted ones.
    pause, clock
        For tests: how to wait after a failure, and seconds that only grow.
    """

    def __init__(
        self,
        port: Port,
        kind: Kind,
        *,
        parse: Callable[[Manifest], V],
        on_change: Callable[[V | None, V | None], None],
        on_left: Callable[[V], None] | None = None,
        pause: Pause | None = None,
        clock: Callable[[], float] = time.monotonic,
        **scope: Unpack[Scope],
    ) -> None:
        self._port = port
        self._kind = kind
        self._parse = parse
        self._on_change = on_change
        self._on_left = on_left
        self._scope = scope
        self._pause = pause or Pause()
        self._clock = clock
        self._views: dict[Key, V] = {}
        self._gone: OrderedDict[Key, int] = OrderedDict()  # versions of deletions, so that late events raise nobody
        self._version: str | None = None  # to watch from; None: list first
        self._listed = 0  # the moment of the newest listing: what is not newer is in it, or gone
        self._seen = 0  # newest version that a listing or the stream has shown
        self._expired = False  # the newest failure was that the version is too old
        self.synced = asyncio.Event()
        """Set once the first listing is in."""

    # --- What is held ---

    def get(self, namespace: str, name: str) -> V | None:
        """Return the view of an object, or None."""
        return self._views.get((namespace, name))

    def __len__(self) -> int:
        return len(self._views)

    def __iter__(self) -> Iterator[V]:
        return iter(self._views.values())

    def put(self, view: V) -> None:
        """Take over an object that a write of our own returned, if it is newer than what is held.

        One that the watch has gone past without showing it is gone again, and does not come back.
        """
        key = (view.meta.namespace, view.meta.name)
        version = version_number(view.meta.resource_version)
        if key not in self._views and version is not None and version <= self._seen:
            return
        self._enter(view, version)

    # --- The loop ---

    async def run(self) -> None:
        """List and watch until cancelled; no error ends it."""
        while True:
            try:
                await self._once()
            except Expired as error:
                _LOG.info("listing again", kind=self._kind.value, reason=error.message)
                self._version = None
                if self._expired:  # else at once, also after an outage: it is over, or there would be no such answer
                    await self._pause.after()
                self._expired = True
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                level = _LOG.warning if isinstance(error, ApiError) else _LOG.exception
                level("watch failed, will be tried again", kind=self._kind.value, error=repr(error))
                self._expired = False
                await self._pause.after(getattr(error, "retry_after", None))

    async def _once(self) -> None:
        """List if need be, and follow one stream to its end."""
        if self._version is None:
            self._version = await self._list()
            self.synced.set()
        started, version = self._clock(), self._version
        stream = self._port.watch(self._kind, resource_version=version, **self._scope)
        try:
            async for event in stream:
                self._pause.failures, self._expired = 0, False
                self._take(event)
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()  # now, not when it is collected: it holds a connection
        if self._version == version and self._clock() - started < _STEADY_SECONDS:
            raise ApiError("the stream ended at once, without an event")
        self._pause.failures, self._expired = 0, False

    async def _list(self) -> str:
        """Take over a listing, page by page; return the version to watch from."""
        listed: set[Key] = set()
        version = ""
        async for page in self._port.pages(self._kind, **self._scope):
            version = page.resource_version
            for count, manifest in enumerate(page.items, start=1):
                listed.add(self._take_listed(manifest))
                if count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        moment = version_number(version)
        for key in [key for key in self._views if key not in listed]:
            held = version_number(self._views[key].meta.resource_version)
            if moment is None or held is None or held <= moment:  # else made by ourselves since the listing
                self._leave(key, moment)
        self._listed = moment or 0
        self._note(moment)
        return version

    def _take_listed(self, manifest: Manifest) -> Key:
        meta = manifest.get("metadata") or {}
        key = (meta.get("namespace") or "", meta.get("name") or "")
        held = self._views.get(key)
        if held is None or held.meta.resource_version != meta.get("resourceVersion"):
            view = self._parse(manifest)
            self._enter(view, version_number(view.meta.resource_version))
        return key

    # --- Changes ---

    def _take(self, event: WatchEvent) -> None:
        meta = event.object.get("metadata") or {}
        text = str(meta.get("resourceVersion") or "")
        version = version_number(text)
        if version is not None and version <= self._listed:
            return
        key = (meta.get("namespace") or "", meta.get("name") or "")
        held = self._views.get(key)
        left = event.type == "DELETED" and meta.get("finalizers") and not meta.get("deletionTimestamp")
        if left and self._on_left is not None:
            view = self._parse(event.object)
            self._enter(view, version)
            self._on_left(view)
        elif event.type == "DELETED":
            known = version_number(held.meta.resource_version) if held is not None else None
            if version is None or known is None or known <= version:  # else it was made anew since
                self._leave(key, version)
        elif event.type != "BOOKMARK" and (held is None or is_newer(text, than=held.meta.resource_version)):
            self._enter(self._parse(event.object), version)  # not for the echo of a write that was `put`
        self._note(version)
        if text and (version is None or version == self._seen):
            self._version = text

    def _note(self, version: int | None) -> None:
        if version is not None:
            self._seen = max(self._seen, version)

    def _enter(self, view: V, version: int | None) -> None:
        key = (view.meta.namespace, view.meta.name)
        if version is not None and self._gone.get(key, -1) >= version:
            return
        held = self._views.get(key)
        if held is not None:
            if not is_newer(view.meta.resource_version, than=held.meta.resource_version):
                return
            if held.meta.uid != view.meta.uid:
                del self._views[key]
                self._on_change(held, None)
                held = None
        self._gone.pop(key, None)
        self._views[key] = view
        self._on_change(held, view)

    def _leave(self, key: Key, version: int | None) -> None:
        if version is not None:
            self._gone[key] = max(version, self._gone.pop(key, 0))
            if len(self._gone) > _TOMBSTONES:
                self._gone.popitem(last=False)
        held = self._views.pop(key, None)
        if held is not None:
            self._on_change(held, None)


def version_number(resource_version: str) -> int | None:
    """Return a resourceVersion as a number, None where it is none (they are, since Kubernetes 1.35, by contract)."""
    return int(resource_version) if resource_version.isdecimal() else None


def is_newer(resource_version: str, *, than: str) -> bool:
    """Whether a version is newer; of versions that cannot be compared any other one is."""
    mine, other = version_number(resource_version), version_number(than)
    if mine is None or other is None:
        return resource_version != than
    return mine > other
