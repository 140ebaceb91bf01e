"""Rows O1 to O18, O20 and O21: a root job and its child jobs (seed 001); O19, crashes, is in `test_controller_crash`."""

import asyncio
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from brood.cluster.port import AlreadyExists, Kind, Manifest, NotFound
from tests.local.acceptance.command import Command
from tests.local.acceptance.lab import Lab, Seen, lab, most_active
from tests.local.acceptance.manifests import (
    admitted,
    condition,
    definition,
    ended,
    job_run,
    meet,
    phases,
    rows,
    wait_for,
)
from tests.unit.controller.faults import FaultyPort, Write

CRDS = Path(__file__).parents[3] / "crds"
RANK = {None: 0, "Pending": 1, "Queued": 2, "Running": 3}

UNTIL_GO = f"tasks: [{{name: work, script: '{wait_for('go')}'}}]"


def keyed(policy: str, tasks: str = UNTIL_GO, key: str = "big-job") -> str:
    return f"concurrency: {{key: '{key}', maxActiveRuns: 1, policy: {policy}}}\n{tasks}"


def active(run: Manifest) -> bool:
    return admitted(run) and not ended(run)


# --- Unique roots ---


async def test_o1_a_second_run_of_the_key_is_rejected_at_once_and_names_the_holder(here: Lab) -> None:
    await here.apply(definition(keyed("Reject")), job_run("first"))
    await here.phase("first", "Running")
    await here.apply(job_run("second"))
    second = await here.ended("second")
    assert second["status"]["phase"] == "Rejected"
    assert condition(second, "Succeeded") | {"status": "False", "reason": "Rejected"} == condition(second, "Succeeded")
    assert "first" in condition(second, "Succeeded")["message"]
    assert not ended(await here.get("first"))
    here.touch("go")
    assert (await here.ended("first"))["status"]["phase"] == "Succeeded"
    assert await here.pods("second") == []
    assert await here.children("second") == []


ONE_CHILD_FAILS_ONCE = """
tasks:
  - {name: plan, script: 'echo "a b"', output: ITEMS}
  - name: work
    run: {definitionRef: {name: child}}
    parallel: {itemsFrom: "{{ outputs.ITEMS }}"}
    retryPolicy: {limit: 1, intervalSeconds: 2}
definitions:
  - name: child
    params: [{name: WHAT}]
    tasks: [{name: one, script: 'if [ $WHAT = b ] && mkdir "@DIR@/failed" 2>/dev/null; then exit 1; fi; sleep 0.2'}]
"""


async def test_o2_the_lock_lasts_until_the_last_child_is_done_back_off_included(here: Lab) -> None:
    await here.apply(definition(keyed("Queue", ONE_CHILD_FAILS_ONCE)), job_run("first"))
    await here.phase("first", "Running")
    await here.apply(job_run("second"))

    def is_backing_off(run: Manifest) -> bool:
        items = rows(run)["work"].get("items") or {}
        return (items.get("pending"), items.get("succeeded")) == (1, 1)

    backing_off = await here.until("first", is_backing_off)
    assert rows(backing_off)["plan"]["phase"] == "Succeeded"
    assert [one for one in await here.objects(Kind.POD) if one["status"]["phase"] == "Running"] == []
    assert (await here.get("second"))["status"]["phase"] == "Queued"
    first, second = await here.ended("first"), await here.ended("second")
    assert first["status"]["phase"] == second["status"]["phase"] == "Succeeded"
    last = [child["status"]["completionTime"] for child in await here.children("first")]
    assert len(last) == 3
    assert max(last) <= first["status"]["completionTime"] <= second["status"]["startTime"]


