import io
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from brood.cli.forest import Forest, key_of
from brood.cli.rows import Row, fit, rows_of
from brood.cli.tree import BAR_WIDTH, TreeDisplay, cells_of, render
from brood.views import RunView
from tests.unit.cli.objects import START, job_run, task

NOW = START + timedelta(seconds=10)


def no_waits(_: RunView) -> Mapping[str, Sequence[str]]:
    return {}


def forest_of(*manifests: dict[str, Any], roots: int = 1) -> Forest:
    forest = Forest(key_of(manifest) for manifest in manifests[:roots])
    for manifest in manifests:
        forest.put(manifest)
    return forest


def drawn(forest: Forest, *, ascii_only: bool = False, width: int = 200, **waits: Sequence[str]) -> str:
    rows: list[Row] = []
    for key in forest.roots:
        view = forest.view(key)
        assert view is not None
        rows += rows_of(forest, view, now=NOW, predecessors=lambda _: waits)
    stream = io.StringIO()
    Console(file=stream, width=width).print(render(rows, ascii_only=ascii_only))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def test_tasks_stand_below_their_run_and_child_runs_below_their_task() -> None:
    root = job_run(
        "root",
        tasks=[task("split"), task("fork-1", childName="root-fork-1"), task("await", "Running")],
        progress="2/3",
    )
    child = job_run("root-fork-1", tasks=[task("encode", "Running", attempt=2)], parent=("root", "fork-1", None))
    assert drawn(forest_of(root, child)) == (
        "● root             Running       10s  2/3\n"
        "├─✔ split          Succeeded      2s\n"
        "├─✔ fork-1         Succeeded      2s\n"
        "│ └─● root-fork-1  Running       10s\n"
        "│   └─● encode     Running       10s  attempt 2\n"
        "└─● await          Running       10s"
    )


def test_without_signs_everything_is_ascii() -> None:
    root = job_run("root", tasks=[task("a"), task("fan", "Running", items={"total": 4, "running": 1, "succeeded": 2})])
    text = drawn(forest_of(root), ascii_only=True)
    assert text.isascii()
    assert "|-+ a" in text
    assert "##########*****....." in text


def test_a_fan_out_is_one_row_with_a_bar_counts_and_failed_indexes() -> None:
    items = {"total": 10_000, "running": 100, "succeeded": 19, "failed": 1, "failedIndexes": "17"}
    root = job_run("root", tasks=[task("encode", "Running", items=items)])
    children = [job_run(f"root-encode-{at}", parent=("root", "encode", at), tasks=[task("main")]) for at in range(50)]
    forest = forest_of(root, *children)
    lines = drawn(forest).splitlines()
    assert len(lines) == 2
    assert len(forest._views) == 1, "a frame costs the same however many items there are"
    assert "20/10000 items, 1 failed (17), 100 running, 19 succeeded" in lines[1]
    assert "━━━" in lines[1]


def test_many_failed_indexes_are_cut_between_two_of_them() -> None:
    indexes = ",".join(str(at) for at in range(0, 400, 2))
    root = job_run("root", tasks=[task("t", "Running", items={"total": 400, "failed": 200, "failedIndexes": indexes})])
    assert ",26,28,…)" in drawn(forest_of(root))
    assert ",26,28,...)" in drawn(forest_of(root), ascii_only=True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (task("x", "Pending", reason="MaxActiveTasks", message="3 of 3 tasks run"), "MaxActiveTasks: 3 of 3 tasks run"),
        (task("x", "Pending", reason="RetryBackoff", message="until 12:00:30"), "RetryBackoff: until 12:00:30"),
        (task("x", "Running", reason="ImagePull", message="no such host"), "ImagePull: no such host"),
        (task("x", "Failed", reason="ExitCode", exitCode=3, message="oh no\nreally"), "ExitCode 3: oh no | really"),
        (task("x", "Failed", reason="ExitCode", exitCode=3, message="exit code 3: no"), "  ExitCode: exit code 3: no"),
        (task("x", "Skipped", reason="NotRouted"), "NotRouted"),
        (task("x", "Pending"), "waits for a, b"),
        (task("x", takenOver="volume/dir"), "taken over"),
    ],
)
def test_a_row_says_why_it_does_not_run_or_how_it_ended(row: dict[str, Any], words: str) -> None:
    root = job_run("root", tasks=[task("a", "Running"), task("b", "Pending"), task("c"), row])
    assert drawn(forest_of(root), x=["a", "b", "c"]).splitlines()[4].endswith(words)


