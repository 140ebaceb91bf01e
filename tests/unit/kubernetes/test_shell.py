"""The shell around the controller: kopf's settings, probes, metrics, log lines, the command."""

import asyncio
import io
import itertools
import json
import logging
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import pytest
import structlog
from typer.testing import CliRunner

from brood.cli.app import app
from brood.cli.findings import CommandError
from brood.cluster.kubernetes.lease import LeadershipLost
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from brood.controller.config import Config
from brood.controller.controller import Controller
from brood.controller.endpoints import Endpoints, Listen
from brood.controller.kopfsettings import Endless, NoDiffBase, door_settings, where
from brood.controller.logs import LogFormat, LogLevel, set_up_logs
from brood.controller.metrics import Metrics, pending_reason
from brood.controller.operator import Operator, Options, handlers, serve
from tests.manifests import definition, run
from tests.unit.kubernetes.server import answer, kubeconfig, running, status
from tests.unit.kubernetes.views import pod_view

# --- kopf ---


def test_kopf_does_nothing_of_its_own() -> None:
    settings = door_settings()
    assert settings.peering.standalone
    assert settings.scanning.disabled
    assert not settings.posting.enabled
    assert isinstance(settings.persistence.diffbase_storage, NoDiffBase)
    assert settings.watching.server_timeout == 300
    assert settings.queueing.idle_timeout == 0.5
    assert not settings.networking.trust_env


def test_kopf_tries_for_ever_and_from_the_beginning_for_each_request() -> None:
    waits = Endless()
    assert [*itertools.islice(waits, 3)] == [*itertools.islice(waits, 3)] == [0.2, 1, 2]
    assert [*itertools.islice(waits, 1000)][-1] == 30
    assert not hasattr(waits, "__len__")  # kopf would take it for an end


def test_kopf_serves_all_namespaces_or_those_that_were_named() -> None:
    assert where(None) == {"clusterwide": True}
    assert where(["a", "b"]) == {"namespaces": ("a", "b")}


async def test_there_are_two_event_handlers_and_no_other_that_could_write(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, port):
        registry = handlers(Operator(port.access, options=Options(), config=Config()))
    assert len(registry._watching.get_all_handlers()) == 2
    for others in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert not [*others.get_all_handlers()]


# --- startup ---


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_operator_waits_for_the_kinds_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brood.controller.operator.LOOK_AGAIN_SECONDS", 0.01)
    listen = Listen(health_port=0, metrics_port=0)
    async with running(tmp_path) as (server, port):
        missing = answer(status(404, "the server could not find the requested resource"), code=404)
        lease = answer({"metadata": {}, "spec": {"holderIdentity": "another", "leaseDurationSeconds": 15}})
        server.say(missing, missing, answer({"items": []}), answer({"items": []}), lease)
        shell = Operator(port.access, options=Options(listen=listen), config=Config())
        assert shell.unready() == "waiting for the API server and the CustomResourceDefinitions"
        with structlog.testing.capture_logs() as lines:
            async with asyncio.timeout(5):
                await shell.start()
        warned = [line for line in lines if line["log_level"] == "warning"]
        assert len(warned) == 1, "the same thing is said once"
        assert warned[0]["hint"] == "apply the CustomResourceDefinitions: kubectl apply -f crds/"
        assert shell.unready() == "asking for the lease"
        await until(lambda: shell.unready() is None)  # it stands by
        await shell.stop()
        await shell.stop()