@pytest.mark.parametrize("policy", ["Queue", "Reject", "Replace"])
async def test_o3_a_storm_of_one_key_has_exactly_one_active_run_at_any_event(here: Lab, policy: str) -> None:
    await here.apply(definition(keyed(policy, "tasks: [{name: work, script: 'sleep 0.05'}]")))
    await asyncio.gather(*(here.apply(job_run(f"run-{number:02}")) for number in range(20)))
    done = [await here.ended(f"run-{number:02}") for number in range(20)]
    got = Counter(run["status"]["phase"] for run in done)
    await asyncio.sleep(0.1)  # the watch has told everything
    seen = [one for one in here.seen if one.kind is Kind.JOB_RUN]
    assert most_active(seen, active) == 1
    pods = [Seen(one.kind, one.type, one.object) for one in here.seen if one.kind is Kind.POD]
    assert most_active(pods, lambda pod: pod["status"].get("phase") == "Running") == 1
    if policy == "Queue":
        assert got == {"Succeeded": 20}
    elif policy == "Reject":
        assert got["Succeeded"] >= 1
        assert got["Succeeded"] + got["Rejected"] == 20
    else:
        assert got["Succeeded"] >= 1
        assert got["Succeeded"] + got["Cancelled"] == 20
        assert {condition(run, "Succeeded")["reason"] for run in done if run["status"]["phase"] == "Cancelled"} == {
            "Replaced"
        }


def test_o4_the_next_run_starts_after_success_and_after_failure(run: Command) -> None:
    text = definition(keyed("Queue", "params: [{name: CODE}]\ntasks: [{name: work, script: 'exit $CODE'}]"))
    for number, code in enumerate(("0", "1", "0")):
        text += job_run(f"run-{number}", spec=f"params: {{CODE: '{code}'}}")
    result = run(text)
    assert result.code == 1
    status = [line["run"]["status"] for line in result.lines]
    assert [one["phase"] for one in status] == ["Succeeded", "Failed", "Succeeded"]
    for before, after in pairwise(status):
        assert before["completionTime"] <= after["startTime"]


async def test_o4_the_next_run_starts_after_cancellation_and_after_deletion(here: Lab) -> None:
    await here.apply(definition(keyed("Queue")), job_run("first"))
    await here.phase("first", "Running")
    await here.apply(job_run("second"), job_run("third"))
    await here.patch("first", {"shutdown": "Terminate"})
    assert (await here.ended("first"))["status"]["phase"] == "Cancelled"
    await here.phase("second", "Running")
    await here.delete("second")
    here.touch("go")
    assert (await here.ended("third"))["status"]["phase"] == "Succeeded"


async def test_o4_a_deleted_run_holds_its_key_until_the_last_pod_of_its_children_has_ended(here: Lab) -> None:
    stubborn = "script: 'touch @DIR@/$BROOD_RUN; trap \"\" TERM; while [ ! -e @DIR@/go ]; do sleep 0.05; done'"
    await here.apply(
        definition(f"""
        concurrency: {{key: k}}
        tasks: [{{name: call, run: {{definitionRef: {{name: l}}}}}}]
        definitions: [{{name: l, tasks: [{{name: each, parallel: {{items: [1]}}, {stubborn}}}]}}]
        """),
        job_run("first"),
    )
    await here.true(lambda: any(here.shared.iterdir()), "the item never started")
    await here.delete("first")
    await here.apply(job_run("second"))
    second = await here.phase("second", "Queued", "Running")
    assert second["status"]["phase"] == "Queued", "it entered while a Pod of the first one ran"
    assert second["status"]["message"] == "1 run holds key k: first (gone, its Pods still end); position 1"
    here.touch("go")
    assert (await here.ended("second"))["status"]["phase"] == "Succeeded"


async def test_o5_applying_the_same_run_again_is_not_a_second_run(here: Lab) -> None:
    text = definition("tasks: [{name: work, script: 'echo x >> @DIR@/count'}]")
    await here.apply(text, job_run("once"))
    before = await here.ended("once")
    with pytest.raises(AlreadyExists):
        await here.apply(job_run("once"))
    await here.patch("once", {"definitionRef": {"name": "main"}})
    await asyncio.sleep(0.3)
    assert await here.get("once") == before
    assert here.written("count") == ["x"]
    assert len(here.history(Kind.POD, None)) > 0
    assert len({pod["metadata"]["name"] for pod in here.history(Kind.POD)}) == 1


async def test_o6_different_keys_run_side_by_side_and_two_definitions_of_one_key_exclude_each_other(here: Lab) -> None:
    spec = keyed("Queue", "params: [{name: CUSTOMER}]\n" + UNTIL_GO, key="import-{{ params.CUSTOMER }}")
    other = keyed("Queue", UNTIL_GO, key="import-acme")
    await here.apply(definition(spec), definition(other, name="other"))
    await here.apply(job_run("acme", spec="params: {CUSTOMER: acme}"), job_run("zen", spec="params: {CUSTOMER: zen}"))
    await here.phase("acme", "Running")
    await here.phase("zen", "Running")
    await here.apply(job_run("same-key", "other"))
    waiting = await here.phase("same-key", "Queued")
    assert "acme" in waiting["status"]["message"]
    here.touch("go")
    assert {(await here.ended(name))["status"]["phase"] for name in ("acme", "zen", "same-key")} == {"Succeeded"}


