"""Watching runs: event driven, and at a price that does not depend on the number of items."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from brood.cli.completion import complete_run
from brood.cli.following import following, read
from brood.cli.reach import Reach
from brood.cli.watch import watch
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind
from tests.unit.cli.objects import job_run, task


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(tmp_path, run_pods=False) as port:
        rows = [
            task("sub", "Running", childName="root-sub"),
            task("fan", "Running", items={"total": 30, "running": 30}),
        ]
        root = job_run("root", tasks=rows)
        root["metadata"]["generation"] = 1
        port.store.restore(Kind.JOB_RUN, root)
        child(port, "root-sub", ("root", "sub", None))
        for index in range(30):
            child(port, f"root-fan-{index}", ("root", "fan", index))
        port.store.restore(Kind.JOB_RUN, job_run("other"))
        yield port


def child(port: LocalCluster, name: str, parent: tuple[str, str, int | None]) -> None:
    manifest = job_run(name, tasks=[task("leaf", "Running")], parent=parent)
    index = {} if parent[2] is None else {"brood.dev/index": str(parent[2])}
    manifest["metadata"]["labels"] = {"brood.dev/root-run": "root", **index}
    port.store.restore(Kind.JOB_RUN, manifest)


async def say(port: LocalCluster, name: str, **status: object) -> None:
    await port.patch(Kind.JOB_RUN, "default", name, {"status": status}, subresource="status")


async def test_the_runs_of_items_and_of_other_trees_are_not_even_asked_for(port: LocalCluster) -> None:
    async with following(Reach(port, "default"), ["root"], tree=True) as live:
        seen = sorted(manifest["metadata"]["name"] for manifest in live.forest.manifests())
        assert seen == ["root", "root-sub"]
        for index in range(30):
            await say(port, f"root-fan-{index}", phase="Succeeded")
        live.changed.clear()
        await asyncio.sleep(0.02)
        assert not live.changed.is_set()


async def test_a_change_is_told_at_once_and_a_deleted_run_counts_as_ended(port: LocalCluster) -> None:
    async with following(Reach(port, "default"), ["root"], tree=True) as live:
        live.changed.clear()
        await say(port, "root-sub", phase="Succeeded")
        await asyncio.wait_for(live.changed.wait(), 0.5)
        assert not live.finished
        await port.delete(Kind.JOB_RUN, "default", "root", uid="uid-root")
        await asyncio.wait_for(live.changed.wait(), 0.5)
        await asyncio.sleep(0.02)
        assert live.finished


async def test_a_child_is_watched_with_what_is_below_it(port: LocalCluster) -> None:
    live, key = await read(Reach(port, "default"), "root-sub")
    assert key == ("default", "root-sub")
    assert live.forest.view(key) is not None


async def test_watch_shows_changes_and_ends_with_the_runs_result(
    port: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    watching = asyncio.create_task(watch(Reach(port, "default"), ["root"], no_color=True))
    await asyncio.sleep(0.05)
    await say(port, "root-sub", tasks=[task("leaf", "Failed", reason="ExitCode", message="exit code 3")])
    await asyncio.sleep(0.2)
    await say(port, "root", phase="Failed", message="task sub failed")
    assert await asyncio.wait_for(watching, 5) == 1
    text = capsys.readouterr().out
    assert "root/sub/leaf  Failed" in text
    assert "0/30 items, 30 running" in text
    assert text.rstrip().endswith("root Failed: task sub failed")


def test_without_a_cluster_nothing_is_completed_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    context = SimpleNamespace(params={})
    assert complete_run(context, "enc") == []  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")
