"""How the API server is reached: address, TLS and credentials, from the cluster we run in or a kubeconfig."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from brood import __version__

REFRESH_SECONDS: Final = 60.0
"""Credentials older than that are read again: a service account's token file is replaced while we run."""

USER_AGENT: Final = f"brood/{__version__}"

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_KEEPALIVE: Final = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A peer that has vanished is noticed within 30 seconds, on a silent watch too."""


class AccessError(Exception):
    """There is no way to an API server: no kubeconfig, or one that cannot be used."""


class _Rest(RESTClientObject):
    """The library's session factory, with a connector that notices dead peers and sets no limit of its own."""

    def _create_connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=0, ssl=self.ssl_context, socket_factory=_socket)

    def open(self) -> aiohttp.ClientSession:
        session: aiohttp.ClientSession = self._create_pool_manager()
        return session


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        if hasattr(socket, option):  # not on every system
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


class Access:
    """An API server's address, and credentials that stay fresh. Made by `open_access`.

    Attributes
    ----------
    server
        The URL that paths are appended to.
    namespace
        The kubeconfig context's, or the one that we run in; ``default`` where neither says.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        namespace: str,
        reload: Callable[[], Awaitable[object]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configuration = configuration
        self._reload = reload
        self._clock = clock
        self._read_at = clock()
        self._reading = asyncio.Lock()
        self.namespace = namespace
        self.server: str = configuration.host.rstrip("/")
        self._headers = self._current_headers()

    async def headers(self) -> dict[str, str]:
        """Return the headers of a request; the same dict until credentials change.

        Raises
        ------
        AccessError
            If credentials are due to be read again, and cannot.
        """
        if self._clock() - self._read_at > REFRESH_SECONDS:
            await self.refresh(older_than=REFRESH_SECONDS)
        return self._headers

    async def refresh(self, *, older_than: float = 1.0) -> None:
        """Read the credentials again, unless that was done within so many seconds."""
        async with self._reading:
            if self._clock() - self._read_at <= older_than:
                return
            await _tried(self._reload)
            self._read_at = self._clock()
            fresh = self._current_headers()
            if fresh != self._headers:
                self._headers = fresh

    def session(self) -> aiohttp.ClientSession:
        """Return a new session with the server's TLS settings; close it after use.

        It takes no proxy and no netrc from the environment, and puts credentials on each request by itself.
        """
        self._configuration.client_session_kwargs = {
            "trust_env": False,
            "auto_decompress": True,
            "cookie_jar": aiohttp.DummyCookieJar(),
            "headers": {"User-Agent": USER_AGENT},
            "proxy": self._configuration.proxy or None,
            "middlewares": (self._authorize,),
        }
        rest = _Rest(self._configuration)
        return rest.open()

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.headers.update(await self.headers())
        if self._configuration.tls_server_name:
            request.server_hostname = self._configuration.tls_server_name
        return await handler(request)

    def _current_headers(self) -> dict[str, str]:
        token = (self._configuration.api_key or {}).get("BearerToken") or ""
        return {"Authorization": token.strip()} if token.strip() else {}


async def open_access(kubeconfig: str | None = None, *, context: str | None = None) -> Access:
    """Find the API server: ``kubeconfig``, else ``$KUBECONFIG``, else the cluster we run in, else ``~/.kube/config``.

    With ``context`` it is a kubeconfig's, and that context instead of its current one.

    Raises
    ------
    AccessError
        If there is none; the message says what was looked at.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG") or ""
    if not named and not context and os.environ.get(SERVICE_HOST_ENV_NAME):
        return await _in_cluster()
    return await _from_kubeconfig(named or str(Path.home() / ".kube" / "config"), named=bool(named), context=context)


async def _in_cluster() -> Access:
    configuration = Configuration()

    async def reload() -> None:
        load_incluster_config(client_configuration=configuration, try_refresh_token=False)  # type: ignore[no-untyped-call]

    await _tried(reload)
    file = SERVICE_ACCOUNT / "namespace"
    namespace = file.read_text().strip() if file.is_file() else ""
    return Access(configuration, namespace=namespace or "default", reload=reload)


async def _from_kubeconfig(paths: str, *, named: bool, context: str | None) -> Access:
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):  # noqa: ASYNC240
        looked = f"no kubeconfig at {paths}"
        raise AccessError(looked if named else f"{looked}, KUBECONFIG is not set, and this is no Pod of a cluster")
    configuration = Configuration()
    loaders: list[Any] = []

    async def load() -> None:
        loader = await load_kube_config(  # type: ignore[no-untyped-call]
            paths, context=context, client_configuration=configuration, persist_config=False
        )
        loaders.append(loader)

    await _tried(load)
    (loader,) = loaders
    chosen = loader.current_context.get("context") or {}

    async def reload() -> None:
        await loader.load_and_set(configuration)

    return Access(configuration, namespace=chosen.get("namespace") or "default", reload=reload)


async def _tried(reload: Callable[[], Awaitable[object]]) -> None:
    try:
        await reload()
    except Exception as error:  # the library lets through whatever goes wrong inside
        raise AccessError(f"credentials for the API server cannot be read: {error}") from error
