"""One request to the API server, and one stream from it."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from io import BytesIO
from typing import Any, Final, Literal, Protocol

import aiohttp
import orjson
from yarl import URL

from brood.cluster.kubernetes.access import Access, AccessError
from brood.cluster.kubernetes.errors import error_of
from brood.cluster.kubernetes.turns import Turns
from brood.cluster.port import ApiError, Kind, Unavailable

Method = Literal["GET", "POST", "PATCH", "DELETE"]

IN_FLIGHT: Final = 16
"""Requests on their way at once, watches apart: enough to keep an API server busy, and not so many that others wait behind them."""

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

LARGE_BODY: Final = 1 << 19

CALL_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0

_FAILURE: Final = 400
_UNAUTHORIZED: Final = 401
_NO_CODE: Final = 0


class Observer(Protocol):
    """Who is told of each request, for metrics."""

    def __call__(self, *, verb: str, kind: Kind, code: int, seconds: float) -> None:
        """Take note of a request; ``code`` is 0 where there was no answer."""


def unobserved(*, verb: str, kind: Kind, code: int, seconds: float) -> None:
    """Take no note."""


def unguarded(kind: Kind) -> bool:  # noqa: ARG001
    """Let every write through."""
    return True


class Transport:
    """An open session with an API server, at most ``in_flight`` requests at a time and ``rate`` in a second, those for Leases apart.

    Every failure is an `ApiError`: the server's refusal, or `Unavailable` where there was no answer.

    Parameters
    ----------
    may_write
        Whether this process may write objects of a kind; asked when a request has its turn and is about to be sent, so
        that none that had to wait goes out when another operator may have taken over. Dry runs are no writes.
    """

    def __init__(
        self,
        access: Access,
        *,
        in_flight: int = IN_FLIGHT,
        rate: float | None = None,
        observe: Observer = unobserved,
        may_write: Callable[[Kind], bool] = unguarded,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._may_write = may_write
        self._session = access.session()
        self._turns = Turns(in_flight=in_flight, rate=rate)
        self._observe = observe
        self._clock = clock
        self._call_timeout = aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS)

    async def call(
        self,
        method: Method,
        path: str,
        *,
        verb: str,
        kind: Kind,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """Send a request and return the body of its answer.

        Parameters
        ----------
        verb
            What Kubernetes calls it: list, get, create, patch, delete.

        Raises
        ------
        ApiError
            As the port says.
        """
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = content_type
        data = None if body is None else _dumped(body)
        url = URL(self._access.server + path, encoded=True)
        async with nullcontext() if kind is Kind.LEASE else self._turns.one():  # who waits in line loses the lead
            if method != "GET" and "dryRun=All" not in path and not self._may_write(kind):
                raise Unavailable(f"{verb} {path}: not sent, another operator may lead")
            with self._asking(verb, path, kind=kind) as answered:
                async with self._session.request(
                    method, url, data=data, headers=headers, timeout=self._call_timeout, allow_redirects=False
                ) as response:
                    answer = await response.read()
                    answered(response.status)
        if response.status < _FAILURE:
            return answer
        raise await self.refused(response, answer, method=method)

    @asynccontextmanager
    async def stream(
        self, path: str, *, kind: Kind, silence: float | None, accept: str = JSON
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """Open a watch or a log and yield its body; a silence of so many seconds is a `TimeoutError` of its reader.

        Raises
        ------
        ApiError
            If the server refuses, or does not answer.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        url = URL(self._access.server + path, encoded=True)
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        with self._asking("watch", path, kind=kind) as answered:
            response = await self._session.get(url, headers=headers, timeout=timeout, allow_redirects=False)
            answered(response.status)
        try:
            if response.status >= _FAILURE:
                raise await self.refused(response, await response.read(), method="GET")
            yield response.content
        finally:
            response.close()  # the rest of a stream is never wanted

    @contextmanager
    def _asking(self, verb: str, path: str, *, kind: Kind) -> Iterator[Callable[[int], None]]:
        """Give whom to tell the code of an answer; tell the observer, and make `Unavailable` of there being none."""
        started, codes = self._clock(), [_NO_CODE]
        try:
            yield codes.append
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError, AccessError) as error:
            raise unanswered(error, what=f"{verb} {path}") from error
        finally:
            self._observe(verb=verb, kind=kind, code=codes[-1], seconds=self._clock() - started)

    async def refused(self, response: aiohttp.ClientResponse, answer: bytes, *, method: Method) -> ApiError:
        """Return the error of a refusal; after a 401 the credentials are read again, for the next try."""
        if response.status == _UNAUTHORIZED:
            try:
                await self._access.refresh()
            except AccessError as error:
                return Unavailable(str(error))
        return error_of(response.status, answer, headers=response.headers, method=method)

    async def close(self) -> None:
        """Close all connections; what is under way ends with `Unavailable`."""
        await self._session.close()


def unanswered(error: BaseException, *, what: str) -> Unavailable:
    """Return the port's error for a request without an answer; the write may have happened."""
    if isinstance(error, TimeoutError):
        return Unavailable(f"{what}: no answer in time")
    return Unavailable(f"{what}: {str(error) or type(error).__name__}")


def _dumped(body: Mapping[str, Any]) -> bytes | BytesIO:
    """Return JSON; a large one as a file, which is sent piece by piece and lets others have their turn."""
    dumped = orjson.dumps(body if isinstance(body, dict) else dict(body))
    return dumped if len(dumped) < LARGE_BODY else BytesIO(dumped)
