"""An in-memory object store that behaves like the API server where brood relies on it."""

import asyncio
import secrets
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Unpack, cast

import orjson

from brood.api.base import format_time
from brood.cluster.local.admission import CUSTOM, RESOURCES, WITH_STATUS, admit_change, admit_new
from brood.cluster.local.deletion import marked, removable
from brood.cluster.local.history import History
from brood.cluster.local.mergepatch import merge_patch
from brood.cluster.local.owners import Owners
from brood.cluster.local.preconditions import check_preconditions
from brood.cluster.local.selectors import label_selector
from brood.cluster.local.shelf import Key, Shelf
from brood.cluster.port import AlreadyExists, Conflict, Invalid, Kind, Listing, Manifest, NotFound, Scope, WatchEvent

EVENTS_KEPT = 1000
"""An API server forgets Events after an hour; here the oldest go."""

PAGE = 500
"""Objects in a page of a listing."""

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # of the API server: no vowels, no words
_SYSTEM_FIELDS = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
)
_ENDED = frozenset({"Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Rejected"})


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ObjectStore:
    """Objects of all kinds.

    What comes in is copied once; what goes out is shared with the store and all watchers, and must not be changed.
    Every write replaces the object by a new one that shares what did not change. All methods but `watch` are
    synchronous and atomic.

    Parameters
    ----------
    clock
        Gives ``creationTimestamp`` and ``deletionTimestamp``.
    """

    def __init__(self, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock
        self._version = 0
        self._shelves = {kind: Shelf() for kind in Kind}
        self._histories = {kind: History() for kind in Kind}
        self._owners = Owners()
        self._garbage: deque[tuple[Kind, Key, str]] = deque()
        self._collecting = False

    @property
    def version(self) -> int:
        """The newest resourceVersion."""
        return self._version

    def count(self, kind: Kind) -> int:
        """Return how many objects of a kind there are."""
        return len(self._shelves[kind])

    # --- Reading ----------------------------------------------------------------------------------------------------

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Return an object; raises `NotFound`."""
        found = self._shelves[kind].get((namespace, name))
        if found is None:
            raise NotFound(f'{RESOURCES[kind]} "{name}" not found')
        return found

    def list(self, kind: Kind, **scope: Unpack[Scope]) -> Listing:
        """List objects in the order of their creation; raises `Invalid` for a selector that is none."""
        pages = self.pages(kind, **scope)
        return Listing([one for page in pages for one in page.items], str(self._version))

    def pages(self, kind: Kind, **scope: Unpack[Scope]) -> Iterator[Listing]:
        """List objects in pages. What is written meanwhile may show in a later page, and follows in a watch too."""
        shelf, version = self._shelves[kind], str(self._version)
        wanted, namespace = _interest(scope), scope.get("namespace")
        page: list[Manifest] = []
        for key in [*shelf]:
            found = shelf.get(key) if namespace in (None, key[0]) else None
            if found is None or (wanted is not None and not wanted(found)):
                continue
            page.append(found)
            if len(page) == PAGE:
                yield Listing(page, version)
                page = []
        yield Listing(page, version)

    def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        """Yield the changes after that version; `brood.cluster.port.Expired` where they are no longer known."""
        return self._histories[kind].follow(int(resource_version or 0), _interest(scope))

    # --- Writing ----------------------------------------------------------------------------------------------------

    def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Store a new object; raises `AlreadyExists` or `Invalid`."""
        new = _copied(kind, manifest)
        meta = new.setdefault("metadata", {})
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
        meta.setdefault("namespace", "default")
        new = admit_new(kind, new)
        key = (meta["namespace"], meta["name"])
        if key in self._shelves[kind]:
            raise AlreadyExists(f'{RESOURCES[kind]} "{key[1]}" already exists')
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"):
            meta.pop(field, None)
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": format_time(self._clock()), "generation": 1}
        if dry_run:
            return new
        if kind is Kind.EVENT and len(self._shelves[kind]) >= EVENTS_KEPT:
            oldest = next(iter(self._shelves[kind]))
            self._remove(kind, self.get(kind, *oldest))
        stored = self._put(kind, new, None)
        if self._owners.enter(kind, key, meta):
            self._discard(kind, key, meta["uid"])  # its owner is gone already
        return stored

    def restore(self, kind: Kind, manifest: Manifest) -> None:
        """Take in an object as another store kept it: uid, times and status are its own."""
        self._put(kind, manifest, None)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """JSON merge patch of the object or of its status; a patch that changes nothing writes nothing.

        Raises
        ------
        NotFound, Conflict, Invalid
            As the API server.
        """
        old = self.get(kind, namespace, name)
        change = _copied(kind, patch)
        check_preconditions(kind, old, change.get("metadata") or {})
        if subresource == "status":
            new = merge_patch(old, {"status": change["status"]} if "status" in change else {})
        else:
            if kind in WITH_STATUS:
                change.pop("status", None)
            new = merge_patch(old, {**change, "metadata": _without_system_fields(change.get("metadata"))})
            admit_change(kind, old=old, new=new)
        return self._replace(kind, old, new)

    def write(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any], *, uid: str) -> Manifest:
        """Merge into object and status at once, as no client may: the scheduler's and the kubelet's part, in one write.

        Raises `NotFound` if the object with that uid is gone.
        """
        old = self.get(kind, namespace, name)
        if old["metadata"]["uid"] != uid:
            raise NotFound(f'{RESOURCES[kind]} "{name}" with uid {uid} not found')
        return self._replace(kind, old, merge_patch(old, _copied(kind, patch)))

    def delete(self, kind: Kind, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None) -> None:
        """Delete an object, or mark it while finalizers or a running process hold it; what it owned follows by and by.

        Raises `NotFound`, or `Conflict` for another uid.
        """
        old = self.get(kind, namespace, name)
        check_preconditions(kind, old, {"uid": uid})
        new = marked(kind, old, now=self._clock(), grace_seconds=grace_seconds)
        if removable(new):
            self._remove(kind, new)
        elif new is not old:
            self._put(kind, new, old)

    def collect(self, limit: int = 100) -> bool:
        """Delete up to ``limit`` objects whose owners are gone; return whether there is more to do.

        In a running loop this happens by itself, in the background.
        """
        for _ in range(min(limit, len(self._garbage))):
            kind, (namespace, name), uid = self._garbage.popleft()
            try:
                self.delete(kind, namespace, name, uid=uid)
            except (NotFound, Conflict):
                continue
        return bool(self._garbage)

    def close(self) -> None:
        """End all watches."""
        for history in self._histories.values():
            history.close()

    def expire(self, kind: Kind) -> None:
        """Forget the changes of a kind, so that a watch from an older version is `Expired` (for tests of that)."""
        self._histories[kind].expire()

    # --- Inside -----------------------------------------------------------------------------------------------------

    def _replace(self, kind: Kind, old: Manifest, new: Manifest) -> Manifest:
        if new == old:
            return old
        meta = new["metadata"]
        if kind in CUSTOM and any(
            new.get(field) != old.get(field) for field in new.keys() | old.keys() if field not in ("metadata", "status")
        ):
            new = {**new, "metadata": {**meta, "generation": meta["generation"] + 1}}
        if meta.get("ownerReferences") != old["metadata"].get("ownerReferences"):
            self._owners.leave(kind, (meta["namespace"], meta["name"]), old["metadata"])
            self._owners.enter(kind, (meta["namespace"], meta["name"]), meta)
        if removable(new):
            return self._remove(kind, new)
        return self._put(kind, new, old)

    def _put(self, kind: Kind, new: Manifest, old: Manifest | None) -> Manifest:
        new = self._versioned(new)
        meta = new["metadata"]
        status = new.get("status")  # of any shape: not everything is checked
        phase = status.get("phase") if isinstance(status, dict) else None
        ended = kind in (Kind.POD, Kind.JOB_RUN) and isinstance(phase, str) and phase in _ENDED
        self._shelves[kind].put((meta["namespace"], meta["name"]), new, ended=ended)
        self._histories[kind].append(self._version, "ADDED" if old is None else "MODIFIED", new=new, old=old)
        return new

    def _remove(self, kind: Kind, last: Manifest) -> Manifest:
        last = self._versioned(last)
        meta = last["metadata"]
        key = (meta["namespace"], meta["name"])
        self._shelves[kind].remove(key)
        self._histories[kind].append(self._version, "DELETED", new=last, old=last)
        for orphan_kind, orphan_key, uid in self._owners.leave_for_good(kind, key, meta):
            self._discard(orphan_kind, orphan_key, uid)
        return last

    def _versioned(self, manifest: Manifest) -> Manifest:
        self._version += 1
        return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(self._version)}}

    def _discard(self, kind: Kind, key: Key, uid: str) -> None:
        self._garbage.append((kind, key, uid))
        if self._collecting:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # without a loop, `collect` is called by hand
        self._collecting = True
        loop.call_soon(self._collect_some, loop)

    def _collect_some(self, loop: asyncio.AbstractEventLoop) -> None:
        self._collecting = self.collect()
        if self._collecting:
            loop.call_soon(self._collect_some, loop)


def _copied(kind: Kind, manifest: Mapping[str, Any]) -> Manifest:
    try:
        return cast("Manifest", orjson.loads(orjson.dumps(manifest)))
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise Invalid(f"{kind}: not JSON: {error}") from error


def _without_system_fields(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (meta or {}).items() if key not in _SYSTEM_FIELDS and key != "resourceVersion"}


def _interest(scope: Scope) -> Callable[[Manifest], bool] | None:
    """Return the test of a scope; None for one that means everything."""
    namespace, name, labels, about = (scope.get(key) for key in ("namespace", "name", "labels", "about"))
    wanted = label_selector(str(labels)) if labels else None
    if namespace is None and name is None and wanted is None and about is None:
        return None

    def interest(manifest: Manifest) -> bool:
        meta = manifest["metadata"]
        return (
            namespace in (None, meta["namespace"])
            and name in (None, meta["name"])
            and about in (None, (manifest.get("involvedObject") or {}).get("uid"))
            and (wanted is None or wanted(meta.get("labels") or {}))
        )

    return interest
