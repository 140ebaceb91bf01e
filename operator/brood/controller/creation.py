"""Creating objects: what the server refuses, and when an object that is there already is taken for ours."""

import asyncio
import time
from collections.abc import Sequence

from brood.api import labels
from brood.cluster.port import AlreadyExists, ApiError, Forbidden, Invalid, Kind, Manifest, NotFound, Port
from brood.controller.lru import Lru
from brood.controller.mending import controller_uid, is_ours, lacking
from brood.controller.workqueue import RetryLater
from brood.controller.writer import Writer
from brood.engine.snapshot import Refusal

Wanted = tuple[Kind, Manifest]

CONFIG_MAPS_KEPT = 10_000
CONFIG_MAP_SECONDS = 60.0
"""For so long a ConfigMap that was made is taken to be there: all items of a task may share it, and it may be large."""

_IDENTITY = (labels.TASK, labels.INDEX, labels.ATTEMPT, labels.HANDLER)


class Creator:
    """Creates objects side by side, at most ``in_flight`` of one plan at once."""

    def __init__(self, port: Port, writer: Writer, *, in_flight: int) -> None:
        self._port = port
        self._writer = writer
        self._in_flight = in_flight
        self._made: Lru[tuple[str, str], float] = Lru(CONFIG_MAPS_KEPT)
        self._making: dict[tuple[str, str], asyncio.Lock] = {}

    async def create(self, wanted: Sequence[Wanted]) -> list[Refusal]:
        """Create all, and return what was refused for good reasons.

        Raises
        ------
        ApiError
            The first answer that is neither: the same creates are tried again later.
        """
        if not wanted:
            return []
        slots = asyncio.Semaphore(self._in_flight)

        async def one(kind: Kind, manifest: Manifest) -> Refusal | None:
            async with slots:
                return await (self._config_map(manifest) if kind is Kind.CONFIG_MAP else self._one(kind, manifest))

        answers = await asyncio.gather(*(one(*want) for want in wanted), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, Refusal)]

    async def _config_map(self, manifest: Manifest) -> Refusal | None:
        """Create a ConfigMap, which several runs may ask for at once, unless that was done a moment ago."""
        name = (manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        try:
            async with self._making.setdefault(name, asyncio.Lock()):
                if time.monotonic() - (self._made.get(name) or -CONFIG_MAP_SECONDS) < CONFIG_MAP_SECONDS:
                    return None
                refusal = await self._one(Kind.CONFIG_MAP, manifest)
                if refusal is None:
                    self._made.put(name, time.monotonic())
                return refusal
        finally:
            self._making.pop(name, None)

    async def _one(self, kind: Kind, manifest: Manifest) -> Refusal | None:
        name = manifest["metadata"]["name"]
        try:
            await self._writer.create(kind, manifest)
        except AlreadyExists:
            return await self._adopt(kind, manifest)
        except (Forbidden, Invalid) as error:
            return refusal_of(name, error)
        return None

    async def _adopt(self, kind: Kind, manifest: Manifest) -> Refusal | None:
        """Take the object of that name if it is ours.

        Contract §2: "A create that meets AlreadyExists adopts only an object whose controller UID and task, index,
        attempt labels agree." One that somebody took them from gets them back.
        """
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        try:
            found = await self._port.get(kind, namespace, name)
        except NotFound:
            raise RetryLater(f"{kind} {name} was there a moment ago and is gone") from None
        if kind in (Kind.POD, Kind.JOB_RUN) and is_ours(found, manifest) and (patch := lacking(found, manifest)):
            found = await self._writer.patch(kind, (namespace, name), patch)
        if not same(found, manifest):
            return Refusal(name, "NameConflict", f"{kind} {name} exists and belongs to something else")
        self._writer.see(kind, found)
        return None


def refusal_of(name: str, error: Forbidden | Invalid) -> Refusal:
    """Return what a server that does not want an object said, for the plan that asked for it."""
    if isinstance(error, Invalid):
        return Refusal(name, "Invalid", error.message)
    if error.namespace_terminating:
        return Refusal(name, "Terminating", error.message)
    return Refusal(name, "Quota" if error.quota else "Forbidden", error.message)


def same(found: Manifest, wanted: Manifest) -> bool:
    """Whether an object that exists is what this create would have made."""
    has = found["metadata"].get("labels") or {}
    wants = wanted["metadata"]["labels"]
    return (
        controller_uid(found) == controller_uid(wanted)
        and all(has.get(label) == wants.get(label) for label in _IDENTITY)
        and (wanted["kind"] != "ConfigMap" or found.get("data") == wanted["data"])
    )


def retry_after(error: ApiError) -> RetryLater:
    """Say when something that the server could not do now is tried again."""
    return RetryLater(error.message, retry_after=error.retry_after)
