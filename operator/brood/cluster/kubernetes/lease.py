"""Who may write: leader election by a Lease.

The holder renews its Lease every two seconds. One that could not for ten seconds stops to be the leader by its own
clock, without asking anybody; only five seconds later, at the earliest, may another one take over. The holder's clock
and the others' are never compared: each measures on its own, from the moment at which it saw the Lease change.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import structlog

from brood.cluster.port import AlreadyExists, ApiError, Conflict, Kind, Manifest, NotFound, Port, Unavailable

_LOG = structlog.get_logger("brood.lease")


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds of leader election, those that Kubernetes' own components use."""

    duration: float = 15.0  # a Lease that did not change for so long may be taken over
    renew_deadline: float = 10.0  # a holder that could not renew for so long is the leader no more
    retry_period: float = 2.0  # between two tries to take or to renew

    def __post_init__(self) -> None:
        """Refuse times with which there could be two leaders at once."""
        if not 0 < self.retry_period < self.renew_deadline < self.duration:
            raise ValueError("a lease needs 0 < retry_period < renew_deadline < duration")

    @classmethod
    def of(cls, duration: float) -> Self:
        """Return times in the usual proportions for a Lease of so many seconds."""
        return cls(duration=duration, renew_deadline=duration * 2 / 3, retry_period=duration * 2 / 15)


class LeadershipLost(Exception):
    """Another one may be writing from now on. The process ends: what it has under way may be out of date."""


def boot_time() -> float:
    """Return seconds on a clock that never goes back, and that goes on while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # not on every system
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def new_identity() -> str:
    """Return a name for this process: the host's (on Kubernetes the Pod's) and a random part."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A Lease as it was when it last changed, and when that was seen on our clock."""

    lease: Manifest
    at: float


