"""The port against a server that misbehaves."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout, web

from brood.cluster.kubernetes import watching
from brood.cluster.kubernetes.access import AccessError, open_access
from brood.cluster.kubernetes.client import KubernetesPort
from brood.cluster.kubernetes.listing import PAGE
from brood.cluster.kubernetes.transport import Transport
from brood.cluster.port import AlreadyExists, Expired, Kind, Listing, TooManyRequests, Unavailable, WatchEvent
from tests.unit.kubernetes.server import FakeServer, answer, kubeconfig, running, status

PODS = Kind.POD
Pair = tuple[FakeServer, KubernetesPort]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with running(tmp_path) as made:
        yield made


def named(name: str, version: str = "5") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "a", "resourceVersion": version}}


def page(*names: str, version: str = "5", more: str = "") -> web.Response:
    return answer({"metadata": {"resourceVersion": version, "continue": more}, "items": [named(one) for one in names]})


def event(kind: str, found: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


async def watched(port: KubernetesPort, *, version: str = "5") -> list[WatchEvent]:
    async with asyncio.timeout(20):
        return [one async for one in port.watch(PODS, resource_version=version, namespace="a")]


# --- requests ---


async def test_requests_say_who_we_are_and_take_plain_json(pair: Pair) -> None:
    server, port = pair
    server.say(answer(named("x")))
    await port.get(PODS, "a", "x")
    (request,) = server.requests
    assert request.path == "/api/v1/namespaces/a/pods/x"
    assert request.headers["User-Agent"].startswith("brood/")
    assert request.headers["Authorization"] == "Bearer first"
    assert request.headers["Accept"] == "application/json"


async def test_a_create_is_complete_and_a_dry_run_is_strict(pair: Pair) -> None:
    server, port = pair
    server.say(answer(named("x"), code=201))
    await port.create(Kind.LEASE, {"metadata": {"name": "x", "namespace": "a"}})
    await port.create(Kind.LEASE, {"metadata": {"name": "x", "namespace": "a"}}, dry_run=True)
    assert server.bodies[0]["apiVersion"] == "coordination.k8s.io/v1"
    assert server.bodies[0]["kind"] == "Lease"
    assert dict(server.requests[0].query) == {}
    assert dict(server.requests[1].query) == {"dryRun": "All", "fieldValidation": "Strict"}


async def test_a_patch_is_a_merge_patch(pair: Pair) -> None:
    server, port = pair
    server.say(answer(named("x")))
    await port.patch(Kind.JOB_RUN, "a", "x", {"status": {"phase": "Running"}}, subresource="status")
    (request,) = server.requests
    assert (request.method, request.path) == ("PATCH", "/apis/brood.dev/v1alpha1/namespaces/a/jobruns/x/status")
    assert request.headers["Content-Type"] == "application/merge-patch+json"


async def test_a_delete_names_the_uid_and_leaves_the_rest_to_the_background(pair: Pair) -> None:
    server, port = pair
    server.say(answer({"kind": "Status"}))
    await port.delete(PODS, "a", "x", uid="u")
    await port.delete(PODS, "a", "x", uid="u", grace_seconds=0)
    assert server.bodies == [
        {"preconditions": {"uid": "u"}, "propagationPolicy": "Background"},
        {"preconditions": {"uid": "u"}, "propagationPolicy": "Background", "gracePeriodSeconds": 0},
    ]


async def test_a_name_cannot_lead_elsewhere(pair: Pair) -> None:
    server, port = pair
    server.say(answer(named("x")))
    await port.get(PODS, "a", "../secrets/x?watch=1#")
    assert server.requests[0].raw_path == "/api/v1/namespaces/a/pods/..%2Fsecrets%2Fx%3Fwatch%3D1%23"


async def test_a_redirect_is_not_followed(pair: Pair) -> None:
    server, port = pair
    server.say(answer("", code=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}))
    with pytest.raises(Unavailable):
        await port.get(PODS, "a", "x")
    assert len(server.requests) == 1


async def test_the_servers_wish_to_wait_reaches_the_caller(pair: Pair) -> None:
    server, port = pair
    server.say(answer(status(429, "slow down"), code=429, headers={"Retry-After": "4"}))
    with pytest.raises(TooManyRequests, match="slow down") as caught:
        await port.create(PODS, named("x"))
    assert caught.value.retry_after == 4


async def test_no_server_is_unavailable(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, port):
        pass
    with pytest.raises(Unavailable):
        await port.get(PODS, "a", "x")


async def test_a_broken_connection_is_unavailable_because_the_write_may_have_happened(pair: Pair) -> None:
    server, port = pair

    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server.answers.append(drop)
    with pytest.raises(Unavailable, match="create /api/v1/namespaces/a/pods"):
        await port.create(PODS, named("x"))
    assert len(server.requests) == 1  # a create is never sent twice by itself


async def test_a_server_that_does_not_answer_is_unavailable(pair: Pair) -> None:
    server, port = pair
    port._transport._call_timeout = ClientTimeout(total=0.2)

    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2)
        return web.Response()

    server.answers.append(hang)
    with pytest.raises(Unavailable, match="no answer in time"):
        await port.get(PODS, "a", "x")


async def test_what_is_no_json_is_unavailable(pair: Pair) -> None:
    server, port = pair
    server.say(answer("<html>login</html>"))
    with pytest.raises(Unavailable, match="no JSON"):
        await port.get(PODS, "a", "x")
    with pytest.raises(Unavailable, match="no JSON"):
        await port.list(PODS)


async def test_a_refused_token_is_read_again_for_the_next_try(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    async with running(tmp_path) as (server, _):
        from brood.cluster.kubernetes.client import connect  # noqa: PLC0415

        async with await connect(kubeconfig=kubeconfig(tmp_path, server.url, tokenFile=str(token))) as port:
            server.say(answer(status(401, "Unauthorized"), code=401), answer(named("x")))
            token.write_text("second\n")
            port.access._read_at -= 5
            with pytest.raises(Unavailable, match="Unauthorized"):
                await port.get(PODS, "a", "x")
            await port.get(PODS, "a", "x")
            assert [one.headers["Authorization"] for one in server.requests] == ["Bearer first", "Bearer second"]


async def test_tokens_are_read_again_every_minute(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    access = await open_access(kubeconfig(tmp_path, "http://127.0.0.1:1", tokenFile=str(token)))
    token.write_text("second")
    assert await access.headers() == {"Authorization": "Bearer first"}
    access._read_at -= 61
    assert await access.headers() == {"Authorization": "Bearer second"}


async def test_requests_are_told_to_the_observer(tmp_path: Path) -> None:
    seen: list[tuple[str, Kind, int]] = []

    def observe(*, verb: str, kind: Kind, code: int, seconds: float) -> None:
        assert seconds >= 0
        seen.append((verb, kind, code))

    async with running(tmp_path, observe=observe) as (server, port):
        server.say(answer(status(409, "there", reason="AlreadyExists"), code=409))
        with pytest.raises(AlreadyExists):
            await port.create(PODS, named("x"))
    with pytest.raises(Unavailable):
        await port.get(PODS, "a", "x")
    assert seen == [("create", PODS, 409), ("get", PODS, 0)]


async def test_a_write_that_had_to_wait_is_not_sent_once_another_one_may_lead(tmp_path: Path) -> None:
    leads = [True]
    async with running(tmp_path) as (server, port):
        first_is_in, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_: web.Request) -> web.Response:
            first_is_in.set()
            await go_on.wait()
            return answer(named("x"))

        server.answers.append(slow)
        access = port.access
        transport = Transport(access, in_flight=1, may_write=lambda kind: kind is Kind.LEASE or leads[0])
        async with KubernetesPort(access, transport) as guarded:
            first = asyncio.create_task(guarded.patch(PODS, "a", "x", {}))
            await first_is_in.wait()
            second = asyncio.create_task(guarded.patch(PODS, "a", "y", {}))
            await asyncio.sleep(0)
            leads[0] = False
            go_on.set()
            await first
            with pytest.raises(Unavailable, match="another operator may lead"):
                await second
            for refused in (guarded.create(PODS, named("z")), guarded.delete(PODS, "a", "z", uid="u")):
                with pytest.raises(Unavailable, match="not sent"):
                    await refused
            await guarded.get(PODS, "a", "x")
            await guarded.patch(Kind.LEASE, "a", "l", {})
    assert [one.method for one in server.requests] == ["PATCH", "GET", "PATCH"]


# --- listings ---


async def test_pages_are_asked_for_until_the_end(pair: Pair) -> None:
    server, port = pair
    server.say(page("a", more="t1"), page("b", version="9", more="t2"), page("c", version="9"))
    found = await port.list(PODS, labels="x=y")
    assert [one["metadata"]["name"] for one in found.items] == ["a", "b", "c"]
    assert found.items[0]["kind"] == "Pod"
    assert found.resource_version == "5"
    assert [one.query.get("continue") for one in server.requests] == [None, "t1", "t2"]
    assert {one.query["limit"] for one in server.requests} == {"500"}
    assert {one.query["labelSelector"] for one in server.requests} == {"x=y"}


async def test_a_listing_that_is_overtaken_goes_on_with_the_rest_as_it_is_now(pair: Pair) -> None:
    server, port = pair
    gone = answer(status(410, "too old", metadata={"continue": "now"}), code=410)
    server.say(page("a", more="t1"), gone, page("b", version="99"))
    found = await port.list(PODS)
    assert [one["metadata"]["name"] for one in found.items] == ["a", "b"]
    assert found.resource_version == "5"  # so that a watch brings what changed since the first page
    assert server.requests[-1].query["continue"] == "now"


async def test_a_listing_that_cannot_go_on_is_expired(pair: Pair) -> None:
    server, port = pair
    server.say(page("a", more="t1"), answer(status(410, "too old"), code=410))
    with pytest.raises(Expired):
        await port.list(PODS)
    assert len(server.requests) == 2


async def test_a_server_that_says_expired_for_ever_is_not_asked_for_ever(pair: Pair) -> None:
    server, port = pair
    again = answer(status(410, "too old", metadata={"continue": "same"}), code=410)
    server.say(page("a", more="t1"), again)
    with pytest.raises(Expired):
        await port.list(PODS)
    assert len(server.requests) == 3


END_OF_LISTING = {"metadata": {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}}


async def paged(port: KubernetesPort, kind: Kind = PODS) -> list[Listing]:
    async with asyncio.timeout(20):
        return [one async for one in port.pages(kind, namespace="a")]


async def test_what_exists_comes_as_one_stream_and_only_what_is_read_of_it(pair: Pair) -> None:
    server, port = pair
    pods = [{**named(f"pod-{number}"), "spec": {"nodeName": "n", "containers": []}} for number in range(PAGE + 1)]
    pods[0]["metadata"] |= {"managedFields": [{}], "labels": {"x": "y"}}
    waits = {"metadata": {"resourceVersion": "7"}}
    server.stream(*(event("ADDED", one) for one in pods), event("BOOKMARK", waits), event("BOOKMARK", END_OF_LISTING))
    first, last = await paged(port)
    assert first.items[0] == {
        **named("pod-0"),
        "metadata": {**named("pod-0")["metadata"], "labels": {"x": "y"}},
        "spec": {"nodeName": "n"},
    }
    assert [one["metadata"]["name"] for one in first.items + last.items] == [
        f"pod-{number}" for number in range(PAGE + 1)
    ]
    assert last.resource_version == "9"
    query = server.requests[0].query
    assert (query["sendInitialEvents"], query["resourceVersionMatch"], "resourceVersion" in query) == (
        "true",
        "NotOlderThan",
        False,
    )


@pytest.mark.parametrize("code", [422, 403])
async def test_a_server_without_such_streams_is_asked_for_pages(pair: Pair, code: int) -> None:
    server, port = pair
    server.say(answer(status(code, "sendInitialEvents is forbidden"), code=code), page("a", more="t1"), page("b"))
    assert [one["metadata"]["name"] for group in await paged(port) for one in group.items] == ["a", "b"]
    assert [one.query.get("limit") for one in server.requests] == [None, "500", "500"]


async def test_a_listing_that_breaks_off_is_none(pair: Pair) -> None:
    server, port = pair
    server.stream(event("ADDED", named("x")))
    with pytest.raises(Unavailable, match="broke off"):
        await paged(port)


async def test_an_object_that_goes_while_it_is_listed_does_not_stay(pair: Pair) -> None:
    server, port = pair
    server.stream(event("ADDED", named("x")), event("DELETED", named("x", "6")), event("BOOKMARK", END_OF_LISTING))
    with pytest.raises(Unavailable, match="x was deleted"):
        await paged(port)


async def test_an_object_of_a_strange_shape_hides_no_other(pair: Pair) -> None:
    server, port = pair
    strange = {**named("x"), "spec": "none"}
    server.stream(event("ADDED", strange), event("ADDED", named("y")), event("BOOKMARK", END_OF_LISTING))
    (found,) = await paged(port)
    assert found.items == [strange, named("y")]


# --- watches ---


async def test_a_watch_asks_for_bookmarks_and_an_end(pair: Pair) -> None:
    server, port = pair
    server.stream(event("ADDED", named("x", "6")), event("BOOKMARK", {"metadata": {"resourceVersion": "7"}}))
    seen = await watched(port)
    assert [one.type for one in seen] == ["ADDED", "BOOKMARK"]
    query = server.requests[0].query
    assert (query["watch"], query["allowWatchBookmarks"], query["resourceVersion"]) == ("1", "true", "5")
    assert 270 <= int(query["timeoutSeconds"]) <= 330


async def test_lines_are_put_together_wherever_they_are_cut(pair: Pair) -> None:
    server, port = pair
    text = b"".join(event("ADDED", named(f"pod-{number}", str(number))) for number in range(50))
    server.stream(*(text[at : at + 7] for at in range(0, len(text), 7)), b"\n")
    seen = await watched(port)
    assert [one.object["metadata"]["name"] for one in seen] == [f"pod-{number}" for number in range(50)]


async def test_a_line_may_have_any_length(pair: Pair) -> None:
    server, port = pair
    large = {**named("x"), "status": {"message": "y" * 5_000_000}}
    server.stream(event("ADDED", large), event("DELETED", named("x")))
    seen = await watched(port)
    assert len(seen[0].object["status"]["message"]) == 5_000_000
    assert seen[1].type == "DELETED"


async def test_what_is_half_sent_is_no_event(pair: Pair) -> None:
    server, port = pair
    server.stream(event("ADDED", named("x")), event("MODIFIED", named("x"))[:-10])
    assert [one.type for one in await watched(port)] == ["ADDED"]


@pytest.mark.parametrize(
    ("code", "meant"), [(410, Expired), (500, Unavailable), (504, Unavailable), (429, TooManyRequests)]
)
async def test_an_error_within_a_watch_is_raised(pair: Pair, code: int, meant: type[Exception]) -> None:
    server, port = pair
    server.stream(event("ADDED", named("x")), event("ERROR", status(code, "as it is")))
    stream = port.watch(PODS, resource_version="5")
    assert (await anext(stream)).type == "ADDED"
    with pytest.raises(meant, match="as it is"):
        await anext(stream)


async def test_a_refused_watch_is_an_error(pair: Pair) -> None:
    server, port = pair
    server.say(answer(status(410, "too old"), code=410), answer(status(429, "busy"), code=429))
    with pytest.raises(Expired):
        await watched(port)
    with pytest.raises(TooManyRequests):
        await watched(port)


@pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b'"x"\n', b"{}\n", b'{"type":"ADDED"}\n'])
async def test_a_line_that_is_no_event_is_unavailable(pair: Pair, line: bytes) -> None:
    server, port = pair
    server.stream(line)
    with pytest.raises(Unavailable, match="no watch event"):
        await watched(port)


async def test_a_silent_stream_ends(pair: Pair) -> None:
    server, port = pair
    released = asyncio.Event()

    async def wait() -> None:
        await released.wait()

    server.stream(event("ADDED", named("x")), end=wait)
    seen = [one async for one in watching.changes_of(port._transport, PODS, {}, resource_version="5", silence=0.3)]
    released.set()
    assert len(seen) == 1


async def test_a_stream_that_breaks_is_unavailable(pair: Pair) -> None:
    server, port = pair

    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(event("ADDED", named("x")))
        assert request.transport is not None
        request.transport.abort()
        return response

    server.answers.append(break_off)
    with pytest.raises(Unavailable):
        await watched(port)


async def test_a_stream_that_is_left_is_closed(pair: Pair) -> None:
    server, port = pair
    left = asyncio.Event()

    async def until_left(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(event("ADDED", named("x")))
                await asyncio.sleep(0.01)
        finally:
            left.set()

    server.answers.append(until_left)
    stream = port.watch(PODS, resource_version="5")
    assert (await anext(stream)).type == "ADDED"
    await stream.aclose()  # type: ignore[attr-defined] # an async generator, which the port's type does not say
    async with asyncio.timeout(5):
        await left.wait()


# --- logs ---


async def test_a_log_is_asked_for_with_its_limits(pair: Pair) -> None:
    server, port = pair
    server.say(answer("text"))
    assert await port.read_log("a", "x", tail_lines=10, limit_bytes=100) == b"text"
    assert server.requests[0].path == "/api/v1/namespaces/a/pods/x/log"
    assert dict(server.requests[0].query) == {"container": "main", "limitBytes": "100", "tailLines": "10"}


async def test_no_way_to_a_server_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AccessError, match=r"no kubeconfig at .*/\.kube/config, KUBECONFIG is not set"):
        await open_access()
    with pytest.raises(AccessError, match="no kubeconfig at /nowhere"):
        await open_access("/nowhere")
    broken = tmp_path / "broken"
    broken.write_text("clusters: [")
    with pytest.raises(AccessError, match="cannot be read"):
        await open_access(str(broken))
    empty = tmp_path / "empty"
    empty.write_text("{}")
    with pytest.raises(AccessError, match="cannot be read"):
        await open_access(str(empty))
