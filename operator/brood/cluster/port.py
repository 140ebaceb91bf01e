"""The port: all that the controller needs of a cluster, Kubernetes or local.

Objects cross it as JSON manifests in the Kubernetes wire form; ``cluster/parse.py`` turns them into views at the door. Errors are
the few that decisions depend on; whatever else happens is ``Unavailable`` and is tried again with back-off.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, TypedDict, Unpack

from brood.layout import Layout

Manifest = dict[str, Any]
"""One Kubernetes object as decoded JSON; it goes no further than ``cluster/`` and the builders that make one."""


class Kind(StrEnum):
    """The kinds that brood touches."""

    JOB_DEFINITION = "JobDefinition"
    JOB_RUN = "JobRun"
    POD = "Pod"
    CLAIM = "PersistentVolumeClaim"
    CONFIG_MAP = "ConfigMap"
    REVISION = "ControllerRevision"
    EVENT = "Event"
    LEASE = "Lease"


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind at one moment, and the resourceVersion to watch from."""

    items: list[Manifest]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change. ``BOOKMARK`` carries only a resourceVersion."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Manifest


class ApiError(Exception):
    """The server's answer was no, or there was none. ``message`` is the server's own."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class NotFound(ApiError):
    """404: the object is not there, or not the one with that uid."""


class AlreadyExists(ApiError):
    """409 at a create."""


class Conflict(ApiError):
    """409 at a patch or delete: the object was changed, or its uid differs."""


class Invalid(ApiError):
    """422, or a strict-decoding 400: the object itself is wrong; trying again changes nothing."""


class Forbidden(ApiError):
    """403. Quota and terminating namespaces are told apart, because only they decide what to do next."""

    @property
    def quota(self) -> bool:
        """Whether a ResourceQuota said no: a wait that costs nothing."""
        return "exceeded quota" in self.message

    @property
    def namespace_terminating(self) -> bool:
        """Whether the namespace is being deleted: the run is over."""
        return "because it is being terminated" in self.message


class TooManyRequests(ApiError):
    """429: wait ``retry_after`` seconds."""


class Expired(ApiError):
    """410: the resourceVersion is too old, list again."""


class Unavailable(ApiError):
    """5xx, a broken connection, a time-out: the answer is unknown, the write may have happened."""


class Scope(TypedDict, total=False):
    """Which objects of a kind: those of a namespace (None: all that the port was opened for), with labels, of one name.

    ``about`` is the uid of the object that Events speak of.
    """

    namespace: str | None
    labels: str | None
    name: str | None
    about: str | None


class Port(Protocol):
    """A cluster.

    Every call may raise `ApiError`; creates and patches return the object as stored, so that a writer sees its own write at once.
    """

    @property
    def layout(self) -> Layout:
        """Where things are inside of Pods."""

    async def list(self, kind: Kind, **scope: Unpack[Scope]) -> Listing:
        """List objects, paged underneath."""

    def pages(self, kind: Kind, **scope: Unpack[Scope]) -> AsyncIterator[Listing]:
        """Yield the same objects page by page, so that who keeps little of each never holds all of them.

        There is at least one page; the last one carries the resourceVersion to watch from. Of a run all is there but what its
        managedFields list, of a Pod only what `brood.cluster.parse.parse_pod` reads; so too in `list` and `watch`.
        """

    def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        """Yield changes after ``resource_version`` until the server closes the stream; `Expired` where it is too old."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Read one object."""

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Create an object (``fieldValidation=Strict`` with ``dry_run``)."""

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """Merge a JSON patch into an object.

        With ``metadata.resourceVersion`` in it, `Conflict` if the object has changed; with ``metadata.uid``, if it is another one.
        """

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        """Delete the object with that uid (background propagation)."""

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        """Read the log of container ``main``, stdout and stderr mixed; ``tail_lines`` from its end."""

    async def close(self) -> None:
        """Release connections and processes."""
