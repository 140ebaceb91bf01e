"""The page of a run: its parts, its bars, and that nothing in it comes from elsewhere or from inside."""

import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from brood.cli.forest import Forest, key_of
from brood.cli.reach import Reach
from brood.cli.report.bars import Times
from brood.cli.report.page import report
from brood.cli.report.scale import Scale
from brood.cli.rows import rows_of
from brood.cluster.local import LocalCluster
from brood.cluster.parse import parse_pod
from brood.cluster.port import Kind
from brood.views import PodView
from tests.unit.cli.objects import START, at, job_run, task

NOW = START + timedelta(seconds=60)


def pod(
    run: str, of: str, *, made: int, started: int | None = None, ended: int | None = None, attempt: int = 1
) -> dict[str, Any]:
    state: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}
    if ended is not None:
        state = {"terminated": {"exitCode": 0, "startedAt": at(started or 0), "finishedAt": at(ended)}}
    elif started is not None:
        state = {"running": {"startedAt": at(started)}}
    labels = {"root-run": "root", "run": run, "task": of, "attempt": str(attempt)}
    return {
        "metadata": {
            "namespace": "default",
            "name": f"{run}-{of}-{attempt}",
            "uid": f"uid-{run}-{of}-{attempt}",
            "creationTimestamp": at(made),
            "labels": {f"brood.dev/{key}": value for key, value in labels.items()},
        },
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": state}]},
    }


def bars(
    root: dict[str, Any], *pods: dict[str, Any], children: tuple[dict[str, Any], ...] = (), **waits: list[str]
) -> dict[str, list[tuple[str, int, int]]]:
    forest = Forest([key_of(root)])
    for one in (root, *children):
        forest.put(one)
    run = forest.view(key_of(root))
    assert run is not None
    views = [view for manifest in pods if isinstance(view := parse_pod(manifest), PodView)]
    times = Times(forest, views, lambda _: waits, NOW)
    rows = rows_of(forest, run, now=NOW, predecessors=lambda _: waits, items=True)
    seconds = {row.path if row.is_run else f"{row.path}:": times.of(row) for row in rows}
    return {
        path: [
            (bar.kind, int((bar.start - START).total_seconds()), int((bar.end - START).total_seconds()))
            for bar in found
        ]
        for path, found in seconds.items()
    }


def test_a_task_is_queued_after_those_before_it_then_pending_then_running() -> None:
    root = job_run("root", tasks=[task("a"), task("b", "Running", startTime=at(9))])
    found = bars(root, pod("root", "a", made=0, started=1, ended=2), pod("root", "b", made=5, started=9), b=["a"])
    assert found["root/a:"] == [("pending", 0, 1), ("running", 1, 2)]
    assert found["root/b:"] == [("queued", 2, 5), ("pending", 5, 9), ("running", 9, 60)]


def test_the_time_between_two_attempts_is_queued() -> None:
    root = job_run("root", tasks=[task("a", "Pending", reason="RetryBackoff", startTime=at(1))])
    found = bars(
        root, pod("root", "a", made=0, started=1, ended=3), pod("root", "a", made=8, started=9, ended=12, attempt=2)
    )
    assert found["root/a:"] == [
        ("pending", 0, 1),
        ("running", 1, 3),
        ("queued", 3, 8),
        ("pending", 8, 9),
        ("running", 9, 12),
        ("queued", 12, 60),
    ]


def test_a_run_in_the_queue_is_queued_until_it_is_admitted() -> None:
    root = job_run("root", "Queued")
    del root["status"]["startTime"]
    assert bars(root)["root"] == [("queued", 0, 60)]


def test_an_item_of_a_container_body_has_the_bars_of_its_pod() -> None:
    root = job_run("root", tasks=[task("fan", "Running", items={"total": 1, "running": 1})])
    item = job_run("root-fan-0", tasks=[task("fan", "Running", startTime=at(4))], parent=("root", "fan", 0))
    item["spec"]["definitionRef"]["task"] = "fan"
    found = bars(root, pod("root-fan-0", "fan", made=2, started=4), children=(item,))
    assert found["root/fan[0]"] == [("queued", 0, 2), ("pending", 2, 4), ("running", 4, 60)]