class Elector:
    """Takes part in the election of one leader.

    Parameters
    ----------
    namespace, name
        The Lease.
    clock
        Seconds that only grow.
    sleep
        How to wait.
    now
        The time of day, for the Lease's readers only; nothing is decided by it.
    """

    def __init__(
        self,
        port: Port,
        *,
        namespace: str,
        name: str,
        identity: str | None = None,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = boot_time,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._port = port
        self._namespace = namespace
        self._name = name
        self.identity = identity or new_identity()
        self._times = times or LeaseTimes()
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._seen: _Seen | None = None
        self._leads_until: float | None = None

    def still_leader(self) -> bool:
        """Whether this process may write now: to be asked before each write, and right before it."""
        return self._leads_until is not None and self._clock() < self._leads_until

    @property
    def holder(self) -> str:
        """Whoever holds the Lease, as far as is known; empty if nobody does."""
        return "" if self._seen is None else _spec(self._seen.lease).get("holderIdentity") or ""

    async def acquire(self) -> None:
        """Wait until this process is the leader."""
        said, failed = "", ""
        while True:
            try:
                if await self._try():
                    _LOG.info("leading", lease=self._about, identity=self.identity)
                    return
                failed = ""
            except ApiError as error:
                if error.message != failed:  # each time the same: said once
                    failed = error.message
                    _LOG.warning("cannot take the lease, will be tried again", lease=self._about, error=failed)
            if self.holder not in ("", said):
                said = self.holder
                _LOG.info("standing by", lease=self._about, leader=said)
            await self._sleep(self._times.retry_period)

    async def hold(self) -> None:
        """Renew the Lease until that fails; call it after `acquire`.

        Raises
        ------
        LeadershipLost
            Once this process is not the leader any more.
        """
        while True:
            await self._sleep(self._times.retry_period)
            left = (self._leads_until or 0.0) - self._clock()
            if left <= 0:
                raise self._lost("it could not be renewed in time")
            try:
                async with asyncio.timeout(
                    min(left, self._times.renew_deadline / 2)
                ):  # a dead connection: a second try
                    renewed = await self._try()
            except (ApiError, TimeoutError) as error:
                why = str(error) or "no answer in time"
                _LOG.warning("lease not renewed, will be tried again", lease=self._about, error=why)
                continue
            if not self.still_leader():
                raise self._lost("its renewal came too late")
            if not renewed and self.holder != self.identity:
                raise self._lost(f"{self.holder or 'nobody'} holds it")

    async def release(self) -> None:
        """Give the Lease up, so that the next one need not wait; call it when nothing is written any more."""
        if not self.still_leader() or self._seen is None:
            return
        self._leads_until = None
        meta = self._seen.lease["metadata"]
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._stamp()}
        patch = {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}, "spec": spec}
        try:
            await self._port.patch(Kind.LEASE, self._namespace, self._name, patch)
        except ApiError as error:
            _LOG.info("lease not released, it will run out", lease=self._about, error=error.message)

    def _lost(self, why: str) -> LeadershipLost:
        self._leads_until = None
        return LeadershipLost(f"the lease {self._about} is lost: {why}")

    @property
    def _about(self) -> str:
        return f"{self._namespace}/{self._name}"

    async def _try(self) -> bool:
        """Take or renew the Lease; whether it is ours now."""
        asked = self._clock()  # counted from before the request: the server cannot have seen it earlier
        if self._leads_until is None or self._seen is None:
            if not await self._look():
                return self._won(asked, await self._create())
            if not self._free():
                return False
        try:
            return self._won(asked, await self._take())
        except Conflict:
            if not await self._look() or self.holder != self.identity:
                return False
        except NotFound:
            self._seen = None
            return False
        return self._won(
            asked, await self._take()
        )  # ours after all: an earlier try did arrive, or somebody put a label on

    def _won(self, asked: float, lease: Manifest | None) -> bool:
        if lease is None:
            return False
        if self._leads_until is not None and self._clock() >= self._leads_until:
            return False  # it was renewed, but too late: for a while we were none
        self._seen = _Seen(lease, asked)
        self._leads_until = asked + self._times.renew_deadline
        return True

    async def _look(self) -> bool:
        """Read the Lease, and note when it changed; whether there is one."""
        try:
            lease = await self._port.get(Kind.LEASE, self._namespace, self._name)
        except NotFound:
            self._seen = None
            return False
        if self._seen is None or _spec(self._seen.lease) != _spec(lease):
            self._seen = _Seen(lease, self._clock())
        else:
            self._seen = _Seen(lease, self._seen.at)
        return True

    def _free(self) -> bool:
        """Whether the Lease may be taken."""
        if self._seen is None:
            return False
        spec = _spec(self._seen.lease)
        if spec.get("holderIdentity") in (None, "", self.identity):
            return True
        duration = spec.get("leaseDurationSeconds") or self._times.duration
        return self._clock() >= self._seen.at + float(duration)

    async def _create(self) -> Manifest | None:
        spec = {**self._claim(), "acquireTime": self._stamp(), "leaseTransitions": 0}
        manifest = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": spec,
        }
        try:
            return await self._port.create(Kind.LEASE, manifest)
        except AlreadyExists:
            return None
        except NotFound as error:
            raise Unavailable(f"{error.message} (does the namespace exist?)") from error

    async def _take(self) -> Manifest:
        assert self._seen is not None  # noqa: S101 - `_try` has looked
        meta, spec = self._seen.lease["metadata"], self._claim()
        before = _spec(self._seen.lease)
        if before.get("holderIdentity") != self.identity:
            spec["acquireTime"] = self._stamp()
            spec["leaseTransitions"] = int(before.get("leaseTransitions") or 0) + 1
        precise = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        return await self._port.patch(Kind.LEASE, self._namespace, self._name, {"metadata": precise, "spec": spec})

    def _claim(self) -> dict[str, Any]:
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._times.duration)),
            "renewTime": self._stamp(),
        }

    def _stamp(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spec(lease: Manifest) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = lease.get("spec") or {}
    return spec
