"""Rows P1 to P5 and P8 to P10: parallel steps (seed 004)."""

import asyncio
import json
from itertools import pairwise

import pytest

from brood.cluster.port import Kind, Manifest
from tests.local.acceptance.command import Command
from tests.local.acceptance.lab import Lab, most_active
from tests.local.acceptance.manifests import condition, definition, job_run, meet, rows, wait_for


def test_p1_steps_without_dependencies_run_at_one_instant(run: Command) -> None:
    result = run(
        definition(f"""
        tasks:
          - {{name: task1, script: '{meet(3)}'}}
          - {{name: task2, script: '{meet(3)}'}}
          - {{name: task3, script: '{meet(3)}'}}
        """)
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert set(result.phases.values()) == {"Succeeded"}


def running_tasks(run: Manifest) -> int:
    return sum(row["phase"] == "Running" for row in rows(run).values()) if "status" in run else 0


@pytest.mark.parametrize("limit", ["3", "'{{ params.MOST }}'"])
async def test_p2_maxactivetasks_is_used_and_never_exceeded_at_any_event(here: Lab, limit: str) -> None:
    names = [f"download{number}" for number in range(1, 9)]
    tasks = "\n".join(
        f"  - {{name: {name}, script: 'echo $BROOD_TASK >> @DIR@/order; {wait_for('go')}; sleep 0.05'}}"
        for name in names
    )
    child = "  - {name: sub, run: {definitionRef: {name: c}}}\ndefinitions: [{name: c, tasks: [{name: x, script: sleep 0.1}]}]"
    spec = f"params: [{{name: MOST, default: 3}}]\nmaxActiveTasks: {limit}\ntasks:\n{tasks}\n{child}"
    await here.apply(definition(spec), job_run("root"))
    waiting = await here.until("root", lambda run: running_tasks(run) == 3)
    assert len(here.written("order")) <= 3
    reasons = {
        row.get("reason", "") for row in rows(waiting).values() if row["phase"] == "Pending" and "podName" not in row
    }
    assert reasons == {"MaxActiveTasks"}
    here.touch("go")
    root = await here.ended("root")
    assert root["status"]["phase"] == "Succeeded"
    assert sorted(here.written("order")) == names
    assert max(running_tasks(one) for one in here.history(Kind.JOB_RUN, "root")) == 3
    pods = [one for one in here.seen if one.kind is Kind.POD]
    assert most_active(pods, lambda pod: pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")) == 3


@pytest.mark.parametrize("value", ["0", "many"])
def test_p2_a_limit_that_is_none_ends_the_run_naming_it(run: Command, value: str) -> None:
    spec = "params: [{name: MOST, default: 3}]\nmaxActiveTasks: '{{ params.MOST }}'\ntasks: [{name: a, script: 'touch @DIR@/ran'}]"
    result = run(definition(spec), "-p", f"MOST={value}")
    assert result.code != 0
    assert not (run.shared / "ran").exists()
    if result.code == 1:
        assert condition(result.run, "Succeeded")["reason"] == "InvalidParams"
        assert "maxActiveTasks" in condition(result.run, "Succeeded")["message"]
    else:
        assert "maxActiveTasks" in result.stderr


def test_p3_a_diamond_fans_out_and_in_again(run: Command) -> None:
    result = run(
        definition(f"""
        tasks:
          - {{name: combine, dependsOn: [process_a, process_b], script: 'echo combine >> @DIR@/order'}}
          - {{name: process_a, dependsOn: [setup], script: '{meet(2)}; echo process >> @DIR@/order'}}
          - {{name: process_b, dependsOn: [setup], script: '{meet(2)}; echo process >> @DIR@/order'}}
          - {{name: setup, script: 'sleep 0.2; echo setup >> @DIR@/order'}}
        """)
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert result.written("order") == ["setup", "process", "process", "combine"]
    row = result.rows
    for before, after in (
        ("setup", "process_a"),
        ("setup", "process_b"),
        ("process_a", "combine"),
        ("process_b", "combine"),
    ):
        assert row[before]["completionTime"] <= row[after]["startTime"]
    assert list(row) == ["combine", "process_a", "process_b", "setup"], "rows are in the order of the list"


def test_p4_steps_come_from_the_output_of_an_earlier_task(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - {name: list-files, script: 'mkdir data; touch data/a.csv "data/b c.csv" data/d.csv; ls data/*.csv', output: FILES}
          - name: process
            parallel: {itemsFrom: "{{ outputs.FILES }}"}
            script: echo "process_$(basename "$1" .csv)" >> @DIR@/did
          - {name: after, dependsOn: [process], script: 'wc -l < @DIR@/did', output: COUNT}
        """)
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert sorted(result.written("did")) == ["process_a", "process_b c", "process_d"]
    assert result.outputs["COUNT"].strip() == "3"
    assert [child["spec"]["parentRef"]["index"] for child in result.children_of("process")] == [0, 1, 2]


def test_p5_reduce_sees_the_files_of_all_maps(run: Command) -> None:
    maps = "\n".join(
        f"- {{name: map_chunk{number}, script: 'seq {number} 3 > map{number}.out', artifacts: {{paths: [map*.out]}}}}"
        for number in (1, 2, 3)
    )
    result = run(
        definition(
            f"maxActiveTasks: 5\ntasks:\n{maps}",
            """
            - {name: items, parallel: {items: [7, 8]}, script: 'echo "$1" > "item$1.out"', artifacts: {paths: ["item*.out"]}}
            - name: reduce
              artifactsFrom: [map_chunk1, map_chunk2, map_chunk3, items]
              script: ls; cat *.out | awk '{ s += $1 } END { print s }' > result.txt; cat result.txt
              output: SUM
              artifacts: {paths: [result.txt]}
            """,
        )
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    *files, total = result.outputs["SUM"].split("\n")
    assert set(files) == {"map1.out", "map2.out", "map3.out", "item7.out", "item8.out", "items.0", "items.1"}
    assert total == str(1 + 2 + 3 + 2 + 3 + 3 + 7 + 8)


def test_p8_three_sub_runs_with_different_params_run_at_once(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - {name: region_us, run: {definitionRef: {name: region}, params: {REGION: us-east-1}}, output: US}
          - {name: region_eu, run: {definitionRef: {name: region}, params: {REGION: eu-west-1}}, output: EU}
          - {name: region_asia, run: {definitionRef: {name: region}, params: {REGION: ap-southeast-1}}, output: ASIA}
        """)
        + definition(
            "params: [{name: REGION, required: true}]",
            f"tasks: [{{name: one, script: '{meet(3)}; echo \"in $REGION\"', output: DONE}}]",
            name="region",
        )
        + job_run("all")
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert {name: json.loads(value)["DONE"] for name, value in result.outputs.items()} == {
        "US": "in us-east-1", "EU": "in eu-west-1", "ASIA": "in ap-southeast-1",
    }  # fmt: skip


JOIN = """
tasks:
  - {name: parallel1, script: 'touch @DIR@/result1', continueOn: {failure: true}}
  - {name: parallel2, script: 'exit 5', continueOn: {failure: true}}
  - name: check
    dependsOn: [parallel1, parallel2]
    env: [{name: CODE, value: "{{ tasks['parallel2'].exitCode }}"}, {name: PHASE, value: "{{ tasks['parallel2'].phase }}"}]
    script: |
      echo "$PHASE $CODE"
      if [ ! -f @DIR@/result1 ] || [ ! -f @DIR@/result2 ]; then echo "Some tasks failed" >&2; exit 1; fi
    output: SEEN
"""


def test_p9_the_join_after_continued_failures_decides(run: Command) -> None:
    result = run(definition(JOIN))
    assert (result.code, result.phase) == (1, "Failed")
    assert result.phases == {"parallel1": "Succeeded", "parallel2": "Failed", "check": "Failed"}
    assert result.outputs["SEEN"] == "Failed 5", "also of a failed attempt"
    assert "Some tasks failed" in result.rows["check"]["message"]
    (run.shared / "result2").touch()
    again = run(definition(JOIN))
    assert (again.code, again.phase) == (0, "PartiallySucceeded")
    assert condition(again.run, "Succeeded") | {"status": "True", "reason": "PartiallySucceeded"} == condition(
        again.run, "Succeeded"
    )


def test_p10_the_env_of_a_task_is_seen_in_that_task_only_and_may_be_any_scalar(run: Command) -> None:
    result = run(
        definition("""
        env: [{name: COMMON, value: 1}, {name: OVER, value: definition}]
        taskDefaults: {env: [{name: DEFAULTED, value: yes}, {name: OVER, value: default}]}
        tasks:
          - name: one
            env: [{name: OMP_NUM_THREADS, value: 1}, {name: FLAG, value: true}, {name: RATIO, value: 0.5}, {name: OVER, value: task}]
            script: echo "$OMP_NUM_THREADS $FLAG $RATIO $COMMON $DEFAULTED $OVER"
            output: ONE
          - {name: two, script: 'echo "${OMP_NUM_THREADS-none} ${FLAG-none} $COMMON $OVER"', output: TWO}
        """)
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert result.outputs == {"ONE": "1 true 0.5 1 true task", "TWO": "none none 1 default"}


def test_p10_the_env_of_a_container_wins_over_that_around_its_task_and_params_over_all(run: Command) -> None:
    result = run(
        definition("""
        params: [{name: P, default: param}]
        env: [{name: A, value: definition}, {name: B, value: definition}, {name: C, value: definition}, {name: P, value: definition}]
        taskDefaults:
          env: [{name: B, value: default}, {name: D, value: default}]
          container: {env: [{name: E, value: default container}, {name: D, value: default container}]}
        tasks:
          - name: one
            env: [{name: C, value: task}]
            container: {env: [{name: A, value: "of {{ run.name }}"}, {name: B, value: container}, {name: C, value: container}, {name: P, value: container}]}
            script: echo "$A, $B, $C, $D, $E, $P"
            output: ONE
          - {name: two, script: 'echo "$A, $B, $C, $D"', output: TWO}
        """),
        "--name",
        "root",
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert result.outputs == {
        "ONE": "of root, container, task, default, default container, param",
        "TWO": "definition, default, definition, default",
    }


def test_p10_env_reaches_local_definitions_of_a_definition_that_another_one_calls(run: Command) -> None:
    called = """
    params: [{name: X}]
    env: [{name: E, value: "e-{{ params.X }}"}]
    tasks: [{name: call, run: {definitionRef: {name: one}}, output: CALL}]
    definitions:
      - {name: one, tasks: [{name: call, run: {definitionRef: {name: two}}, output: CALL}]}
      - {name: two, params: [{name: Q}], tasks: [{name: each, parallel: {items: [1]}, script: 'echo $E', output: EACH}]}
    """
    calling = "tasks: [{name: call, run: {definitionRef: {name: called}, params: {X: x}}, output: CALL}]"
    result = run(definition(calling) + definition(called, name="called") + job_run("root"))
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert "e-x" in result.outputs["CALL"]


async def test_p_tasks_start_in_the_order_of_the_list_where_slots_are_few(here: Lab) -> None:
    tasks = "\n".join(f"  - {{name: t{number}, script: 'true'}}" for number in (3, 1, 2))
    await here.apply(definition(f"maxActiveTasks: 1\ntasks:\n{tasks}"), job_run("root"))
    root = await here.ended("root")
    await asyncio.sleep(0.1)
    started = [
        one.object["metadata"]["labels"]["brood.dev/task"]
        for one in here.seen
        if one.kind is Kind.POD and one.type == "ADDED"
    ]
    assert started == ["t3", "t1", "t2"]
    for before, after in pairwise(("t3", "t1", "t2")):
        assert rows(root)[before]["completionTime"] <= rows(root)[after]["startTime"]