# --- What is recorded ---

FAMILY = """
tasks:
  - name: work
    run: {definitionRef: {name: child}}
    parallel: {items: [a, b, c]}
    output: ALL
definitions:
  - name: child
    params: [{name: WHAT}]
    tasks: [{name: one, script: 'echo "did $WHAT"', output: DID}]
"""


async def test_o7_root_and_children_are_recorded_also_without_their_pods_and_after_a_restart(here: Lab) -> None:
    await here.apply(definition(FAMILY), job_run("root"))
    before = [await here.ended("root"), *await here.children("root")]
    assert len(before) == 4
    await here.stop()
    for pod in await here.objects(Kind.POD):
        await here.delete(pod["metadata"]["name"], Kind.POD)
    assert await here.objects(Kind.POD) == []
    await here.start()
    await asyncio.sleep(0.3)
    after = [await here.get("root"), *await here.children("root")]
    assert after == before
    assert [one["status"]["outputs"]["DID"] for one in after[1:]] == ["did a", "did b", "did c"]
    assert await here.objects(Kind.POD) == []


def printed(run: Manifest, column: str) -> Any:
    """Return what ``kubectl get`` shows of a run in one of the CRD's printer columns."""
    crd = yaml.safe_load((CRDS / "jobruns.yaml").read_text())
    [path] = [
        one["jsonPath"] for one in crd["spec"]["versions"][0]["additionalPrinterColumns"] if one["name"] == column
    ]
    value: Any = run
    for step in path.strip(".").split("."):
        value = (value or {}).get(step)
    return value


async def test_o8_children_show_new_running_success_and_failed_in_a_column_and_in_conditions(here: Lab) -> None:
    spec = f"""
    tasks:
      - name: work
        run: {{definitionRef: {{name: child}}}}
        parallel: {{items: ["0", "1"], maxConcurrent: 1}}
        continueOn: {{failure: true}}
    definitions:
      - name: child
        params: [{{name: CODE}}]
        tasks: [{{name: one, script: '{wait_for("go")}; exit $CODE'}}]
    """
    await here.apply(definition(spec), job_run("root"))
    first = await here.child_of("root", "work", 0)
    await here.phase(first["metadata"]["name"], "Running")
    assert len(await here.children("root")) == 1, "the second is not there before its turn"
    here.touch("go")
    assert (await here.ended("root"))["status"]["phase"] == "PartiallySucceeded"
    await asyncio.sleep(0.1)
    ends = {}
    for child in await here.children("root"):
        history = here.history(Kind.JOB_RUN, child["metadata"]["name"])
        shown = [printed(one, "Phase") for one in history]
        assert shown[0] in (None, "Pending"), "new"
        assert "Running" in shown
        ranks = [RANK.get(one, 4) for one in shown]
        assert ranks == sorted(ranks), f"not monotonic: {shown}"
        assert len(set(shown)) <= 4
        running = next(one for one in history if printed(one, "Phase") == "Running")
        assert condition(running, "Succeeded")["status"] == "Unknown"
        assert condition(running, "Reconciling")["status"] == "True"
        ends[child["spec"]["params"]["CODE"]] = (
            shown[-1],
            condition(child, "Succeeded")["status"],
            condition(child, "Stalled").get("status"),
        )
    assert ends == {"0": ("Succeeded", "True", None), "1": ("Failed", "False", "True")}