def test_a_run_that_waits_says_for_what() -> None:
    root = job_run("root", "Queued", message="2 runs hold key acme: encode-40, encode-41; position 3")
    assert "position 3" in drawn(forest_of(root))


def test_messages_cannot_steer_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;title\x07 gone \u202e\r\nsecond"
    text = drawn(forest_of(job_run("root", tasks=[task("a", "Failed", reason="ExitCode", message=evil)])))
    assert not any(character in text for character in "\x1b\x07\r\u202e")
    assert "gone | second" in text


def test_handlers_are_shown_and_called_so() -> None:
    root = job_run("root", tasks=[task("onExit")], handlers=[task("onExit", "Running")])
    assert [line.split("  ")[0] for line in drawn(forest_of(root)).splitlines()[1:]] == [
        "├─✔ onExit",
        "└─● onExit (handler)",
    ]


def row(name: str, phase: str, *, root: bool = False) -> Row:
    return Row(name=name, phase=phase, is_run=root, ancestors_last=() if root else (False,))


def test_a_small_screen_shows_what_runs_failed_or_waits_rather_than_what_succeeded() -> None:
    rows = [
        row("root", "Running", root=True),
        *(row(f"done-{at}", "Succeeded") for at in range(50)),
        row("bad", "Failed"),
        row("busy", "Running"),
        *(row(f"later-{at}", "Pending") for at in range(50)),
    ]
    shown, hidden = fit(rows, 8)
    assert [one.name for one in shown] == ["root", "bad", "busy", "later-0", "later-1", "later-2", "later-3"]
    assert hidden == len(rows) - 7


def test_what_fits_is_shown_whole() -> None:
    rows = [row("root", "Running", root=True), row("a", "Succeeded")]
    assert fit(rows, 2) == (rows, 0)


@pytest.mark.parametrize(
    "counts", [[0, 0, 0, 10_000], [1, 1, 1, 9_997], [9_999, 1, 0, 0], [3, 3, 3, 3], [1, 0, 0, 0], [5000, 4998, 1, 1]]
)
def test_a_bar_has_its_width_and_shows_whatever_is_there(counts: list[int]) -> None:
    cells = cells_of(counts)
    assert sum(cells) == BAR_WIDTH
    assert all(bool(cell) == bool(count) for cell, count in zip(cells, counts, strict=True))


def test_the_live_tree_never_outgrows_the_terminal_and_stays_whole_at_the_end() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=10, color_system=None)
    forest = forest_of(job_run("root", tasks=[task(f"t{at}") for at in range(40)]))
    display = TreeDisplay(console, no_waits)
    display.update(forest, NOW)
    live = stream.getvalue()
    assert live.count("\n") <= 10
    assert "32 more not shown" in live or "33 more not shown" in live
    display.close(forest, NOW)
    assert all(f"t{at} " in stream.getvalue() for at in range(40))


def test_drawing_a_run_of_256_tasks_is_quick_enough_for_ten_times_a_second() -> None:
    forest = forest_of(job_run("root", tasks=[task(f"task-{at}", "Running") for at in range(256)]))
    display = TreeDisplay(Console(file=io.StringIO(), force_terminal=True, width=120, height=50), no_waits)
    display.update(forest, NOW)
    begun = time.process_time()
    for _ in range(5):
        display.update(forest, NOW)
    display.close(forest, NOW)
    assert (time.process_time() - begun) / 5 < 0.05
