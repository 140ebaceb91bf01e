import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from brood.cli.forest import Forest, key_of
from brood.cli.result import exit_code, json_lines, outputs_of, text_lines
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind
from tests.unit.cli.objects import job_run, task


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(tmp_path, run_pods=False) as cluster:
        yield cluster


def forest_of(*manifests: dict[str, Any], roots: int = 1) -> Forest:
    forest = Forest(key_of(manifest) for manifest in manifests[:roots])
    for manifest in manifests:
        forest.put(manifest)
    return forest


async def text(port: LocalCluster, forest: Forest) -> str:
    return "\n".join(await text_lines(port, forest, port.layout))


@pytest.mark.parametrize(
    ("phases", "code"),
    [
        (["Succeeded"], 0),
        (["Succeeded", "PartiallySucceeded"], 0),
        (["Succeeded", "Failed"], 1),
        (["Cancelled"], 1),
        (["Rejected"], 1),
        (["Running"], 1),
        ([None], 1),
    ],
)
def test_only_runs_that_all_succeeded_at_least_partially_are_exit_code_0(phases: list[str | None], code: int) -> None:
    runs = [job_run(f"r{at}", phase) for at, phase in enumerate(phases)]
    assert exit_code(forest_of(*runs, roots=len(runs))) == code


async def test_large_outputs_come_from_their_config_maps(port: LocalCluster) -> None:
    stored = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
    await port.create(Kind.CONFIG_MAP, {**stored, "data": {"k": "x" * 2000}})
    refs = {"BIG": {"configMap": "c", "key": "k"}, "GONE": {"configMap": "d", "key": "k"}}
    run = job_run("r", "Succeeded", outputs={"SMALL": "s"}, outputRefs=refs)
    assert await outputs_of(port, run) == {"SMALL": "s", "BIG": "x" * 2000}


async def test_json_has_the_runs_as_stored_and_all_below_them_parents_first(port: LocalCluster) -> None:
    root, other = job_run("root", "Succeeded"), job_run("other", "Succeeded")
    below = [job_run(f"fan-{at}", "Succeeded", parent=("root", "fan", at)) for at in (0, 1, 10, 2)]
    leaf = job_run("leaf", "Succeeded", parent=("fan-0", "x", None))
    forest = forest_of(root, other, leaf, *below, roots=2)
    first, second = [json.loads(line) for line in (await json_lines(port, forest, children=True)).splitlines()]
    assert first["run"] == root
    assert [run["metadata"]["name"] for run in first["children"]] == ["fan-0", "fan-1", "fan-2", "fan-10", "leaf"]
    assert first["children"][0] == below[0]
    assert second == {"run": other, "outputs": {}, "children": []}
    assert b"children" not in await json_lines(port, forest, children=False)


async def test_failures_are_named_by_their_path_with_the_end_of_their_log(port: LocalCluster) -> None:
    log = port.layout.log("default", "pod-17")
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {at}\n" for at in range(100)) + "\x1b[31mred\x1b[0m\n")
    items = {"total": 20, "failed": 1, "failedIndexes": "17"}
    root = job_run("root", "Failed", [task("fan", "Failed", items=items, reason="ChildFailed")])
    bad = task("main", "Failed", podName="pod-17", reason="ExitCode", exitCode=3, message="red")
    child = job_run("root-fan-17", "Failed", [bad], parent=("root", "fan", 17))
    told = await text(port, forest_of(root, child))
    assert "failed:\n  root/fan[17]/main: ExitCode 3: red\n" in told
    assert f"    log: {log}\n" in told
    assert "    | line 91\n" in told
    assert "line 90\n" not in told
    assert told.endswith("    | red")


async def test_the_end_of_a_log_is_that_of_the_script_not_the_result_behind_it(port: LocalCluster) -> None:
    log = port.layout.log("default", "pod")
    log.parent.mkdir(parents=True)
    result = "".join(f"output {at}\n" for at in range(10_000))
    log.write_text(f"{result}oh no\n\n0123456789abcdef\n{result}oh no\n\n0123456789abcdef.\n")
    told = await text(
        port, forest_of(job_run("root", "Failed", [task("a", "Failed", podName="pod", reason="ExitCode")]))
    )
    assert told.endswith("    | output 9999\n    | oh no")


async def test_what_was_tried_again_is_not_told_as_failed(port: LocalCluster) -> None:
    root = job_run("root", "Succeeded", [task("fan"), task("one")])
    runs = []
    for attempt, phase in ((1, "Failed"), (2, "Failed"), (3, "Succeeded")):
        for place in (("root", "fan", 0), ("root", "one", None)):
            name = f"{place[1]}-{attempt}"
            rows = [task("main", phase, reason="ExitCode"), task("down")]
            runs.append(job_run(name, phase, rows, parent=place))
            runs[-1]["metadata"]["labels"] = {"brood.dev/attempt": str(attempt)}
        runs.append(job_run(f"leaf-{attempt}", phase, [task("leaf", phase)], parent=(f"one-{attempt}", "down", None)))
    assert "failed:" not in await text(port, forest_of(root, *runs))
    told = await text(port, forest_of(root, *runs[:6]))
    assert sorted(told[told.index("failed:") :].split("\n")[1:]) == [
        "  root/fan[0]/main: ExitCode",
        "  root/one/down/leaf: ",
        "  root/one/main: ExitCode",
    ]


async def test_a_child_that_was_never_admitted_is_told_with_its_reason(port: LocalCluster) -> None:
    row = task("down", "Failed", reason="ChildFailed", childName="child", message="child run child failed: …")
    root = job_run("root", "Failed", [row], message="task down: …")
    child = job_run("child", "Failed", parent=("root", "down", None), message="unknown param X; there is A")
    told = await text(port, forest_of(root, child))
    assert told.endswith("failed:\n  root/down: unknown param X; there is A")


async def test_of_many_failures_some_are_told(port: LocalCluster) -> None:
    failed = [task(f"t{at}", "Failed", reason="ExitCode", exitCode=1) for at in range(50)]
    told = await text(port, forest_of(job_run("root", "Failed", failed)))
    assert told.count("ExitCode 1") == 20
    assert "and more" in told


async def test_files_are_told_with_their_names_whatever_they_hold(port: LocalCluster) -> None:
    names = ["a%41 b.txt", "evil\x1b[2J"]
    files = [{"task": "t", "path": name, "size": 2048, "url": f"file:///v/{name}"} for name in names]
    told = await text(port, forest_of(job_run("r", "Succeeded", artifacts={"count": 2, "files": files})))
    assert "  t/a%41 b.txt (2.0 KiB)  /v/a%41 b.txt" in told
    assert "\x1b" not in told


async def test_of_many_files_the_last_ones_are_told(port: LocalCluster) -> None:
    files = [{"task": "t", "path": f"f{at}", "size": 1, "url": f"file:///v/f{at}"} for at in range(100)]
    told = await text(port, forest_of(job_run("r", "Succeeded", artifacts={"count": 130, "files": files})))
    assert "110 files more" in told
    assert "/v/f99" in told
    assert "/v/f79" not in told
