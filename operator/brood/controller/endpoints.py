"""What the operator answers over HTTP: whether it lives, whether it is ready, and its metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from brood.controller.metrics import CONTENT_TYPE

SHUTDOWN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: an address of this machine, and ports; 0 turns one off, equal ones are shared."""

    host: str = "127.0.0.1"
    health_port: int = 8081
    metrics_port: int = 8080


class Endpoints:
    """``/healthz``, ``/readyz`` and ``/metrics``.

    Parameters
    ----------
    unready
        Returns why the operator is not ready, or None if it is.
    metrics
        Returns the metrics as text.
    """

    def __init__(self, listen: Listen, *, unready: Callable[[], str | None], metrics: Callable[[], bytes]) -> None:
        self._listen = listen
        self._unready = unready
        self._metrics = metrics
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Begin to answer.

        Raises
        ------
        OSError
            If an address is taken.
        """
        health = [web.get("/healthz", self._health), web.get("/readyz", self._ready)]
        metrics = [web.get("/metrics", self._scrape)]
        served: dict[int, list[web.RouteDef]] = {}
        for port, routes in ((self._listen.health_port, health), (self._listen.metrics_port, metrics)):
            if port:
                served.setdefault(port, []).extend(routes)
        for port, routes in served.items():
            app = web.Application()
            app.add_routes(routes)
            runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, self._listen.host, port).start()

    async def stop(self) -> None:
        """Answer no more."""
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        """Whether the process lives: whoever gets this answer knows that the loop turns."""
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        why = self._unready()
        return web.Response(text="ok\n") if why is None else web.Response(text=f"{why}\n", status=503)

    async def _scrape(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE})
