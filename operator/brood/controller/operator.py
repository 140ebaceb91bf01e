"""The operator on Kubernetes: a shell of kopf around the controller.

kopf logs in, starts, stops, and rings for the objects that people make; its handlers have one line each. Everything
else is the controller's, which watches by itself, so that a ring that kopf loses is no loss.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import kopf
import structlog

from brood.cluster.kubernetes.access import Access, AccessError, open_access
from brood.cluster.kubernetes.client import KubernetesPort
from brood.cluster.kubernetes.lease import Elector, LeadershipLost, LeaseTimes
from brood.cluster.kubernetes.transport import IN_FLIGHT, Transport
from brood.cluster.port import ApiError, Kind, NotFound
from brood.controller import garbage
from brood.controller.config import Config
from brood.controller.controller import Controller
from brood.controller.endpoints import Endpoints, Listen
from brood.controller.keys import Key, definition_key, run_key
from brood.controller.kopfsettings import JOB_DEFINITIONS, JOB_RUNS, door_settings, where
from brood.controller.metrics import Metrics
from brood.controller.podcheck import defaults_problem
from brood.views import RunView

if TYPE_CHECKING:
    from brood.controller.traces import Traces

_LOG = structlog.get_logger("brood.operator")

LOOK_AGAIN_SECONDS: Final = 2.0
"""Between two looks whether the CRDs are there by now."""

RESTART_SECONDS: Final = (1.0, 30.0)
"""First and longest wait before the shell is put up again after kopf failed."""

TRACES_TO: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

RELOGIN_SECONDS: Final = (0.0, 1.0, 5.0, 15.0, 30.0)
"""Before kopf's first, second, … login; a server that says 401 all the time is not asked all the time."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the shell is told at its start; what the controller is told is in `Config`."""

    kubeconfig: str | None = None
    lease_name: str = "brood-operator"
    lease_namespace: str | None = None  # None: where we run, or the kubeconfig context's
    lease_times: LeaseTimes = field(default_factory=LeaseTimes)
    identity: str | None = None  # None: one that no other process has, and the next one here has not either
    in_flight: int = IN_FLIGHT
    rate: float | None = None  # requests a second
    listen: Listen = field(default_factory=Listen)


class Operator:
    """Everything that exists between the shell's startup and its cleanup."""

    def __init__(
        self, access: Access, *, options: Options, config: Config, end: Callable[[int], object] = os._exit
    ) -> None:
        self._access = access
        self._config = config
        self._end = end
        self._controller: Controller | None = None
        self._elector: Elector | None = None
        self._port: KubernetesPort | None = None
        self._leading: asyncio.Task[None] | None = None
        self._options = options
        self._logins = 0
        self._metrics = Metrics(
            controller=lambda: self._controller,
            leading=self._leads,
            lease=options.lease_name,
        )
        self._traces = _traces(lambda run: self._controller.cache.family.root(run) if self._controller else None)
        self._endpoints = Endpoints(options.listen, unready=self.unready, metrics=self._metrics.text)

    async def start(self) -> None:
        """Open the cluster, answer probes, and take part in the election; returns once the cluster knows our kinds."""
        try:
            await self._endpoints.start()
        except OSError as error:
            _LOG.critical("the process ends: it cannot listen", error=str(error))
            self._end(1)
        transport = Transport(
            self._access,
            in_flight=self._options.in_flight,
            rate=self._options.rate,
            observe=self._metrics.observe,
            may_write=lambda kind: kind is Kind.LEASE or self._leads(),
        )
        self._port = KubernetesPort(self._access, transport)
        await self._kinds_exist(self._port)
        home = self._options.lease_namespace or self._access.namespace
        await self._defaults_fit(self._port, namespace=(self._config.namespaces or (home,))[0])
        self._elector = Elector(
            self._port,
            namespace=home,
            name=self._options.lease_name,
            identity=self._options.identity,
            times=self._options.lease_times,
        )
        self._leading = asyncio.create_task(self._lead(self._port, self._elector), name="leader")

    async def stop(self) -> None:
        """Stop working, then give the lease up: the next one finds nobody writing. A second call does nothing."""
        leading, self._leading = self._leading, None
        if leading is not None:
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
        controller, self._controller = self._controller, None
        if controller is not None:
            await controller.stop()
        elector, self._elector = self._elector, None
        if elector is not None:
            await elector.release()
        port, self._port = self._port, None
        if port is not None:
            await port.close()
        await self._endpoints.stop()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.stop)

    def ring(self, key: Key) -> None:
        """Have an object looked at, if this process leads."""
        if self._controller is not None:
            self._controller.queue.add(key)

    def _leads(self) -> bool:
        return self._elector is not None and self._elector.still_leader()

    def unready(self) -> str | None:
        """Return why this process is not ready: a standby is as soon as it stands by, a leader when all is listed."""
        if self._elector is None:
            return "waiting for the API server and the CustomResourceDefinitions"
        if self._controller is not None:
            return None if self._controller.ready.is_set() else "listing what exists"
        if self._elector.holder in ("", self._elector.identity):
            return "asking for the lease"
        return None

    async def login(self) -> kopf.AiohttpSession:
        """Return a session for kopf, with the credentials that our own requests use."""
        await asyncio.sleep(RELOGIN_SECONDS[min(self._logins, len(RELOGIN_SECONDS) - 1)])
        self._logins += 1
        try:
            await self._access.refresh()
        except AccessError as error:
            _LOG.warning("credentials cannot be read again, the old ones stay", error=str(error))
        return kopf.AiohttpSession(server=self._access.server, aiohttp_session=self._access.session())

    async def _kinds_exist(self, port: KubernetesPort) -> None:
        """Wait until the API server serves our kinds: kopf would pass over them for good."""
        said = ""
        while True:
            try:
                for kind in (Kind.JOB_DEFINITION, Kind.JOB_RUN):
                    await port.probe(kind, namespace=(self._config.namespaces or (None,))[0])
            except ApiError as error:
                hint = (
                    "apply the CustomResourceDefinitions: kubectl apply -f crds/" if isinstance(error, NotFound) else ""
                )
                if error.message != said:
                    said = error.message
                    _LOG.warning("not ready, will be tried again", error=said, **({"hint": hint} if hint else {}))
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            else:
                return

    async def _defaults_fit(self, port: KubernetesPort, *, namespace: str) -> None:
        """End the process where no Pod could be made, rather than fail every task: an upgrade keeps the old one then."""
        problem = await defaults_problem(port, self._config, namespace=namespace) if self._config.pod_defaults else None
        if problem:
            _LOG.critical("the process ends: --pod-defaults is refused by the API server", error=problem)
            self._end(2)

    async def _lead(self, port: KubernetesPort, elector: Elector) -> None:
        """Become the leader, work, and end the process when that is over: what is under way may be out of date."""
        try:
            await elector.acquire()
            on_news = [self._metrics.wrote, *([self._traces.wrote] if self._traces else [])]
            controller = self._controller = Controller(
                port, self._config, on_pass=self._metrics.passed, on_news=on_news
            )
            await controller.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(elector.hold())
                group.create_task(garbage.after_listing(controller.ready))
                group.create_task(controller.go_on())
        except* LeadershipLost as lost:  # the network or the machine, nothing of brood's
            _LOG.warning("the process ends", reason=str(lost.exceptions[0]))
        except* Exception as crashed:  # noqa: BLE001 - whatever it was, a process that does not work must not look alive
            _LOG.critical("the process ends: this is a bug in brood", exc_info=crashed)
        self._end(1)