def test_what_has_not_begun_to_wait_or_was_skipped_has_no_bars() -> None:
    root = job_run("root", tasks=[task("a", "Running"), task("b", "Pending"), task("c", "Skipped")])
    found = bars(root, b=["a"])
    assert (found["root/b:"], found["root/c:"]) == ([], [])


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [(0, ["0", "1s"]), (7, [*"0", *(f"{n}s" for n in range(1, 8))]), (7200, ["0", "15m", "30m", "45m", "1h"])],
)
def test_the_axis_has_round_marks(seconds: int, labels: list[str]) -> None:
    scale = Scale(START, START + timedelta(seconds=seconds))
    marks = scale.marks()
    assert [label for _, label in marks][: len(labels)] == labels
    assert len(marks) <= 9
    assert scale.place(START - timedelta(seconds=5)) == 0
    assert scale.place(START + timedelta(days=400)) == 100


class Page(HTMLParser):
    """Counts elements, remembers what would be fetched, and that all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts = 0
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        self.scripts += tag == "script" or any(name.startswith("on") for name, _ in attrs)
        if tag not in ("meta", "link", "br", "img", "input", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass


@pytest.fixture
async def reach(tmp_path: Path) -> AsyncIterator[Reach]:
    async with LocalCluster(tmp_path, run_pods=False) as port:
        yield Reach(port, "default")


async def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(reach: Reach) -> None:
    evil = "<script>alert(1)</script><img src=http://x onerror=y>"
    root = job_run(
        "root",
        "Failed",
        tasks=[task("a", "Failed", reason="ExitCode", message=evil, podName="gone")],
        outputs={"OUT": evil},
        message=evil,
        artifacts={"count": 1, "files": [{"task": "a", "path": evil, "size": 1, "url": evil}]},
    )
    root["spec"]["params"] = {"WHO": evil}
    reach.port.store.restore(Kind.JOB_RUN, root)  # type: ignore[attr-defined]
    page = Page(await report(reach, "root"))
    assert (page.fetched, page.scripts, page.open) == ([], 0, [])


async def test_the_page_shows_graph_times_outputs_and_the_log_of_what_failed(reach: Reach, tmp_path: Path) -> None:
    store = reach.port.store  # type: ignore[attr-defined]
    rows = [task("a", outputs={}), task("b", "Failed", reason="ExitCode", exitCode=3, podName="root-b-1")]
    root = job_run("root", "Failed", tasks=rows, outputs={"COUNT": "42"}, revision="some-abc")
    spec = {"tasks": [{"name": "a", "script": "true"}, {"name": "b", "script": "true", "dependsOn": ["a"]}]}
    revision = {"metadata": {"namespace": "default", "name": "some-abc"}, "data": {"spec": spec}}
    store.restore(Kind.REVISION, revision)
    store.restore(Kind.JOB_RUN, root)
    store.restore(Kind.POD, pod("root", "b", made=2, started=3, ended=5))
    log = tmp_path / "logs" / "default" / "root-b-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("first\nit broke & burned\n")
    text = await report(reach, "root")
    for words in (
        "it broke &amp; burned",
        "root/b",
        "ExitCode 3",
        "COUNT",
        "42",
        'class="box Failed"',
        'class="pending"',
        "prefers-color-scheme:dark",
    ):
        assert words in text


async def test_2000_items_make_a_page_of_bounded_size_in_little_time_on_which_a_failed_one_is_seen(
    reach: Reach,
) -> None:
    items = {"total": 2000, "succeeded": 1999, "failed": 1, "failedIndexes": "7", "completedIndexes": "0-6,8-1999"}
    store = reach.port.store  # type: ignore[attr-defined]
    store.restore(Kind.JOB_RUN, job_run("root", "Succeeded", tasks=[task("fan", items=items)]))
    for index in range(2000):
        phase = "Failed" if index == 7 else "Succeeded"
        item = job_run(f"root-fan-{index}", phase, tasks=[task("fan")], parent=("root", "fan", index))
        item["spec"]["definitionRef"]["task"] = "fan"
        item["metadata"]["labels"] = {"brood.dev/root-run": "root", "brood.dev/index": str(index)}
        store.restore(Kind.JOB_RUN, item)
    begun = time.process_time()
    text = await report(reach, "root")
    assert time.process_time() - begun < 10
    assert len(text) < 1_500_000
    assert len(re.findall(r'class="row Succeeded run"', text)) == 2000
    [bad] = re.findall(r'<path class="running bad"[^>]* d="M[\d.]+ [\d.]+h([\d.]+)"', text)
    assert float(bad) >= 7, "of a thousand: one failed item of 2,000 is seen"
