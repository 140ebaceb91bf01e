"""The port's contract on a real API server and node, and what only a real one does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from brood.cluster.kubernetes import listing
from brood.cluster.kubernetes.client import KubernetesPort, connect
from brood.cluster.kubernetes.resources import RESOURCES
from brood.cluster.port import Forbidden, Invalid, Kind, NotFound
from tests.cluster.access import Cluster
from tests.contract.conftest import Bench
from tests.contract.test_port import (
    TestCreate,
    TestDelete,
    TestListAndWatch,
    TestPatch,
    TestPods,
    script,
    take,
    until_gone,
    until_phase,
)
from tests.manifests import config_map, definition, pod, run

__all__ = ["TestCreate", "TestDelete", "TestListAndWatch", "TestPatch", "TestPods"]  # run here too, on `bench`

MAPS, PODS = Kind.CONFIG_MAP, Kind.POD
MEGABYTE = 1_000_000


@pytest.fixture
async def bench(kube: Cluster) -> AsyncIterator[Bench]:
    with kube.namespace() as namespace:
        async with await connect(kubeconfig=str(kube.kubeconfig)) as port:
            yield Bench(port, namespace)


async def test_every_kind_can_be_listed_and_names_itself(bench: Bench) -> None:
    lease = {"metadata": {"name": "lease"}, "spec": {"holderIdentity": "me"}}
    await bench.create(Kind.LEASE, lease)
    await bench.create(MAPS, config_map())
    for kind, resource in RESOURCES.items():
        found = await bench.port.list(kind, namespace=bench.namespace)
        assert found.resource_version.isdecimal()
        for item in found.items:
            assert (item["kind"], item["apiVersion"]) == (kind.value, resource.api_version)
    assert len((await bench.port.list(Kind.LEASE, namespace=bench.namespace)).items) == 1


async def test_a_listing_of_many_pages_is_one_listing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    names = {f"m-{number:02}" for number in range(10)}
    await asyncio.gather(*(bench.create(MAPS, config_map(name)) for name in names))
    pages = [page async for page in bench.port.pages(MAPS, namespace=bench.namespace)]
    assert [len(page.items) for page in pages] == [3, 3, 3, 2]  # and the namespace's kube-root-ca.crt
    assert [bool(page.resource_version) for page in pages] == [False, False, False, True], (
        "to watch from when all is read"
    )
    found = await bench.port.list(MAPS, namespace=bench.namespace)
    assert {item["metadata"]["name"] for item in found.items} - {"kube-root-ca.crt"} == names


async def test_objects_of_a_megabyte_come_through_a_watch(bench: Bench) -> None:
    begin = (await bench.port.list(MAPS, namespace=bench.namespace)).resource_version
    stream = bench.port.watch(MAPS, resource_version=begin, namespace=bench.namespace)
    text = "\u00e4\n\\" * (MEGABYTE // 4)
    await bench.create(MAPS, config_map("large", data={"text": text}))
    await bench.create(MAPS, config_map("small", data={"text": "x"}))
    large, small = await take(stream, 2)
    assert large.object["data"]["text"] == text
    assert small.object["metadata"]["name"] == "small"


async def test_a_dry_run_names_an_unknown_field(bench: Bench) -> None:
    wrong = script("true")
    wrong["spec"]["containers"][0]["imagine"] = "x"
    with pytest.raises(Invalid, match=r'unknown field "spec.containers\[0\].imagine"'):
        await bench.port.create(PODS, bench.here(wrong), dry_run=True)


async def test_a_field_of_the_wrong_type_is_invalid(bench: Bench) -> None:
    wrong = script("true")
    wrong["spec"]["containers"][0]["command"] = "true"
    with pytest.raises(Invalid, match="cannot unmarshal string"):
        await bench.port.create(PODS, bench.here(wrong))


async def test_what_is_too_large_is_invalid(bench: Bench) -> None:
    with pytest.raises(Invalid, match=r"(?i)too (large|long)"):
        await bench.create(MAPS, config_map(data={"text": "x" * (4 * MEGABYTE)}))


async def test_what_is_too_large_for_the_store_is_invalid(bench: Bench) -> None:
    annotated = run("large")
    annotated["spec"]["params"] = {f"P{number}": "x" * 60_000 for number in range(30)}
    with pytest.raises(Invalid):
        await bench.create(Kind.JOB_RUN, annotated)


async def test_a_spent_quota_is_a_wait_of_its_own(bench: Bench, kube: Cluster) -> None:
    kube.kubectl("create", "quota", "none", "--hard=pods=0", "-n", bench.namespace)
    async with asyncio.timeout(20):
        while "hard" not in kube.get("quota", "none", namespace=bench.namespace).get("status", {}):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    with pytest.raises(Forbidden) as caught:
        await bench.create(PODS, script("true"))
    assert caught.value.quota
    assert not caught.value.namespace_terminating
    assert "exceeded quota: none" in caught.value.message


async def test_a_namespace_that_goes_says_so(bench: Bench, kube: Cluster) -> None:
    held = await bench.create(MAPS, config_map(meta={"finalizers": ["a.b/c"]}))
    kube.kubectl("delete", "namespace", bench.namespace, "--wait=false")
    with pytest.raises(Forbidden) as caught:
        await bench.create(PODS, script("true"))
    assert caught.value.namespace_terminating
    await bench.port.patch(MAPS, bench.namespace, held["metadata"]["name"], {"metadata": {"finalizers": None}})


async def test_a_refusal_by_pod_security_is_forbidden_and_no_quota(bench: Bench, kube: Cluster) -> None:
    kube.kubectl("label", "namespace", bench.namespace, "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(Forbidden, match="violates PodSecurity") as caught:
        await bench.create(PODS, script("true"))
    assert not caught.value.quota


async def test_a_kind_that_the_server_does_not_know_is_not_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "brood.cluster.kubernetes.resources.collection_path"
    monkeypatch.setattr(path, lambda _, namespace: f"/apis/brood.dev/v1/namespaces/{namespace}/jobruns")
    with pytest.raises(NotFound):
        await bench.port.list(Kind.JOB_RUN, namespace=bench.namespace)


async def test_a_container_that_has_not_started_has_an_empty_log(bench: Bench) -> None:
    image = "127.0.0.1:1/nothing:at-all"
    await bench.create(PODS, pod(containers=[{"name": "main", "image": image}]))
    async with asyncio.timeout(60):
        while not (await bench.get(PODS, "pod-1"))["status"].get("containerStatuses"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert await bench.port.read_log(bench.namespace, "pod-1", limit_bytes=100) == b""


async def test_a_log_is_read_from_its_end_byte_for_byte(bench: Bench) -> None:
    await bench.create(PODS, script(r"for i in 1 2 3; do echo line $i; done; printf '\377\000end'"))
    await until_phase(bench, "Succeeded")
    log = await bench.port.read_log(bench.namespace, "pod-1", tail_lines=2, limit_bytes=1000)
    assert log == b"line 3\n\xff\x00end"


async def test_a_pod_is_killed_with_the_grace_that_was_asked_for(bench: Bench) -> None:
    patient = script("trap '' TERM; while :; do sleep 0.1; done")
    patient["spec"]["terminationGracePeriodSeconds"] = 600
    made = await bench.create(PODS, patient)
    await until_phase(bench, "Running")
    await bench.delete(PODS, made, grace_seconds=1)
    async with asyncio.timeout(45):
        await until_gone(bench, PODS, "pod-1")


async def test_the_definitions_status_begins_unseen(bench: Bench) -> None:
    made = await bench.create(Kind.JOB_DEFINITION, definition())
    assert made["status"]["observedGeneration"] == -1


async def test_a_hundred_calls_at_once_are_held_to_the_limit(bench: Bench, kube: Cluster) -> None:
    async with await connect(kubeconfig=str(kube.kubeconfig), in_flight=4) as narrow:
        await asyncio.gather(*(narrow.list(MAPS, namespace=bench.namespace) for _ in range(100)))
        assert open_connections(narrow) <= 4


async def test_calls_after_close_say_so(bench: Bench, kube: Cluster) -> None:
    port = await connect(kubeconfig=str(kube.kubeconfig))
    await port.close()
    with pytest.raises(Exception, match="closed"):
        await port.list(MAPS, namespace=bench.namespace)


def open_connections(port: KubernetesPort) -> int:
    connector = port._transport._session.connector
    assert connector is not None
    return sum(len(pool) for pool in connector._conns.values()) + len(connector._acquired)