def _traces(root_of: Callable[[RunView], RunView | None]) -> "Traces | None":
    """Return what sends traces, where the environment names an endpoint for them."""
    if not any(os.environ.get(name) for name in TRACES_TO):
        return None
    try:
        from brood.controller.traces import open_traces  # noqa: PLC0415 - an extra
    except ImportError as error:
        _LOG.warning("no traces are sent: install brood-operator[otel]", error=str(error))
        return None
    return open_traces(root_of=root_of)


def handlers(operator: Operator) -> kopf.OperatorRegistry:
    """Return kopf's handlers. They decide nothing: an event only says which key to look at."""
    registry = kopf.OperatorRegistry()

    @kopf.on.startup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)
    async def startup(**_: Any) -> None:
        await operator.start()

    @kopf.on.cleanup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)
    async def cleanup(**_: Any) -> None:
        await operator.stop()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return await operator.login()

    @kopf.on.event(*JOB_DEFINITIONS, registry=registry)
    async def definition(namespace: str | None, name: str, **_: Any) -> None:
        operator.ring(definition_key(namespace or "", name))

    @kopf.on.event(*JOB_RUNS, registry=registry)
    async def run(namespace: str | None, name: str, **_: Any) -> None:
        operator.ring(run_key(namespace or "", name))

    return registry


async def serve(options: Options, config: Config) -> None:
    """Be the operator until TERM or INT.

    kopf gives up on answers that it does not expect in a watch; then the shell is put up again, in this process.

    Raises
    ------
    AccessError
        If there is no way to an API server.
    """
    garbage.seldom()
    access = await open_access(options.kubeconfig)
    _LOG.info("starting", server=access.server, namespaces=list(config.namespaces or ()) or "all")
    stop, wait = asyncio.Event(), RESTART_SECONDS[0]
    while not stop.is_set():
        operator = Operator(access, options=options, config=config)
        try:
            await kopf.operator(
                registry=handlers(operator),
                settings=door_settings(),
                standalone=True,
                identity="brood",  # type: ignore[arg-type] # else kopf asks for the user's name, and in an image there is none
                **where(config.namespaces),
            )
        except Exception as error:  # noqa: BLE001 - kopf's failures of any kind must not end the operator
            _LOG.error("the shell failed and is put up again", error=repr(error), seconds=wait)
        else:
            return
        finally:
            await operator.stop()
        await _wait(stop, wait)
        wait = min(RESTART_SECONDS[1], wait * 2)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until TERM or INT, which are kopf's only while it runs."""
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, partial(stop.set))
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
