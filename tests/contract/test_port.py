"""What the controller relies on, of any cluster."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from brood.cluster.port import AlreadyExists, Conflict, Invalid, Kind, Manifest, NotFound, WatchEvent
from tests.contract.conftest import Bench
from tests.manifests import config_map, definition, owned_by, pod, run

RUNS, PODS, MAPS = Kind.JOB_RUN, Kind.POD, Kind.CONFIG_MAP


def version(manifest: Manifest) -> str:
    return str(manifest["metadata"]["resourceVersion"])


def script(text: str, **meta: Any) -> Manifest:
    container = {"name": "main", "image": "busybox", "command": ["/bin/sh", "-c", text]}
    return pod(meta=meta, containers=[container], terminationGracePeriodSeconds=2)


async def take(stream: AsyncIterator[WatchEvent], count: int) -> list[WatchEvent]:
    found: list[WatchEvent] = []
    async with asyncio.timeout(30):
        async for event in stream:
            if event.type != "BOOKMARK":
                found.append(event)
            if len(found) == count:
                return found
    return found


async def until_gone(bench: Bench, kind: Kind, name: str) -> None:
    async with asyncio.timeout(60):
        for _ in range(600):
            try:
                await bench.get(kind, name)
            except NotFound:
                return
            await asyncio.sleep(0.1)
    raise AssertionError(f"{kind} {name} is still there")


async def until_phase(bench: Bench, *phases: str) -> Manifest:
    listing = await bench.port.list(PODS, namespace=bench.namespace)
    for found in listing.items:
        if found["status"]["phase"] in phases:
            return found
    stream = bench.port.watch(PODS, resource_version=listing.resource_version, namespace=bench.namespace)
    async with asyncio.timeout(90):
        async for event in stream:
            if event.type != "BOOKMARK" and event.object["status"]["phase"] in phases:
                return event.object
    raise AssertionError("the stream has ended")


class TestCreate:
    async def test_the_object_comes_back_as_stored(self, bench: Bench) -> None:
        made = await bench.create(RUNS, run(params={"A": 1, "B": "two"}))
        assert made["spec"] == {**made["spec"], "definitionRef": {"name": "hello"}, "params": {"A": 1, "B": "two"}}
        assert made["status"]["observedGeneration"] == -1
        assert made["metadata"]["uid"]
        assert made["metadata"]["generation"] == 1
        assert await bench.get(RUNS, "run-1") == made

    async def test_a_second_one_of_its_name_already_exists(self, bench: Bench) -> None:
        await bench.create(RUNS, run())
        with pytest.raises(AlreadyExists):
            await bench.create(RUNS, run())

    @pytest.mark.parametrize(
        "manifest",
        [
            run(definitionRef={}),
            run(params={"A": 1.5}),
            run(params={"PATH": "x"}),
            run(shutdown="Now"),
            definition(tasks=[]),
            definition(tasks=[{"name": "a", "script": "x"}, {"name": "a", "script": "y"}]),
            definition(tasks=[{"name": "a", "script": "x", "dependsOn": ["b"]}]),
            definition(tasks=[{"name": "a", "script": "x", "run": {"definitionRef": {"name": "b"}}}]),
        ],
    )
    async def test_what_is_wrong_in_itself_is_invalid(self, bench: Bench, manifest: Manifest) -> None:
        with pytest.raises(Invalid):
            await bench.create(Kind(manifest["kind"]), manifest)

    async def test_a_dry_run_stores_nothing(self, bench: Bench) -> None:
        await bench.port.create(PODS, bench.here(script("true")), dry_run=True)
        with pytest.raises(NotFound):
            await bench.get(PODS, "pod-1")

    async def test_a_dry_run_says_what_is_invalid(self, bench: Bench) -> None:
        with pytest.raises(Invalid):
            await bench.port.create(PODS, bench.here(pod(containers=[])), dry_run=True)


class TestPatch:
    async def test_status_and_spec_are_written_apart(self, bench: Bench) -> None:
        await bench.create(RUNS, run())
        both = {"spec": {"priority": 5}, "status": {"phase": "Running"}}
        after = await bench.port.patch(RUNS, bench.namespace, "run-1", both, subresource="status")
        assert ("priority" in after["spec"] and after["spec"]["priority"] == 5, after["status"]["phase"]) == (
            False,
            "Running",
        )
        after = await bench.port.patch(
            RUNS, bench.namespace, "run-1", {"spec": {"priority": 5}, "status": {"phase": "Failed"}}
        )
        assert (after["spec"]["priority"], after["status"]["phase"]) == (5, "Running")
        assert after["metadata"]["generation"] == 2

    async def test_null_removes_and_lists_are_replaced(self, bench: Bench) -> None:
        await bench.create(MAPS, config_map(data={"a": "1", "b": "2"}, meta={"finalizers": ["a.b/c", "a.b/d"]}))
        patch = {"data": {"a": None, "c": "3"}, "metadata": {"finalizers": ["a.b/d"]}}
        after = await bench.port.patch(MAPS, bench.namespace, "values", patch)
        assert (after["data"], after["metadata"]["finalizers"]) == ({"b": "2", "c": "3"}, ["a.b/d"])
        await bench.port.patch(MAPS, bench.namespace, "values", {"metadata": {"finalizers": None}})

    async def test_one_empty_entry_has_the_server_forget_who_wrote_what(self, bench: Bench) -> None:
        await bench.create(MAPS, config_map(data={"a": "1"}))
        patch = {"data": {"a": "2"}, "metadata": {"managedFields": [{}]}}
        for _ in range(2):  # nor does a later write bring it back
            after = await bench.port.patch(MAPS, bench.namespace, "values", patch)
            assert "managedFields" not in after["metadata"]
            patch = {"data": {"a": "3"}}

    async def test_what_changes_nothing_makes_no_version(self, bench: Bench) -> None:
        made = await bench.create(MAPS, config_map(data={"a": "1"}))
        after = await bench.port.patch(MAPS, bench.namespace, "values", {"data": {"a": "1"}})
        assert version(after) == version(made)

    async def test_a_version_that_is_not_the_newest_is_a_conflict(self, bench: Bench) -> None:
        made = await bench.create(RUNS, run())
        lock = {"metadata": {"resourceVersion": version(made)}}
        await bench.port.patch(
            RUNS, bench.namespace, "run-1", {**lock, "status": {"phase": "Queued"}}, subresource="status"
        )
        with pytest.raises(Conflict):
            await bench.port.patch(
                RUNS, bench.namespace, "run-1", {**lock, "status": {"phase": "Running"}}, subresource="status"
            )

    async def test_another_uid_is_a_conflict(self, bench: Bench) -> None:
        await bench.create(MAPS, config_map())
        with pytest.raises(Conflict):
            await bench.port.patch(
                MAPS, bench.namespace, "values", {"metadata": {"uid": "of-another"}, "data": {"a": "1"}}
            )

    async def test_what_is_not_there_is_not_found(self, bench: Bench) -> None:
        with pytest.raises(NotFound):
            await bench.port.patch(RUNS, bench.namespace, "nothing", {"spec": {"suspend": True}})

    async def test_what_must_not_change_is_invalid(self, bench: Bench) -> None:
        await bench.create(RUNS, run(params={"A": "1"}))
        for spec in ({"params": {"A": "2"}}, {"definitionRef": {"name": "other"}}, {"suspend": "yes"}):
            with pytest.raises(Invalid):
                await bench.port.patch(RUNS, bench.namespace, "run-1", {"spec": spec})


class TestDelete:
    async def test_another_uid_is_a_conflict(self, bench: Bench) -> None:
        await bench.create(MAPS, config_map())
        with pytest.raises(Conflict):
            await bench.port.delete(MAPS, bench.namespace, "values", uid="00000000-0000-0000-0000-000000000000")
        await bench.get(MAPS, "values")

    async def test_what_is_not_there_is_not_found(self, bench: Bench) -> None:
        with pytest.raises(NotFound):
            await bench.port.delete(MAPS, bench.namespace, "nothing", uid="x")

    async def test_finalizers_hold_it(self, bench: Bench) -> None:
        made = await bench.create(RUNS, run(meta={"finalizers": ["a.b/c"]}))
        await bench.delete(RUNS, made)
        assert "deletionTimestamp" in (await bench.get(RUNS, "run-1"))["metadata"]
        await bench.port.patch(RUNS, bench.namespace, "run-1", {"metadata": {"finalizers": None}})
        await until_gone(bench, RUNS, "run-1")

    async def test_what_it_owned_goes_too(self, bench: Bench) -> None:
        root = await bench.create(RUNS, run("root"))
        child = await bench.create(RUNS, run("child", meta=owned_by(root)))
        await bench.create(MAPS, config_map(meta=owned_by(child)))
        await bench.delete(RUNS, root)
        await until_gone(bench, RUNS, "child")
        await until_gone(bench, MAPS, "values")


class TestListAndWatch:
    async def test_labels_and_namespace_narrow_a_listing(self, bench: Bench) -> None:
        await bench.create(MAPS, config_map("a", meta={"labels": {"shade": "dark", "brood.dev/run": "x"}}))
        await bench.create(MAPS, config_map("b", meta={"labels": {"shade": "light"}}))

        async def names(labels: str) -> list[str]:
            listing = await bench.port.list(MAPS, namespace=bench.namespace, labels=labels)
            return sorted(one["metadata"]["name"] for one in listing.items)

        assert await names("shade=dark") == ["a"]
        assert await names("shade") == ["a", "b"]
        assert await names("shade,!brood.dev/run") == ["b"]

    async def test_pages_bring_the_same_objects(self, bench: Bench) -> None:
        for number in range(7):
            await bench.create(MAPS, config_map(f"m-{number}"))
        pages = [page async for page in bench.port.pages(MAPS, namespace=bench.namespace)]
        names = {one["metadata"]["name"] for page in pages for one in page.items}
        assert names >= {f"m-{number}" for number in range(7)}
        assert len({page.resource_version for page in pages}) == 1
        empty = [page async for page in bench.port.pages(RUNS, namespace=bench.namespace)]
        assert [page.items for page in empty] == [[]]
        assert empty[0].resource_version

    async def test_a_watch_brings_what_came_after_a_listing(self, bench: Bench) -> None:
        first = await bench.create(RUNS, run("a"))
        listing = await bench.port.list(RUNS, namespace=bench.namespace)
        stream = bench.port.watch(RUNS, resource_version=listing.resource_version, namespace=bench.namespace)
        await bench.create(RUNS, run("b"))
        await bench.port.patch(RUNS, bench.namespace, "a", {"status": {"phase": "Running"}}, subresource="status")
        await bench.delete(RUNS, first)
        events = await take(stream, 3)
        seen = [(event.type, event.object["metadata"]["name"]) for event in events]
        assert seen == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a")]
        versions = [int(version(event.object)) for event in events]
        assert versions == sorted(versions)
        assert versions[-1] > int(version(first))

    async def test_one_object_is_listed_and_watched_by_its_name(self, bench: Bench) -> None:
        for name in ("a", "b"):
            await bench.create(MAPS, config_map(name))
        listing = await bench.port.list(MAPS, namespace=bench.namespace, name="b")
        assert [one["metadata"]["name"] for one in listing.items] == ["b"]
        stream = bench.port.watch(MAPS, resource_version=listing.resource_version, namespace=bench.namespace, name="b")
        for name in ("a", "b"):
            await bench.port.patch(MAPS, bench.namespace, name, {"data": {"new": "x"}})
        [event] = await take(stream, 1)
        assert (event.type, event.object["metadata"]["name"]) == ("MODIFIED", "b")

    async def test_events_are_listed_by_what_they_are_about(self, bench: Bench) -> None:
        for name in ("a", "b"):
            about = {"kind": "Pod", "name": name, "namespace": bench.namespace, "uid": f"uid-{name}"}
            meta = {"name": name, "namespace": bench.namespace}
            await bench.create(Kind.EVENT, {"metadata": meta, "involvedObject": about, "reason": "Seen"})
        listing = await bench.port.list(Kind.EVENT, namespace=bench.namespace, about="uid-b")
        assert [one["metadata"]["name"] for one in listing.items] == ["b"]

    async def test_objects_come_and_go_as_their_labels_match(self, bench: Bench) -> None:
        listing = await bench.port.list(MAPS, namespace=bench.namespace, labels="shade=dark")
        stream = bench.port.watch(
            MAPS, resource_version=listing.resource_version, namespace=bench.namespace, labels="shade=dark"
        )
        made = await bench.create(MAPS, config_map())
        for shade in ("dark", "light", "dark"):
            await bench.port.patch(MAPS, bench.namespace, "values", {"metadata": {"labels": {"shade": shade}}})
        await bench.delete(MAPS, made)
        assert [event.type for event in await take(stream, 4)] == ["ADDED", "DELETED", "ADDED", "DELETED"]


class TestPods:
    """Only where there is a node: real processes."""

    async def test_a_pod_runs_and_tells_its_end(self, bench: Bench) -> None:
        await bench.create(PODS, script("echo out; echo err >&2; exit 3"))
        failed = await until_phase(bench, "Succeeded", "Failed")
        end = failed["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (failed["status"]["phase"], end["exitCode"], end["reason"]) == ("Failed", 3, "Error")
        log = await bench.port.read_log(bench.namespace, "pod-1", limit_bytes=1000)
        assert sorted(log.splitlines()) == [b"err", b"out"]
        assert await bench.port.read_log(bench.namespace, "pod-1", tail_lines=1, limit_bytes=2) in (b"ou", b"er")

    async def test_a_deleted_pod_is_stopped_and_its_finalizer_keeps_its_end(self, bench: Bench) -> None:
        text = "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done"
        made = await bench.create(PODS, script(text, finalizers=["brood.dev/result"]))
        await until_phase(bench, "Running")
        for _ in range(300):
            if await bench.port.read_log(bench.namespace, "pod-1", limit_bytes=10) == b"up\n":
                break
            await asyncio.sleep(0.05)
        await bench.delete(PODS, made)
        held = await until_phase(bench, "Failed")
        assert held["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 5
        await bench.port.patch(PODS, bench.namespace, "pod-1", {"metadata": {"finalizers": None}})
        await until_gone(bench, PODS, "pod-1")

    async def test_a_log_of_a_pod_that_is_not_there_is_not_found(self, bench: Bench) -> None:
        with pytest.raises(NotFound):
            await bench.port.read_log(bench.namespace, "nothing", limit_bytes=10)
