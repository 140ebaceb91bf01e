"""Servers that refuse, lose answers or are late, and users who write just then, cost a run nothing but time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from brood.api.names import object_name
from brood.cluster.port import Forbidden, Invalid, Kind, Manifest, TooManyRequests
from brood.controller import runs
from brood.engine.plan import Plan
from brood.engine.reconcile import plan
from brood.engine.snapshot import Snapshot
from tests import manifests
from tests.unit.controller.faults import FaultyPort, Verdict, Write
from tests.unit.controller.world import (
    controlled,
    end_pod,
    ended,
    local,
    names,
    until,
    until_true,
)

ONE_TASK = [{"name": "do", "container": {"image": "busybox", "command": ["true"]}}]


def _row(run: Manifest, name: str = "do") -> dict[str, Any]:
    return next(row for row in run["status"]["tasks"] if row["name"] == name)


def _condition(found: Manifest, type_: str) -> dict[str, Any]:
    return next((one for one in found.get("status", {}).get("conditions", []) if one["type"] == type_), {})


def _first(verdict: Verdict, *, kind: Kind, verb: str = "create", times: int = 1) -> Any:
    """Return a judge that gives a verdict on the first so many writes of a kind."""
    left = [times]

    def judge(write: Write) -> Verdict:
        if write.kind is kind and write.verb == verb and left[0]:
            left[0] -= 1
            return verdict
        return "pass"

    return judge


@pytest.mark.parametrize("late", [False, True], ids=["watch in time", "watch late"])
async def test_a_lost_answer_to_a_create_makes_no_second_pod(tmp_path: Path, late: bool) -> None:  # noqa: FBT001
    async with local(tmp_path, run_pods=False) as cluster:
        lose = _first("lose answer", kind=Kind.POD)

        def judge(write: Write) -> Verdict:
            if late and write.kind is Kind.POD and write.verb == "create":
                port.watching.clear()
            verdict: Verdict = lose(write)
            return verdict

        port = FaultyPort(cluster, judge)
        async with controlled(port):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "no Pod was made")
            if late:
                await until_true(lambda: sum(one.kind is Kind.POD for one in port.writes) > 1, "never tried again")
                await asyncio.sleep(0.05)
                port.watching.set()
            (pod,) = await names(cluster, Kind.POD)
            await end_pod(cluster, pod)
            run = await ended(cluster, "run-1")
        assert run["status"]["phase"] == "Succeeded"
        assert _row(run)["attempt"] == 1
        assert await names(cluster, Kind.POD) == [pod]


async def test_an_object_of_the_name_that_is_not_ours_is_never_adopted(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster:
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
        run = await cluster.create(Kind.JOB_RUN, manifests.run())
        name = object_name("run-1", run["metadata"]["uid"], task="do", index=None, attempt=1)
        labels = {"app.kubernetes.io/managed-by": "brood", "brood.dev/task": "do", "brood.dev/attempt": "1"}
        foreign = await cluster.create(Kind.POD, manifests.pod(name, meta={"labels": labels}))
        async with controlled(cluster):
            run = await ended(cluster, "run-1")
        assert run["status"]["phase"] == "Failed"
        assert _row(run)["reason"] == "NameConflict"
        assert name in _row(run)["message"]
        assert await cluster.get(Kind.POD, "default", name) == foreign


async def test_a_user_who_writes_at_the_same_moment_loses_nothing_and_stops_nothing(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster:
        touched: list[int] = []

        def judge(write: Write) -> Verdict:
            if write.kind is Kind.JOB_RUN and write.verb == "status" and len(touched) < 3:
                touched.append(write.number)
                patch = {"metadata": {"labels": {"touched": str(len(touched))}}}
                cluster.store.patch(Kind.JOB_RUN, "default", "run-1", patch)
            return "pass"

        async with controlled(FaultyPort(cluster, judge)):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "no Pod was made")
            await end_pod(cluster, (await names(cluster, Kind.POD))[0])
            run = await ended(cluster, "run-1")
        assert len(touched) == 3
        assert run["metadata"]["labels"]["touched"] == "3"
        assert run["status"]["phase"] == "Succeeded"
        assert len(await names(cluster, Kind.POD)) == 1


@pytest.mark.parametrize(
    "verdict", ["refuse", "lose answer", TooManyRequests("slow down", retry_after=0.05)], ids=["5xx", "lost", "429"]
)
@pytest.mark.parametrize(
    ("kind", "verb"),
    [(Kind.POD, "create"), (Kind.JOB_RUN, "status"), (Kind.REVISION, "create"), (Kind.POD, "patch")],
)
async def test_what_could_not_be_written_is_written_later(
    tmp_path: Path, verdict: Verdict, kind: Kind, verb: str
) -> None:
    async with local(tmp_path) as cluster:
        async with controlled(FaultyPort(cluster, _first(verdict, kind=kind, verb=verb, times=3))):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            run = await ended(cluster, "run-1")
            (pod,) = await names(cluster, Kind.POD)
            await until(cluster, Kind.POD, pod, lambda found: not found["metadata"].get("finalizers"))
        assert run["status"]["phase"] == "Succeeded"
        assert _row(run)["infraRetries"] == 0


async def test_429_is_obeyed_whatever_rings_meanwhile(tmp_path: Path) -> None:
    times: list[float] = []

    def judge(write: Write) -> Verdict:
        if write.kind is Kind.POD:
            times.append(asyncio.get_running_loop().time())
            if len(times) == 1:
                return TooManyRequests("slow down", retry_after=0.5)
        return "pass"

    async with local(tmp_path) as cluster, controlled(FaultyPort(cluster, judge)):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        for count in range(20):
            patch = {"metadata": {"labels": {"ring": str(count)}}}
            await cluster.patch(Kind.JOB_RUN, "default", "run-1", patch)
            await asyncio.sleep(0.01)
        await ended(cluster, "run-1")
    assert times[1] - times[0] >= 0.5


async def test_a_quota_is_a_wait_that_costs_nothing(tmp_path: Path) -> None:
    quota = Forbidden('pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1')
    full = [True]
    async with local(tmp_path) as cluster:

        def judge(write: Write) -> Verdict:
            return quota if write.kind is Kind.POD and write.verb == "create" and full[0] else "pass"

        async with controlled(FaultyPort(cluster, judge)):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            run = await until(
                cluster, Kind.JOB_RUN, "run-1", lambda found: "QuotaExceeded" in str(found.get("status", {}))
            )
            assert "exceeded quota" in str(run["status"])
            full[0] = False
            await cluster.patch(Kind.JOB_RUN, "default", "run-1", {"metadata": {"labels": {"a": "b"}}})
            run = await ended(cluster, "run-1")
        assert run["status"]["phase"] == "Succeeded"
        assert _row(run)["infraRetries"] == 0


async def test_a_pod_that_the_server_finds_invalid_fails_its_task_with_the_servers_words(tmp_path: Path) -> None:
    said = 'Pod "x" is invalid: spec.containers[0].image: Required value'
    async with local(tmp_path) as cluster:
        port = FaultyPort(cluster, _first(Invalid(said), kind=Kind.POD, times=99))
        async with controlled(port):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            run = await ended(cluster, "run-1")
        assert (_row(run)["reason"], _row(run)["message"]) == ("InvalidPod", said)
        assert sum(write.kind is Kind.POD for write in port.writes) == 1, "trying again changes nothing"


async def test_a_log_that_cannot_be_read_for_a_while_holds_nothing_up_and_loses_nothing(tmp_path: Path) -> None:
    reads: list[str] = []

    class Deaf(FaultyPort):
        async def read_log(self, namespace: str, pod: str, **more: Any) -> bytes:
            reads.append(pod)
            if len(reads) == 1:
                raise TooManyRequests("later")
            return await super().read_log(namespace, pod, **more)

    tasks = [{"name": "do", "container": {"image": "x", "command": ["sh", "-c", "echo heard; exit 3"]}}]
    async with local(tmp_path) as cluster, controlled(Deaf(cluster)):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=tasks))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        run = await ended(cluster, "run-1")
    assert "heard" in _row(run)["message"]
    assert len(reads) == 2


async def test_outputs_at_the_end_of_a_log_that_a_runtime_writes_late_are_waited_for(tmp_path: Path) -> None:
    read: list[int] = []

    class Late(FaultyPort):
        async def read_log(self, namespace: str, pod: str, **more: Any) -> bytes:
            log = await super().read_log(namespace, pod, **more)
            read.append(len(log))
            return log if len(read) > 1 else log[: len(log) // 2]

    script = "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i + 1)); done"
    tasks = [{"name": "do", "container": {"image": "x"}, "script": script, "output": "LINES"}]
    async with local(tmp_path) as cluster, controlled(Late(cluster)):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=tasks))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        run = await ended(cluster, "run-1")
        large = run["status"]["outputRefs"]["LINES"]
        found = await cluster.get(Kind.CONFIG_MAP, "default", large["configMap"])
    assert run["status"]["phase"] == "Succeeded"
    assert found["data"][large["key"]].splitlines() == [f"line {number}" for number in range(500)]
    assert len(read) == 2


async def test_an_object_that_cannot_be_read_costs_only_its_own_key(tmp_path: Path) -> None:
    def alter(found: Manifest) -> Manifest:
        if found["metadata"]["name"].startswith("bad"):
            return {**found, "spec": {**found["spec"], "surprise": 1}}
        return found

    async with local(tmp_path) as cluster, controlled(FaultyPort(cluster, alter=alter)) as controller:
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition("bad-definition", tasks=ONE_TASK))
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
        await cluster.create(Kind.JOB_RUN, manifests.run("bad-run"))
        await cluster.create(Kind.JOB_RUN, manifests.run("good-run"))
        assert (await ended(cluster, "good-run"))["status"]["phase"] == "Succeeded"
        for kind, name in ((Kind.JOB_RUN, "bad-run"), (Kind.JOB_DEFINITION, "bad-definition")):
            found = await until(cluster, kind, name, lambda one: bool(_condition(one, "Stalled")))
            assert _condition(found, "Stalled")["reason"] == "InvalidSpec"
            assert "surprise" in _condition(found, "Stalled")["message"]
        ready = _condition(found, "Ready")
        assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("False", "InvalidSpec", 1)
        await until_true(lambda: controller.queue.idle, "it is written again and again")
        version = (await cluster.get(Kind.JOB_RUN, "default", "bad-run"))["metadata"]["resourceVersion"]
        await cluster.patch(Kind.JOB_RUN, "default", "good-run", {"metadata": {"labels": {"ring": "1"}}})
        await asyncio.sleep(0.1)
        assert (await cluster.get(Kind.JOB_RUN, "default", "bad-run"))["metadata"]["resourceVersion"] == version


async def test_a_run_that_brood_cannot_plan_says_so_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [True]

    def bug(snapshot: Snapshot, *rest: Any) -> Plan:
        if broken[0] and snapshot.run.meta.name == "unlucky":
            raise ZeroDivisionError("division by zero")
        return plan(snapshot, *rest)

    monkeypatch.setattr(runs, "decide", bug)
    async with local(tmp_path) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
        await cluster.create(Kind.JOB_RUN, manifests.run("unlucky"))
        await cluster.create(Kind.JOB_RUN, manifests.run("lucky"))
        assert (await ended(cluster, "lucky"))["status"]["phase"] == "Succeeded"
        found = await until(cluster, Kind.JOB_RUN, "unlucky", lambda one: bool(_condition(one, "Stalled")))
        assert _condition(found, "Stalled")["message"] == "ZeroDivisionError: division by zero"
        broken[0] = False
        found = await ended(cluster, "unlucky")
        assert found["status"]["phase"] == "Succeeded"
        assert not _condition(found, "Stalled")


async def test_a_revision_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        async with controlled(cluster):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=ONE_TASK))
            definition = await until(
                cluster, Kind.JOB_DEFINITION, "hello", lambda one: bool(one.get("status", {}).get("revision"))
            )
        forged = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": definition["status"]["revision"], "namespace": "default"},
            "revision": 1,
            "data": {"spec": {"tasks": [{"name": "evil", "script": "touch /tmp/evil"}]}},
        }
        await cluster.create(Kind.REVISION, forged)
        async with controlled(cluster):
            await cluster.create(Kind.JOB_RUN, manifests.run())
            run = await until(cluster, Kind.JOB_RUN, "run-1", lambda one: bool(_condition(one, "Stalled")))
        assert definition["status"]["revision"] in _condition(run, "Stalled")["message"]
        assert await names(cluster, Kind.POD) == []


@pytest.mark.parametrize(
    "taken",
    [
        {"labels": {"app.kubernetes.io/managed-by": None}},
        {"labels": {"brood.dev/run": None}},
        {"labels": {"app.kubernetes.io/managed-by": None, "brood.dev/task": None, "brood.dev/attempt": "x"}},
        {"labels": {"brood.dev/attempt": "7"}},
        {"annotations": None},
        {"ownerReferences": None},
    ],
    ids=str,
)
async def test_a_pod_gets_back_what_says_whose_it_is(tmp_path: Path, taken: dict[str, Any]) -> None:
    """Else a second one would run beside it, and its finalizer would hold it and its namespace for ever."""
    task = [{"name": "do", "container": {"image": "busybox", "command": ["true"]}, "output": "O", "pools": ["db"]}]
    async with local(tmp_path, run_pods=False) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=task))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "no Pod was made")
        (pod,) = await names(cluster, Kind.POD)
        before = (await cluster.get(Kind.POD, "default", pod))["metadata"]
        await cluster.patch(Kind.POD, "default", pod, {"metadata": taken})
        told = ("labels", "annotations", "ownerReferences")

        def mended(found: Manifest) -> bool:
            return all(found["metadata"].get(name) == before[name] for name in told)

        await until(cluster, Kind.POD, pod, mended)
        await end_pod(cluster, pod)
        run = await ended(cluster, "run-1")
        assert run["status"]["phase"] == "Succeeded"
        assert _row(run)["attempt"] == 1
        assert await names(cluster, Kind.POD) == [pod]
        await until(cluster, Kind.POD, pod, lambda found: not found["metadata"].get("finalizers"))