async def test_o9_the_root_is_running_until_all_children_ended_and_then_failed(here: Lab) -> None:
    spec = f"""
    tasks:
      - {{name: c1, run: {{definitionRef: {{name: fails}}}}}}
      - {{name: c2, run: {{definitionRef: {{name: slow}}}}}}
      - {{name: c3, fork: {{definitionRef: {{name: slow}}}}}}
    definitions:
      - {{name: fails, tasks: [{{name: one, script: 'exit 1'}}]}}
      - {{name: slow, tasks: [{{name: one, script: '{wait_for("go")}'}}]}}
    """
    await here.apply(definition(spec), job_run("root"))
    root = await here.until("root", lambda run: rows(run) and rows(run)["c1"]["phase"] == "Failed")
    await asyncio.sleep(0.3)
    root = await here.get("root")
    assert root["status"]["phase"] == "Running"
    assert condition(root, "Succeeded")["status"] == "Unknown"
    here.touch("go")
    root = await here.ended("root")
    assert root["status"]["phase"] == "Failed"
    for child in await here.children("root"):
        assert child["status"]["completionTime"] <= root["status"]["completionTime"]
    assert "c1" in root["status"]["message"]


# --- Interrupt ---


async def test_o10_interrupting_the_root_lets_running_children_complete(here: Lab) -> None:
    spec = f"""
    tasks:
      - name: work
        run: {{definitionRef: {{name: child}}}}
        parallel: {{items: [a, b, c, d, e], maxConcurrent: 2}}
        output: ALL
    definitions:
      - name: child
        params: [{{name: WHAT}}]
        tasks: [{{name: one, script: '{wait_for("go")}; echo "did $WHAT"', output: DID}}]
    """
    await here.apply(definition(spec), job_run("root"))
    await here.until("root", lambda run: rows(run) and (rows(run)["work"].get("items") or {}).get("running") == 2)
    await here.true(lambda: sum(pod["status"].get("phase") == "Running" for pod in here.history(Kind.POD)) >= 2)
    await here.patch("root", {"shutdown": "Interrupt"})
    await here.until("root", lambda run: condition(run, "Interrupted").get("status") == "True")
    here.touch("go")
    root = await here.ended("root")
    children = await here.children("root")
    assert [child["status"]["phase"] for child in children] == ["Succeeded", "Succeeded"]
    assert [child["status"]["outputs"] for child in children] == [{"DID": "did a"}, {"DID": "did b"}]
    assert not any("deletionTimestamp" in pod["metadata"] for pod in here.history(Kind.POD)), "no Pod is killed"
    row = rows(root)["work"]
    assert (row["phase"], row["reason"]) == ("Cancelled", "Interrupted")
    assert (row["items"]["succeeded"], row["items"]["cancelled"]) == (2, 3)
    aggregate = json.loads(root["status"]["outputs"]["ALL"])
    assert aggregate["outputs"] == [{"DID": "did a"}, {"DID": "did b"}]
    assert [one["status"] for one in aggregate["results"]] == [
        "success",
        "success",
        "cancelled",
        "cancelled",
        "cancelled",
    ]
    assert root["status"]["phase"] == "Cancelled"


INTERRUPTED = f"""
tasks:
  - name: items
    run: {{definitionRef: {{name: child}}}}
    parallel: {{items: [fails, works, later], maxConcurrent: 2}}
    retryPolicy: {{limit: 3, intervalSeconds: 600}}
  - {{name: flaky, script: 'exit 1', retryPolicy: {{limit: 3, intervalSeconds: 600}}}}
  - {{name: running, script: '{wait_for("go")}; echo x >> @DIR@/finished'}}
  - {{name: capped, dependsOn: [running], script: 'echo capped >> @DIR@/wrong'}}
  - {{name: behind, dependsOn: [items], script: 'echo behind >> @DIR@/wrong'}}
  - {{name: rescue, script: 'echo rescue >> @DIR@/wrong'}}
  - {{name: fine, script: 'true', onFailed: rescue}}
handlers:
  onCancel: {{script: 'echo onCancel >> @DIR@/handlers'}}
  onExit: {{script: 'echo onExit >> @DIR@/handlers'}}
  onFailure: {{script: 'echo onFailure >> @DIR@/handlers'}}
definitions:
  - name: child
    params: [{{name: WHAT}}]
    tasks:
      - {{name: one, script: 'test $WHAT = works; {wait_for("go")}'}}
      - {{name: two, dependsOn: [one], script: 'echo "$WHAT two" >> @DIR@/finished'}}
"""