class Held:
    """An elector that leads for as long as a test wants."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    async def acquire(self) -> None: ...
    async def release(self) -> None: ...
    def still_leader(self) -> bool:
        return True

    async def hold(self) -> None:
        await asyncio.Event().wait()


class Lost(Held):
    async def hold(self) -> None:
        raise LeadershipLost("another one has it")


async def _shell_ends(directory: Path) -> list[Any]:
    """Start the shell, wait until it ends the process with 1, and return what it logged."""
    ended: list[int] = []
    async with running(directory) as (server, port):
        server.say(answer({"items": []}))
        options = Options(listen=Listen(health_port=0, metrics_port=0))
        shell = Operator(port.access, options=options, config=Config(), end=ended.append)
        with structlog.testing.capture_logs() as lines:
            await shell.start()
            await until(lambda: bool(ended))
        await shell.stop()
    assert ended == [1]
    return lines


async def test_a_lost_lease_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brood.controller.operator.Elector", Lost)
    (line,) = [line for line in await _shell_ends(tmp_path) if line["event"] == "the process ends"]
    assert line["reason"] == "another one has it"


async def _crash(_: object) -> None:
    raise ValueError("not like this")


async def _return(_: object) -> None:
    return


@pytest.mark.parametrize("loop", ["Informer.run", "Controller._work"])
@pytest.mark.parametrize(("how", "told"), [(_crash, "not like this"), (_return, "ended by itself")])
async def test_a_loop_that_ends_ends_the_process(
    loop: str, how: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brood.controller.operator.Elector", Held)
    monkeypatch.setattr(f"brood.controller.controller.{loop}", how)
    (line,) = [line for line in await _shell_ends(tmp_path) if line["log_level"] == "critical"]
    assert "bug in brood" in line["event"]
    assert told in str(line["exc_info"].exceptions[0])


async def test_pod_defaults_that_the_server_refuses_end_the_process_before_it_takes_part(tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    def end(code: int) -> None:
        raise Ended(code)

    words = 'strict decoding error: unknown field "spec.securityContext.runAsUsr"'
    async with running(tmp_path) as (server, port):
        server.say(answer({"items": []}), answer({"items": []}), answer(status(400, words), code=400))
        options = Options(listen=Listen(health_port=0, metrics_port=0))
        config = Config(pod_defaults={"spec": {"securityContext": {"runAsUsr": 1}}})
        shell = Operator(port.access, options=options, config=config, end=end)
        with structlog.testing.capture_logs() as lines, pytest.raises(Ended, match="2"):
            await shell.start()
        await shell.stop()
    assert [line["error"] for line in lines if line["log_level"] == "critical"] == [words]


async def test_kopf_gets_sessions_that_authorize_by_themselves(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, port):
        server.say(answer({}))
        shell = Operator(port.access, options=Options(), config=Config())
        info = await shell.login()
        assert isinstance(info, kopf.AiohttpSession)
        async with info.aiohttp_session.get(f"{info.server}/apis") as response:
            assert response.status == 200
        assert server.requests[0].headers["Authorization"] == "Bearer first"
        assert not info.aiohttp_session.trust_env
        await info.aiohttp_session.close()


# --- probes and metrics ---


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def fetch(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_probes_answer_as_it_is() -> None:
    why: list[str | None] = ["listing what exists"]
    health, metrics = free_port(), free_port()
    endpoints = Endpoints(
        Listen(health_port=health, metrics_port=metrics), unready=lambda: why[0], metrics=lambda: b"x 1\n"
    )
    await endpoints.start()
    try:
        assert await fetch(health, "/healthz") == (200, "ok\n")
        assert await fetch(health, "/readyz") == (503, "listing what exists\n")
        why[0] = None
        assert await fetch(health, "/readyz") == (200, "ok\n")
        assert await fetch(metrics, "/metrics") == (200, "x 1\n")
        assert (await fetch(metrics, "/healthz"))[0] == 404
    finally:
        await endpoints.stop()


async def test_one_port_may_have_both_and_none_is_none() -> None:
    port = free_port()
    both = Endpoints(Listen(health_port=port, metrics_port=port), unready=lambda: None, metrics=lambda: b"")
    await both.start()
    assert (await fetch(port, "/readyz"))[0] == (await fetch(port, "/metrics"))[0] == 200
    taken = Endpoints(Listen(health_port=port, metrics_port=0), unready=lambda: None, metrics=lambda: b"")
    with pytest.raises(OSError, match="in use"):
        await taken.start()
    await taken.stop()
    await both.stop()
    none = Endpoints(Listen(health_port=0, metrics_port=0), unready=lambda: None, metrics=lambda: b"")
    await none.start()
    await none.stop()


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with LocalCluster(tmp_path / "state", run_pods=False) as cluster:
        made = Controller(cluster)
        await made.start()
        async with asyncio.timeout(10):
            await made.ready.wait()
            await cluster.create(Kind.JOB_DEFINITION, definition())
            await cluster.create(Kind.JOB_RUN, run())
            while not cluster.store.count(Kind.POD):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield made
        await made.stop()


def samples(text: bytes) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_metrics_tell_what_the_controller_holds(controller: Controller) -> None:
    metrics = Metrics(controller=lambda: controller, leading=lambda: True, lease="brood-operator")
    metrics.observe(verb="create", kind=Kind.POD, code=201, seconds=0.02)
    metrics.observe(verb="create", kind=Kind.POD, code=0, seconds=30)
    found = samples(metrics.text())
    assert found['leader_election_master_status{name="brood-operator"}'] == 1
    assert found['brood_api_requests_total{code="201",kind="Pod",verb="create"}'] == 1
    assert found['brood_api_requests_total{code="<error>",kind="Pod",verb="create"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("brood_runs{")) == 1
    assert found['brood_pods_pending{reason="Scheduling"}'] == 1
    assert found['workqueue_adds_total{name="runs"}'] >= 1
    assert found['controller_runtime_reconcile_total{controller="runs",result="error"}'] == 0
    assert found["process_resident_memory_bytes"] > 0


async def test_no_metric_names_an_object_and_each_says_what_it_is(controller: Controller) -> None:
    metrics = Metrics(controller=lambda: controller, leading=lambda: True, lease="brood-operator")
    metrics.observe(verb="list", kind=Kind.POD, code=200, seconds=0.1)
    text = metrics.text().decode()
    assert "run-1" not in text
    assert "hello" not in text
    families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    described = {name for name, words in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE) if words.endswith(".")}
    ours = {name for name in families if not name.startswith(("process_", "python_"))}
    assert ours <= described
    assert not [name for name in families if name.endswith("_created")]


def test_a_standby_has_metrics_too() -> None:
    found = samples(Metrics(controller=lambda: None, leading=lambda: False, lease="x").text())
    assert found['leader_election_master_status{name="x"}'] == 0
    assert not [name for name in found if name.startswith(("workqueue_depth", "brood_runs"))]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"unschedulable": "0/3 nodes are available"}, "Unschedulable"),
        ({}, "Scheduling"),
        ({"node": "n"}, "Starting"),
        ({"node": "n", "waiting_reason": "ImagePullBackOff"}, "ImagePullBackOff"),
        ({"node": "n", "waiting_reason": "made-up-by-a-runtime-4711"}, "Other"),
    ],
)
def test_what_pods_wait_for_is_one_of_a_few_words(fields: dict[str, Any], reason: str) -> None:
    assert pending_reason(pod_view(**fields)) == reason


# --- log lines ---


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers_before, level = [*root.handlers], root.level
    yield io.StringIO()
    root.handlers[:] = handlers_before
    root.setLevel(level)
    structlog.reset_defaults()


def test_lines_for_machines_carry_what_they_are_about(stream: io.StringIO) -> None:
    set_up_logs(LogFormat.JSON, LogLevel.INFO, stream=stream)
    log = structlog.get_logger("brood.test")
    log.info("pod made", namespace="team-a", run="encode-42", task="split")
    log.debug("not written")
    logging.getLogger("kopf.objects").warning("from a %s", "library")
    logging.getLogger("kopf.objects").info("chatter")
    try:
        raise ValueError("as it is")  # noqa: TRY301
    except ValueError:
        log.exception("pass failed", run="encode-42")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["pod made", "from a library", "pass failed"]
    assert (lines[0]["namespace"], lines[0]["run"], lines[0]["task"]) == ("team-a", "encode-42", "split")
    assert (lines[0]["level"], lines[0]["logger"]) == ("info", "brood.test")
    assert lines[0]["timestamp"].endswith("Z")
    assert lines[1]["logger"] == "kopf.objects"
    assert lines[2]["exception"][0]["exc_value"] == "as it is"


def test_lines_for_people_are_plain_where_there_is_no_terminal(stream: io.StringIO) -> None:
    set_up_logs(LogFormat.CONSOLE, LogLevel.DEBUG, stream=stream)
    structlog.get_logger("brood.test").debug("pod made", run="encode-42")
    assert re.search(r"pod made +\[brood\.test\] run=encode-42", stream.getvalue())
    assert "\x1b" not in stream.getvalue()


# --- the command ---


def test_the_help_says_what_is_needed_and_how_it_ends() -> None:
    text = CliRunner().invoke(app, ["operator", "--help"]).output
    words = " ".join(text.split())
    for said in ("charts/brood", "kubectl apply -k deploy/", "Exit codes: 0 stopped", "--namespace", "/readyz"):
        assert said in words


def test_without_a_cluster_it_says_where_it_looked(stream: io.StringIO) -> None:
    done = CliRunner().invoke(app, ["operator", "--kubeconfig", "/nowhere/kubeconfig"])
    assert isinstance(done.exception, CommandError)
    assert "brood operator: no kubeconfig at /nowhere/kubeconfig" in str(done.exception)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--lease-duration", "1"], "'--lease-duration'"),
        (["--metrics-port", "70000"], "'--metrics-port'"),
        (["--log-format", "xml"], "'--log-format'"),
        (["--pod-defaults", "{"], "no JSON"),
        (["--pod-defaults", "[]"], "no JSON object"),
        (["--pod-defaults", '{"spek": {}}'], "podDefaults.spek: unknown field"),
    ],
)
def test_a_wrong_option_is_refused(wrong: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["operator", *wrong, "--kubeconfig", "/nowhere"])
    assert done.exit_code == 2
    assert said in done.output


# --- the loop around kopf ---


class Kopf:
    """Stands in for ``kopf.operator``: fails so many times, then ends as after TERM."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.runs = 0

    async def __call__(self, **_: Any) -> None:
        self.runs += 1
        if self.runs <= self.failures:
            raise RuntimeError("Error in the watch-stream")


async def test_when_kopf_gives_up_the_shell_is_put_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = Kopf(failures=3)
    monkeypatch.setattr(kopf, "operator", stand_in)
    monkeypatch.setattr("brood.controller.operator.RESTART_SECONDS", (0.01, 0.02))
    options = Options(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1"))
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(10):
            await serve(options, Config())
    assert stand_in.runs == 4
    assert [line["log_level"] for line in lines] == ["info", "error", "error", "error"]


async def test_term_ends_the_operator_while_it_waits_to_put_the_shell_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = Kopf(failures=100)
    monkeypatch.setattr(kopf, "operator", stand_in)
    monkeypatch.setattr("brood.controller.operator.RESTART_SECONDS", (30.0, 30.0))
    options = Options(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1"))
    serving = asyncio.create_task(serve(options, Config()))
    await until(lambda: stand_in.runs == 1)
    await asyncio.sleep(0)  # it waits, and listens for signals, from now on
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await serving
    assert stand_in.runs == 1
