"""Events: what they say is in the status already, and one that is lost costs nothing but itself."""

from pathlib import Path

from brood.cluster.port import Forbidden, Kind
from tests import manifests
from tests.unit.controller.faults import FaultyPort, Verdict, Write
from tests.unit.controller.world import controlled, ended, local, until_true

FAILS = [{"name": "bad", "script": "exit 3"}]


async def test_an_event_comes_after_the_status_that_it_tells_of_and_once(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        port = FaultyPort(cluster)
        async with controlled(port):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=FAILS))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await ended(cluster, "run-1")
            await until_true(lambda: cluster.store.count(Kind.EVENT) > 0, "the end is told")
        [event] = cluster.store.list(Kind.EVENT).items
    told = [write.number for write in port.writes if write.kind is Kind.EVENT]
    written = [write.number for write in port.writes if "completionTime" in write.body.get("status", {})]
    assert len(told) == len(written) == 1
    assert written < told
    assert (event["reason"], event["type"], event["involvedObject"]["name"]) == ("TaskFailed", "Warning", "run-1")
    assert "bad" in event["message"]


async def test_an_event_that_is_refused_holds_nothing_up(tmp_path: Path) -> None:
    def judge(write: Write) -> Verdict:
        return Forbidden("no events here") if write.kind is Kind.EVENT else "pass"

    async with local(tmp_path) as cluster, controlled(FaultyPort(cluster, judge)):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=FAILS))
        for name in ("a", "b"):
            await cluster.create(Kind.JOB_RUN, manifests.run(name))
            assert (await ended(cluster, name))["status"]["phase"] == "Failed"
        await until_true(lambda: not any(pod["metadata"].get("finalizers") for pod in cluster.store.list(Kind.POD).items), "all is let go")  # fmt: skip
