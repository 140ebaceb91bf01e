"""`brood logs` on a cluster whose Pods the test plays."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from brood.cli.findings import CommandError
from brood.cli.logs import logs
from brood.cli.reach import Reach
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind
from tests.unit.cli.objects import job_run, task


class Stage(LocalCluster):
    """Pods write what the test says, when it says so."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, run_pods=False)
        self.lines: dict[str, asyncio.Queue[bytes | None]] = {}

    async def log_lines(
        self,
        namespace: str,  # noqa: ARG002
        pod: str,
        *,
        follow: bool,
        tail_lines: int | None = None,  # noqa: ARG002
    ) -> AsyncIterator[bytes]:
        queue = self.lines.setdefault(pod, asyncio.Queue())
        while follow or not queue.empty():
            line = await queue.get()
            if line is None:
                return
            yield line

    def write(self, pod: str, *lines: bytes | None) -> None:
        for line in lines:
            self.lines.setdefault(pod, asyncio.Queue()).put_nowait(line)

    def run(
        self, name: str, *, implicit: bool = False, parent: tuple[str, str, int | None] | None = None, **more: Any
    ) -> None:
        manifest = job_run(name, parent=parent, **more)
        if parent:
            manifest["metadata"]["labels"] = {"brood.dev/root-run": "root", "brood.dev/run": parent[0]}
        if implicit:
            manifest["spec"]["definitionRef"]["task"] = "fan"
        self.store.restore(Kind.JOB_RUN, manifest)

    def pod(self, name: str, run: str, task: str, *, attempt: int = 1, started: bool = True, nonce: str = "") -> None:
        labels = {"root-run": "root", "run": run, "task": task, "attempt": str(attempt)}
        state = (
            {"running": {"startedAt": "2026-03-01T12:00:01Z"}}
            if started
            else {"waiting": {"reason": "ContainerCreating"}}
        )
        self.store.restore(
            Kind.POD,
            {
                "metadata": {
                    "namespace": "default",
                    "name": name,
                    "uid": f"uid-{name}",
                    "creationTimestamp": f"2026-03-01T12:00:0{len(name) % 10}Z",
                    "labels": {f"brood.dev/{key}": value for key, value in labels.items()},
                    "annotations": {"brood.dev/nonce": nonce} if nonce else {},
                },
                "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": state}]},
            },
        )

    async def end(self, name: str = "root") -> None:
        await self.patch(Kind.JOB_RUN, "default", name, {"status": {"phase": "Succeeded"}}, subresource="status")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path) as stage:
        stage.run("root", tasks=[task("split"), task("fan", items={"total": 2}), task("sub")])
        stage.run("root-fan-3", parent=("root", "fan", 3), implicit=True)
        stage.run("root-sub", parent=("root", "sub", None))
        stage.pod("p", "root", "split")
        stage.pod("pp", "root-fan-3", "fan", attempt=2)
        stage.pod("ppp", "root-sub", "build")
        yield stage


async def shown(stage: Stage, *words: str, capsys: pytest.CaptureFixture[str], **options: Any) -> list[str]:
    defaults: dict[str, Any] = {"task": None, "follow": False, "tail": None, "no_color": True}
    await logs(Reach(stage, "default"), "root", **{**defaults, **options, **({"task": words[0]} if words else {})})
    return capsys.readouterr().out.splitlines()


async def test_each_line_has_its_task_item_or_path_in_front(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.write("p", b"one", b"", b"two")
    stage.write("pp", b"three")
    stage.write("ppp", b"four")
    assert await shown(stage, capsys=capsys) == [
        "split     | one",
        "split     | ",
        "split     | two",
        "fan[3]#2  | three",
        "sub/build | four",
    ]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [("split", "split"), ("fan", "fan[3]#2"), ("fan/3", "fan[3]#2"), ("sub", "sub/build"), ("sub/build", "sub/build")],
)
async def test_a_task_or_item_is_picked(
    stage: Stage, capsys: pytest.CaptureFixture[str], wanted: str, path: str
) -> None:
    for pod in ("p", "pp", "ppp"):
        stage.write(pod, b"x")
    assert await shown(stage, wanted, capsys=capsys) == [f"{path} | x"]


async def test_the_result_that_the_runner_puts_into_the_log_is_left_out(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.pod("pppp", "root", "split", nonce="abcd")
    for _ in range(2):
        stage.write("pppp", b"first", b"mine", b"abcd", b"NAME=", b"x" * 100, b"abcd.", b"last")
    assert await shown(stage, "split", capsys=capsys, tail=3) == ["split | first", "split | mine", "split | last"]


async def test_a_task_that_does_not_exist_is_named_with_those_that_do(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="JobRun root has no task spilt; did you mean split"):
        await shown(stage, "spilt", capsys=capsys)
    assert await shown(stage, "fan/4", capsys=capsys) == []


async def test_followed_lines_come_as_they_are_written_by_all_pods_also_of_runs_that_are_younger(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.pod("late", "root-late", "main", started=False)
    following = asyncio.create_task(shown(stage, capsys=capsys, follow=True))
    await asyncio.sleep(0.02)
    stage.write("p", b"1")
    await asyncio.sleep(0.02)
    stage.write("ppp", b"2")
    await asyncio.sleep(0.02)
    stage.write("p", b"3", None)
    stage.run("root-late", parent=("root", "late", None))
    stage.write("late", b"4", None)
    stage.pod("late", "root-late", "main")
    await asyncio.sleep(0.02)
    await stage.end()
    await asyncio.sleep(0.02)
    assert not following.done()  # what runs at the end is read to its own end
    stage.write("ppp", b"5", None)
    stage.write("pp", None)
    lines = [line.replace(" ", "") for line in await asyncio.wait_for(following, 5)]
    assert lines == ["split|1", "sub/build|2", "split|3", "late/main|4", "sub/build|5"]