async def test_o11_what_has_not_started_at_an_interrupt_never_starts(here: Lab) -> None:
    await here.apply(definition(INTERRUPTED), job_run("root"))

    def waiting(run: Manifest) -> bool:
        if not rows(run) or "failures" not in rows(run)["flaky"] or rows(run)["flaky"]["phase"] != "Pending":
            return False
        items = rows(run)["items"].get("items") or {}
        return items.get("running") == 2 and rows(run)["running"]["phase"] == "Running"

    await here.until("root", waiting)
    failing = await here.child_of("root", "items", 0)
    assert (await here.ended(failing["metadata"]["name"]))["status"]["phase"] == "Failed"
    await here.child_of("root", "items", 2)  # the slot of the one that is backing off is free
    await here.patch("root", {"shutdown": "Interrupt"})
    await here.until("root", lambda run: condition(run, "Interrupted").get("status") == "True")
    before = {pod["metadata"]["name"] for pod in await here.pods("root")}
    here.touch("go")
    root = await here.ended("root")
    after = {pod["metadata"]["name"] for pod in await here.pods("root")} - before
    assert {
        pod["metadata"]["labels"]["brood.dev/task"]
        for pod in await here.pods("root")
        if pod["metadata"]["name"] in after
    } == {
        "onCancel",
        "onExit",
    }
    assert here.written("handlers") == ["onCancel", "onExit"]
    assert here.written("wrong") == []
    got = phases(root)
    assert got == {
        "items": "Cancelled", "flaky": "Cancelled", "running": "Succeeded", "capped": "Cancelled", "behind": "Cancelled",
        "rescue": "Skipped", "fine": "Succeeded",
    }  # fmt: skip
    assert rows(root)["flaky"]["attempt"] == 1
    assert sorted(here.written("finished")) == ["works two", "x"], "a running child finishes its own graph"
    assert root["status"]["phase"] == "Cancelled"
    assert condition(root, "Succeeded")["reason"] == "Interrupted"


async def test_o12_interrupting_one_running_child_lets_its_task_finish_and_its_siblings_go_on(here: Lab) -> None:
    spec = f"""
    tasks:
      - {{name: left, run: {{definitionRef: {{name: child}}}}, continueOn: {{failure: true}}}}
      - {{name: right, run: {{definitionRef: {{name: child}}}}}}
    definitions:
      - name: child
        tasks:
          - {{name: one, script: '{wait_for("go")}; echo one >> "@DIR@/$BROOD_RUN"'}}
          - {{name: two, dependsOn: [one], script: 'echo two >> "@DIR@/$BROOD_RUN"'}}
    """
    await here.apply(definition(spec), job_run("root"))
    left = (await here.child_of("root", "left"))["metadata"]["name"]
    right = (await here.child_of("root", "right"))["metadata"]["name"]
    for name in (left, right):
        await here.until(name, lambda run: "status" in run and phases(run).get("one") == "Running")
    await here.patch(left, {"shutdown": "Interrupt"})
    await here.until(left, lambda run: condition(run, "Interrupted"))
    here.touch("go")
    root = await here.ended("root")
    assert phases(await here.get(left)) == {"one": "Succeeded", "two": "Cancelled"}
    assert (await here.get(left))["status"]["phase"] == "Cancelled"
    assert (await here.get(right))["status"]["phase"] == "Succeeded"
    assert here.written(left) == ["one"]
    assert here.written(right) == ["one", "two"]
    assert (rows(root)["left"]["phase"], rows(root)["left"]["reason"]) == ("Failed", "ChildCancelled")
    assert rows(root)["right"]["phase"] == "Succeeded"
    assert root["status"]["phase"] == "PartiallySucceeded"


