import io
from datetime import datetime, timedelta
from typing import Any

from brood.cli.forest import Forest, key_of
from brood.cli.plain import PlainDisplay
from tests.unit.cli.objects import START, job_run, task


class Told:
    """A display and what it has written since the last look."""

    def __init__(self, *roots: dict[str, Any]) -> None:
        self._stream = io.StringIO()
        self._display = PlainDisplay(self._stream, local_time=lambda time: time)
        self.forest = Forest(key_of(root) for root in roots)

    def after(self, *manifests: dict[str, Any], now: datetime = START) -> list[str]:
        for manifest in manifests:
            self.forest.put(manifest)
        begin = self._stream.tell()
        self._display.update(self.forest, now)
        return self._stream.getvalue()[begin:].splitlines()

    def at_the_end(self, now: datetime = START) -> list[str]:
        begin = self._stream.tell()
        self._display.close(self.forest, now)
        return self._stream.getvalue()[begin:].splitlines()


def test_a_line_is_written_when_a_state_changes_and_only_then() -> None:
    first = job_run("root", tasks=[task("a", "Running"), task("b", "Pending")])
    told = Told(first)
    assert told.after(first) == ["12:00:00  root  Running", "12:00:00  root/a  Running"]
    assert told.after(first) == []
    second = job_run("root", tasks=[task("a"), task("b", "Failed", reason="ExitCode", exitCode=3, message="no")])
    assert told.after(second) == ["12:00:00  root/a  Succeeded  2s", "12:00:00  root/b  Failed  2s ExitCode 3: no"]
    third = job_run("root", "Failed", second["status"]["tasks"], progress="2/2", message="task b failed")
    assert told.after(third) == ["12:00:00  root  Failed  2/2 5s task b failed"]


def test_a_child_run_is_told_below_its_task() -> None:
    root = job_run("root", tasks=[task("fork", childName="root-fork")])
    child = job_run("root-fork", tasks=[task("x", "Running")], parent=("root", "fork", None))
    told = Told(root)
    assert told.after(root, child) == [
        "12:00:00  root  Running",
        "12:00:00  root/fork  Running",
        "12:00:00  root/fork/x  Running",
    ]
    ended = job_run("root-fork", "Succeeded", [task("x")], parent=("root", "fork", None), progress="1/1")
    assert told.after(ended) == ["12:00:00  root/fork/x  Succeeded  2s", "12:00:00  root/fork  Succeeded  1/1 5s"]


def test_a_task_that_fails_though_its_child_did_not_says_so_itself() -> None:
    root = job_run("root", tasks=[task("call", "Failed", childName="c", reason="ChildCancelled")])
    told = Told(root)
    child = job_run("c", "Cancelled", parent=("root", "call", None))
    assert "12:00:00  root/call  Failed  2s ChildCancelled" in told.after(root, child)


def test_a_wait_says_what_for() -> None:
    root = job_run("root", "Queued", message="2 runs hold key acme")
    told = Told(root)
    assert told.after(root) == ["12:00:00  root  Queued  2 runs hold key acme"]
    waiting = job_run("root", tasks=[task("a", "Pending", reason="MaxActiveTasks", message="1 of 1 tasks run")])
    assert "12:00:00  root/a  Pending  MaxActiveTasks: 1 of 1 tasks run" in told.after(waiting)


def test_a_fan_out_tells_its_counts_every_five_seconds_at_most_and_all_at_the_end() -> None:
    def fan_out(succeeded: int, phase: str = "Running") -> dict[str, Any]:
        items = {"total": 10_000, "succeeded": succeeded, "running": min(100, 10_000 - succeeded)}
        return job_run("root", tasks=[task("encode", phase, items=items)])

    told = Told(fan_out(0))
    lines = [
        line
        for second in range(20)
        for tenth in range(10)
        for line in told.after(fan_out(second * 100 + tenth), now=START + timedelta(seconds=second + tenth / 10))
    ]
    assert len(lines) == 1 + 4  # the run, and 0, 5, 10, 15 s
    assert told.after(fan_out(10_000, "Succeeded")) == ["12:00:00  root/encode  Succeeded  2s 10000/10000 items"]


def test_the_end_is_told_even_if_it_comes_within_those_seconds() -> None:
    def fan_out(succeeded: int) -> dict[str, Any]:
        return job_run("root", tasks=[task("encode", "Running", items={"total": 5, "succeeded": succeeded})])

    told = Told(fan_out(0))
    told.after(fan_out(0))
    assert told.after(fan_out(3)) == []
    assert told.at_the_end() == ["12:00:00  root/encode  Running  3/5 items"]