async def test_o12_a_child_that_has_not_started_is_cancelled_by_an_interrupt(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def hold(write: Write) -> None:
        if write.verb == "status" and "-left-" in write.name:
            await gate.wait()

    spec = """
    tasks:
      - {name: left, run: {definitionRef: {name: child}}}
      - {name: right, run: {definitionRef: {name: child}}}
    definitions: [{name: child, tasks: [{name: one, script: 'echo x >> "@DIR@/$BROOD_RUN"'}]}]
    """
    async with lab(tmp_path, through=lambda port: FaultyPort(port, pause=hold)) as here:
        await here.apply(definition(spec), job_run("root"))
        left = (await here.child_of("root", "left"))["metadata"]["name"]
        assert "phase" not in (await here.get(left)).get("status", {})
        await here.patch(left, {"shutdown": "Interrupt"})
        gate.set()
        root = await here.ended("root")
        child = await here.get(left)
        assert child["status"]["phase"] == "Cancelled"
        assert phases(child) == {"one": "Cancelled"}
        assert await here.pods(left) == []
        assert rows(root)["left"]["reason"] == "ChildCancelled"
        assert phases(root) == {"left": "Failed", "right": "Succeeded"}
        assert root["status"]["phase"] == "Failed"


async def test_o12_a_queued_run_is_cancelled_by_an_interrupt_without_handlers(here: Lab) -> None:
    spec = keyed("Queue") + "\nhandlers: {onExit: {script: 'echo \"$BROOD_RUN\" >> @DIR@/exits'}}"
    await here.apply(definition(spec), job_run("first"))
    await here.phase("first", "Running")
    await here.apply(job_run("second"))
    await here.phase("second", "Queued")
    await here.patch("second", {"shutdown": "Interrupt"})
    second = await here.ended("second")
    assert second["status"]["phase"] == "Cancelled"
    assert condition(second, "Succeeded")["reason"] == "Interrupted"
    here.touch("go")
    assert (await here.ended("first"))["status"]["phase"] == "Succeeded"
    assert here.written("exits") == ["first"]


async def test_o13_an_interrupt_again_or_after_the_end_changes_nothing(here: Lab) -> None:
    spec = f"""
    tasks: [{{name: one, script: '{wait_for("go")}'}}, {{name: two, dependsOn: [one], script: 'true'}}]
    handlers: {{onCancel: {{script: 'echo x >> @DIR@/cancels'}}}}
    """
    await here.apply(definition(spec), job_run("twice"))
    await here.until("twice", lambda run: "status" in run and phases(run).get("one") == "Running")
    await here.patch("twice", {"shutdown": "Interrupt"})
    await here.until("twice", lambda run: condition(run, "Interrupted"))
    await here.patch("twice", {"shutdown": "Interrupt"})
    here.touch("go")
    done = await here.ended("twice")
    assert (done["status"]["phase"], phases(done)) == ("Cancelled", {"one": "Succeeded", "two": "Cancelled"})
    await here.apply(job_run("late"))
    late = await here.ended("late")
    for name in ("twice", "late"):
        await here.patch(name, {"shutdown": "Terminate" if name == "twice" else "Interrupt"})
    await asyncio.sleep(0.3)
    for name, before in (("twice", done), ("late", late)):
        after = await here.get(name)
        assert after["status"]["observedGeneration"] == after["metadata"]["generation"]
        assert _but_generations(after["status"]) == _but_generations(before["status"])
    assert here.written("cancels") == ["x"]


def _but_generations(status: Manifest) -> Manifest:
    """Return a status without the generations that it speaks of."""
    conditions = [{**one, "observedGeneration": None} for one in status["conditions"]]
    return {**status, "observedGeneration": None, "conditions": conditions}


# --- Planner and children ---


def planner(script: str) -> str:
    return definition(f"""
    tasks:
      - {{name: plan, script: '{script}', output: PARTS, retryPolicy: {{limit: 1, intervalSeconds: 0}}}}
      - name: work
        run: {{definitionRef: {{name: small}}}}
        parallel: {{itemsFrom: "{{{{ outputs.PARTS }}}}"}}
      - name: extra
        fork: {{definitionRef: {{name: small}}, params: {{PART: "{{{{ outputs.PARTS[0] }}}}"}}}}
    definitions:
      - name: small
        params: [{{name: PART}}]
        tasks: [{{name: one, script: 'echo "$PART" >> @DIR@/did'}}]
    """)


def test_o14_a_planners_output_makes_the_children_once_also_where_it_runs_again(run: Command) -> None:
    result = run(planner('echo "[\\"p1\\",\\"p2\\",\\"p3\\"]"; mkdir @DIR@/again || exit 0; exit 1'))
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert result.rows["plan"]["attempt"] == 2
    assert [child["spec"]["params"] for child in result.children_of("work")] == [
        {"PART": "p1"},
        {"PART": "p2"},
        {"PART": "p3"},
    ]
    assert [child["spec"]["params"] for child in result.children_of("extra")] == [{"PART": "p1"}]
    assert sorted(result.written("did")) == ["p1", "p1", "p2", "p3"]


def test_o14_where_the_planner_fails_there_is_no_child_and_the_root_failed(run: Command) -> None:
    result = run(planner('echo "[\\"p1\\"]"; exit 1'))
    assert (result.code, result.phase) == (1, "Failed")
    assert result.children == []
    assert result.phases == {"plan": "Failed", "work": "Skipped", "extra": "Skipped"}
    assert result.written("did") == []


def test_o15_a_child_has_the_params_of_its_item_only_and_knows_who_it_is(run: Command) -> None:
    result = run(
        definition("""
        params: [{name: SECRET, default: of-the-root}]
        env: [{name: COMMON, value: everywhere}]
        tasks:
          - name: work
            run: {definitionRef: {name: child}}
            parallel: {items: [{PART: x1}, {PART: x2, MORE: more}]}
        definitions:
          - name: child
            params: [{name: PART}, {name: MORE, default: none}]
            tasks:
              - name: one
                script: echo "$PART $MORE ${SECRET-unset} $COMMON $BROOD_RUN $BROOD_ROOT $BROOD_TASK $BROOD_INDEX $BROOD_ATTEMPT"
                output: SAID
        """)
        + job_run("root")
    )
    assert result.code == 0, result.stderr
    children = result.children_of("work")
    names = [child["metadata"]["name"] for child in children]
    assert [child["status"]["outputs"]["SAID"] for child in children] == [
        f"x1 none unset everywhere {names[0]} root one 0 1",
        f"x2 more unset everywhere {names[1]} root one 1 1",
    ]
    assert len({child["metadata"]["uid"] for child in children}) == 2
    assert [child["spec"]["parentRef"]["index"] for child in children] == [0, 1]


def test_o16_an_exit_code_is_a_failure_and_is_not_tried_again_without_a_policy(run: Command) -> None:
    result = run(definition("tasks: [{name: bad, script: 'echo x >> @DIR@/tries; exit 9'}]"))
    assert result.code == 1
    row = result.rows["bad"]
    assert (row["phase"], row["reason"], row["exitCode"], row["attempt"]) == ("Failed", "ExitCode", 9, 1)
    assert result.written("tries") == ["x"]


async def test_o16_a_deleted_pod_is_tried_again_and_the_reason_says_infrastructure(here: Lab) -> None:
    spec = "tasks: [{name: work, script: 'test -e @DIR@/quick || sleep 60', infraRetries: 1}]"
    await here.apply(definition(spec), job_run("root"))

    async def lose_pod(attempt: int) -> None:
        at = await here.until(
            "root",
            lambda run: rows(run) and rows(run)["work"].get("attempt") == attempt and phases(run)["work"] == "Running",
        )
        assert rows(at)["work"]["infraRetries"] == attempt - 1
        await here.delete(rows(at)["work"]["podName"], Kind.POD, grace_seconds=0)

    await lose_pod(1)
    await lose_pod(2)
    done = await here.ended("root")
    row = rows(done)["work"]
    assert (done["status"]["phase"], row["phase"], row["reason"], row["attempt"]) == (
        "Failed",
        "Failed",
        "PodDeleted",
        2,
    )
    assert row["failures"] == 0, "none of it is the task's own fault"


async def test_o16_a_retry_for_infrastructure_costs_none_of_the_retry_policy(here: Lab) -> None:
    script = "echo x >> @DIR@/tries; case $(wc -l < @DIR@/tries) in 1) sleep 60;; 2) exit 1;; esac"
    spec = f"tasks: [{{name: work, script: '{script}', retryPolicy: {{limit: 1, intervalSeconds: 0}}}}]"
    await here.apply(definition(spec), job_run("root"))
    await here.true(lambda: here.written("tries"))
    [pod] = await here.pods("root")
    await here.delete(pod["metadata"]["name"], Kind.POD, grace_seconds=0)
    done = await here.ended("root")
    row = rows(done)["work"]
    assert (done["status"]["phase"], row["attempt"], row["infraRetries"], row["failures"]) == ("Succeeded", 3, 1, 1)


async def test_o17_the_error_of_a_child_is_told_with_its_context_after_its_pod_is_gone(here: Lab) -> None:
    spec = """
    podRetention: Never
    tasks: [{name: work, run: {definitionRef: {name: child}}, parallel: {items: [good, bad]}}]
    definitions:
      - name: child
        params: [{name: WHAT}]
        tasks: [{name: check, script: 'test $WHAT = good || { echo "Invalid data received: $WHAT" >&2; exit 4; }'}]
    """
    await here.apply(definition(spec), job_run("root"))
    root = await here.ended("root")

    def no_pods() -> bool:
        return not here.cluster.store.list(Kind.POD).items

    await here.true(no_pods, "podRetention: Never")
    [child] = [one for one in await here.children("root") if one["status"]["phase"] == "Failed"]
    row = rows(child)["check"]
    assert (row["reason"], row["exitCode"]) == ("ExitCode", 4)
    assert "Invalid data received: bad" in row["message"]
    assert rows(root)["work"]["exitCode"] == 4
    assert rows(root)["work"]["items"]["failedIndexes"] == "1"
    assert "work" in root["status"]["message"]


def test_o18_no_children_is_a_skip_and_the_run_succeeds(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - {name: plan, script: 'true', output: NOTHING}
          - {name: work, script: 'echo x >> @DIR@/ran', parallel: {itemsFrom: "{{ outputs.NOTHING }}"}, onSucceeded: then, output: R}
          - {name: also, script: 'exit 1', parallel: {items: []}}
          - {name: then, script: 'echo "$R"', output: TOLD}
          - {name: after, dependsOn: [work, also], script: 'true'}
        """)
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert {result.rows[name]["reason"] for name in ("work", "also")} == {"NoItems"}
    assert result.phases == {
        "plan": "Succeeded",
        "work": "Skipped",
        "also": "Skipped",
        "then": "Succeeded",
        "after": "Succeeded",
    }
    assert json.loads(result.outputs["TOLD"]) == {
        "summary": {"total": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0},
        "results": [],
        "outputs": [],
    }
    assert result.children == []


async def test_o20_200_children_that_end_together_are_counted_exactly_with_one_final_status(here: Lab) -> None:
    spec = """
    tasks: [{name: work, run: {definitionRef: {name: child}}, parallel: {itemsFrom: "{{ params.ALL }}", maxConcurrent: 200}}]
    params: [{name: ALL}]
    definitions: [{name: child, params: [{name: WHAT}], tasks: [{name: nothing}]}]
    """
    items = json.dumps([f"i{number}" for number in range(200)])
    await here.apply(definition(spec), job_run("root", spec=f"params: {{ALL: '{items}'}}"))
    root = await here.ended("root")
    counts = rows(root)["work"]["items"]
    assert (counts["total"], counts["succeeded"], counts["completedIndexes"]) == (200, 200, "0-199")
    assert [counts[name] for name in ("pending", "running", "failed", "cancelled", "skipped")] == [0] * 5
    assert {child["status"]["phase"] for child in await here.children("root")} == {"Succeeded"}
    await asyncio.sleep(0.3)
    final = [one for one in here.history(Kind.JOB_RUN, "root") if ended(one)]
    assert len(final) == 1
    assert (await here.get("root"))["metadata"]["resourceVersion"] == root["metadata"]["resourceVersion"]


async def test_o21_deleting_the_root_takes_everything_that_it_owned(here: Lab) -> None:
    spec = f"""
    tasks:
      - {{name: big, script: 'head -c 50000 /dev/zero | tr "\\0" x', output: BIG}}
      - {{name: kept, script: 'echo x > file', artifacts: {{paths: [file]}}}}
      - {{name: down, run: {{definitionRef: {{name: child}}}}}}
    definitions:
      - name: child
        tasks: [{{name: down, run: {{definitionRef: {{name: leaf}}}}}}]
      - name: leaf
        tasks: [{{name: one, script: '{meet(1)}; sleep 600'}}]
    """
    await here.apply(definition(spec), job_run("root"))
    await here.until(
        "root", lambda run: "status" in run and phases(run).get("big") == phases(run).get("kept") == "Succeeded"
    )
    await here.true(lambda: list(here.shared.glob("met-*")))
    kinds = (Kind.JOB_RUN, Kind.POD, Kind.CONFIG_MAP, Kind.CLAIM)
    for kind in kinds:
        assert await here.objects(kind), kind
    await here.delete("root")

    def gone() -> bool:
        return not any(here.cluster.store.list(kind).items for kind in kinds)

    await here.true(gone, "something is left")
    with pytest.raises(NotFound):
        await here.get("root")
