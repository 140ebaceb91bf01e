"""Rows D1 to D15 and D17 to D20: parallel items (seed 002)."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.port import Kind, Manifest
from brood.controller.config import Config
from tests.local.acceptance.command import Command, Result
from tests.local.acceptance.lab import Lab, lab, most_active
from tests.local.acceptance.manifests import condition, definition, ended, job_run, rows, wait_for

SAY = """
definitions:
  - name: say
    params: [{name: WHAT}]
    tasks: [{name: one, script: 'echo "<$WHAT>"', output: SAID}]
"""


def said(result: Result, task: str = "work") -> list[str]:
    return [child["status"]["outputs"]["SAID"] for child in result.children_of(task)]


def over(items_from: str, more: str = "") -> str:
    """Return a task over items that an expression gives."""
    return f"- {{name: work, run: {{definitionRef: {{name: say}}}}, parallel: {{itemsFrom: '{items_from}'{more}}}, output: R}}"


def test_d1_three_static_items_are_three_children_with_a_param_each(run: Command) -> None:
    result = run(
        definition(
            "tasks: [{name: work, run: {definitionRef: {name: say}}, parallel: {items: [item1, item2, item3]}}]", SAY
        )
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert [child["spec"]["params"] for child in result.children] == [{"WHAT": f"item{number}"} for number in (1, 2, 3)]
    assert said(result) == ["<item1>", "<item2>", "<item3>"]
    assert result.rows["work"]["items"]["completedIndexes"] == "0-2"


def test_d2_a_local_definition_is_called_by_name_also_twice(run: Command) -> None:
    result = run(
        definition(
            """
            tasks:
              - {name: work, run: {definitionRef: {name: say}}, parallel: {items: [a]}}
              - {name: again, run: {definitionRef: {name: say}, params: {WHAT: b}}}
            """,
            SAY,
        )
        + definition("tasks: [{name: one, script: 'echo outer', output: SAID}]", name="say")
        + job_run("r")
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert said(result) == ["<a>"], "the local one first"
    assert said(result, "again") == ["<b>"]


def test_d2_two_local_definitions_of_one_name_are_refused(run: Command) -> None:
    twice = definition("tasks: [{name: a}]", SAY.rstrip() + "\n  - {name: say, tasks: [{name: x}]}")
    result = run(twice)
    assert (result.code, result.lines) == (2, [])
    assert "say" in result.stderr


def test_d3_items_come_from_an_output_or_a_param_in_every_text_form(run: Command) -> None:
    forms = {
        "array": ('echo "[\\"server 1\\", \\"server2\\"]"', ["<server 1>", "<server2>"]),
        "lines": ('mkdir -p d; touch "d/a b.csv" d/c.csv; find d -name "*.csv" | sort', ["<d/a b.csv>", "<d/c.csv>"]),
        "words": ('echo "db1 db2  db3"', ["<db1>", "<db2>", "<db3>"]),
        "object": ('echo "{\\"WHAT\\": \\"one object\\"}"', ["<one object>"]),
        "blanks": ('printf "  a b  \\n\\n\\r\\n c\\r\\n"', ["<a b>", "<c>"]),
    }
    tasks = "params: [{name: SOURCES, default: '[\"p 1\", 2]'}, {name: LISTED, default: x y}]\ntasks:\n"
    for name, (script, _) in forms.items():
        tasks += f"  - {{name: list-{name}, script: '{script}', output: {name.upper()}}}\n"
        tasks += f"  {over(f'{{{{ outputs.{name.upper()} }}}}').replace('work', name).replace(', output: R', '')}\n"
    for name in ("SOURCES", "LISTED"):
        tasks += f"  {over(f'{{{{ params.{name} }}}}').replace('work', f'params-{name.lower()}').replace(', output: R', '')}\n"
    result = run(definition(tasks, SAY))
    assert result.code == 0, result.stderr
    for name, (_, expected) in forms.items():
        assert said(result, name) == expected, name
    assert said(result, "params-sources") == ["<p 1>", "<2>"]
    assert said(result, "params-listed") == ["<x>", "<y>"]


@pytest.mark.parametrize(
    ("more", "limit", "items"), [(", maxConcurrent: 3", 3, 12), ("", 8, 20), (", maxConcurrent: 1", 1, 6)]
)
async def test_d4_there_are_never_more_live_children_than_maxconcurrent(
    here: Lab, more: str, limit: int, items: int
) -> None:
    listed = json.dumps([f"i{number}" for number in range(items)])
    script = "definitions: [{name: say, params: [{name: WHAT}], tasks: [{name: a, script: 'echo $WHAT >> @DIR@/order; sleep 0.02'}]}]"
    spec = f"params: [{{name: ALL, default: '{listed}'}}]\ntasks: [{over('{{ params.ALL }}', more)[2:]}]\n{script}"
    await here.apply(definition(spec), job_run("root"))
    root = await here.ended("root")
    assert root["status"]["phase"] == "Succeeded"
    await asyncio.sleep(0.1)
    children = [one for one in here.seen if one.kind is Kind.JOB_RUN and "parentRef" in one.object["spec"]]
    assert most_active(children, lambda child: not ended(child)) == limit, "the limit is used, and kept at every event"
    assert len(here.written("order")) == items
    if limit == 1:
        assert here.written("order") == [f"i{number}" for number in range(items)]
        made = await here.children("root")
        for before, after in pairwise(made):
            assert before["status"]["completionTime"] <= after["metadata"]["creationTimestamp"]


HOSTILE = [
    "two words",
    'a"; touch x; "',
    "$(touch x)",
    "`touch x`",
    "'; touch x; '",
    "ünïcödé ☃ 😀 \u202e",
    "line one\nline two\n\n",
    "{{ params.WHAT }} {% raw %} {# x #}",
    "$HOME $$ $(PATH) $$(PATH) ${WHAT} \\n \\\\ %s",
    "-n --help * ~ \t\r\x01\x7f",
    "é\n" * 34_000,
    "",
]
TAKE = """
D="@DIR@/$WHERE-$BROOD_INDEX"; mkdir "$D"
printf %s "$1" > "$D/first"
printf %s "${WHAT-unset}" > "$D/env"
printf %s "$MINE" > "$D/mine"
cat "$BROOD_INPUTS/WHAT" > "$D/file"
cat "$BROOD_PARAMS" > "$D/params"
cat "$BROOD_INPUTS/WHAT"
find . > "$D/here"
"""
TAKE_ITEM = """
D="@DIR@/pod-$BROOD_INDEX"; mkdir "$D"
printf %s "$1" > "$D/first"
printf %s "${BROOD_ITEM-unset}" > "$D/env"
printf %s "$MINE" > "$D/mine"
cat "$BROOD_INPUTS/BROOD_ITEM" > "$D/file"
find . > "$D/here"
"""
COMMAND = 'mkdir "$0"; printf %s "$1" > "$0/first"; printf %s "$MINE" > "$0/mine"; find . > "$0/here"'


def hostile_definition() -> str:
    """Return a definition that sends each value every way: items, params of children, scripts, env, commands and arguments."""
    every = {"items": HOSTILE}
    mine = [{"name": "MINE", "value": "{{ params.WHAT }}"}]
    call = {"definitionRef": {"name": "take"}}
    tasks: list[dict[str, Any]] = [
        {"name": "child", "run": call, "parallel": every, "output": "ALL"},
        {"name": "named", "run": call | {"params": {"WHAT": "{{ item }}", "WHERE": "named"}}, "parallel": every},
        {"name": "pod", "script": TAKE_ITEM, "parallel": every},
        {"name": "read", "script": 'cat "$BROOD_INPUTS/ALL" > @DIR@/all', "dependsOn": ["child"]},
    ]
    for at in range(len(HOSTILE)):
        value = f"{{{{ params.V{at} }}}}"
        command = ["/bin/sh", "-c", COMMAND, f"@DIR@/command-{at}", value]
        container = {"image": "alpine", "command": command, "env": [{"name": "MINE", "value": value}]}
        tasks.append({"name": f"command-{at}", "container": container})
    take = {
        "name": "take",
        "params": [{"name": "WHAT"}, {"name": "WHERE", "default": "child"}],
        "tasks": [{"name": "one", "script": TAKE, "env": mine, "output": "SAID"}],
    }
    params = [{"name": f"V{at}", "default": value} for at, value in enumerate(HOSTILE)]
    spec = {"maxActiveTasks": 4, "params": params, "tasks": tasks, "definitions": [take]}
    return json.dumps(
        {"apiVersion": "brood.dev/v1alpha1", "kind": "JobDefinition", "metadata": {"name": "main"}, "spec": spec}
    )


def test_d5_hostile_items_arrive_byte_exact_every_way_and_execute_nothing(run: Command) -> None:
    result = run(hostile_definition())
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    for at, value in enumerate(HOSTILE):
        for way in ("child", "named", "pod", "command"):
            got = {file.name: file.read_bytes().decode() for file in (run.shared / f"{way}-{at}").iterdir()}
            assert got.pop("here") == ".\n", "nothing was executed"
            assert got.pop("first") == value, (way, value[:80])
            if way != "pod":
                assert got.pop("mine") == value, (way, value[:80])
            if way in ("child", "named"):
                assert json.loads(got.pop("params")) == {"WHAT": value, "WHERE": way}
            if way != "command":
                assert got.pop("file") == value
                assert got.pop("env") == (value if len(value.encode()) <= 32 * 1024 else "unset"), (way, value[:80])
    aggregate = (run.shared / "all").read_bytes().decode()
    assert aggregate == result.outputs["ALL"]
    assert [one["parameters"] for one in json.loads(aggregate)["results"]] == HOSTILE
    assert json.loads(aggregate)["outputs"] == [{"SAID": value.rstrip("\n")} for value in HOSTILE]


def test_d6_item_is_available_in_params_mixed_with_constants(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - name: strings
            run:
              definitionRef: {name: c}
              params: {FILE: "{{ item }}", PATHNAME: "/backups/{{ item }}/{{ index }}", DAYS: 30, KIND: gzip}
            parallel: {items: [db1, 42, "two words"]}
          - name: objects
            run: {definitionRef: {name: c}, params: {FILE: "{{ item.region }}", PATHNAME: "{{ item.count }}", DAYS: "{{ index }}"}}
            parallel: {items: [{region: eu, count: 7}, {region: us, count: 8}]}
        definitions:
          - name: c
            params: [{name: FILE}, {name: PATHNAME}, {name: DAYS}, {name: KIND, default: none}]
            tasks: [{name: one, script: 'echo "$1 $PATHNAME $DAYS $KIND"', output: SAID}]
        """)
    )
    assert result.code == 0, result.stderr
    assert said(result, "strings") == [
        "db1 /backups/db1/0 30 gzip",
        "42 /backups/42/1 30 gzip",
        "two words /backups/two words/2 30 gzip",
    ]
    assert said(result, "objects") == ["eu 7 0 none", "us 8 1 none"]


@pytest.mark.parametrize(
    "task",
    [
        "{name: work, script: 'true', parallel: {items: [a]}, env: [{name: X, value: '{{ item }}'}]}",
        "{name: work, run: {definitionRef: {name: say}}, parallel: {items: [a]}, when: '{{ item }}'}",
        "{name: work, run: {definitionRef: {name: say}, params: {WHAT: '{{ item }}'}}}",
        "{name: work, container: {image: a, command: [echo, '{{ item }}']}, parallel: {items: [a]}}",
    ],
)
def test_d6_item_anywhere_else_is_a_clear_error(run: Command, task: str) -> None:
    result = run(definition(f"tasks: [{task}]", SAY))
    assert (result.code, result.lines) == (2, [])
    assert "item" in result.stderr
    assert "tasks[0]" in result.stderr
    assert "params" in result.stderr, "says where it is available"


def test_d6_an_item_without_the_key_fails_the_task_naming_it(run: Command) -> None:
    task = "{name: work, run: {definitionRef: {name: say}, params: {WHAT: '{{ item.region }}'}}, parallel: {items: [{other: x}]}}"
    result = run(definition(f"tasks: [{task}]", SAY))
    assert result.code == 1
    assert (result.rows["work"]["phase"], result.rows["work"]["reason"]) == ("Failed", "TemplateError")
    assert "region" in result.rows["work"]["message"]
    assert result.children == []


def test_d7_objects_override_params_and_items_may_be_mixed(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - name: mixed
            run: {definitionRef: {name: deploy}}
            output: MIXED
            parallel:
              items:
                - simple-string
                - {REGION: eu-west-1, VERSION: v2}
                - {VERSION: v3}
                - 42
                - [array, of, {b: 1, a: 1.5}]
                - {REGION: true, VERSION: null}
          - {name: odd, run: {definitionRef: {name: deploy}}, parallel: {items: [{REGIO: x}]}}
        definitions:
          - name: deploy
            params: [{name: REGION, default: us}, {name: VERSION, default: latest}]
            tasks: [{name: one, script: 'echo "$REGION|$VERSION|$1"', output: SAID}]
        """)
    )
    assert said(result, "mixed") == [
        "simple-string|latest|simple-string",
        "eu-west-1|v2|eu-west-1",
        "us|v3|us",
        "42|latest|42",
        '["array","of",{"b":1,"a":1.5}]|latest|["array","of",{"b":1,"a":1.5}]',
        "true|null|true",
    ]
    assert [one["parameters"] for one in json.loads(result.outputs["MIXED"])["results"]] == [
        "simple-string", {"REGION": "eu-west-1", "VERSION": "v2"}, {"VERSION": "v3"}, "42", '["array","of",{"b":1,"a":1.5}]',
        {"REGION": "true", "VERSION": "null"},
    ]  # fmt: skip
    assert (result.code, result.phases["odd"]) == (1, "Failed")
    [bad] = result.children_of("odd")
    assert condition(bad, "Succeeded")["reason"] == "InvalidParams"
    assert "REGIO" in condition(bad, "Succeeded")["message"]


CALCULATE = """
definitions:
  - name: calculate
    params: [{name: NUMBER}]
    tasks: [{name: one, script: '[ $NUMBER != 10 ] || sleep 0.5; echo $((NUMBER * NUMBER))', output: CALC_RESULT}]
"""
PAGE = {
    "summary": {"total": 3, "succeeded": 3, "failed": 0, "cancelled": 0, "skipped": 0},
    "results": [
        {"parameters": "10", "status": "success", "output": {"CALC_RESULT": "100"}},
        {"parameters": "20", "status": "success", "output": {"CALC_RESULT": "400"}},
        {"parameters": "30", "status": "success", "output": {"CALC_RESULT": "900"}},
    ],
    "outputs": [{"CALC_RESULT": "100"}, {"CALC_RESULT": "400"}, {"CALC_RESULT": "900"}],
}


def test_d8_d9_d10_the_aggregate_is_that_of_the_page_in_item_order_for_templates_and_scripts(run: Command) -> None:
    result = run(
        definition(
            """
            tasks:
              - {name: work, run: {definitionRef: {name: calculate}}, parallel: {items: ["10", "20", "30"]}, output: RESULTS}
              - name: use
                env:
                  - {name: FIRST, value: "{{ outputs.RESULTS.outputs[0].CALC_RESULT }}"}
                  - {name: COUNTS, value: "{{ outputs.RESULTS.summary.total }}/{{ outputs.RESULTS.summary.failed }}"}
                  - {name: WHOLE, value: "{{ outputs.RESULTS }}"}
                script: |
                  echo "$FIRST $COUNTS"
                  printf %s "$RESULTS" > @DIR@/environment
                  printf %s "$WHOLE" > @DIR@/template
                  cat "$BROOD_INPUTS/RESULTS" > @DIR@/file
                output: USED
              - {name: beyond, env: [{name: X, value: "{{ outputs.RESULTS.outputs[3].CALC_RESULT }}"}], script: 'true'}
            """,
            CALCULATE,
        )
    )
    assert result.code == 1
    assert result.phases == {"work": "Succeeded", "use": "Succeeded", "beyond": "Failed"}
    assert json.loads(result.outputs["RESULTS"]) == PAGE
    assert list(json.loads(result.outputs["RESULTS"])) == ["summary", "results", "outputs"]
    assert result.outputs["USED"] == "100 3/0"
    for way in ("environment", "template", "file"):
        assert (run.shared / way).read_text() == result.outputs["RESULTS"], way
    beyond = result.rows["beyond"]
    assert (beyond["reason"], "outputs[3]" in beyond["message"]) == ("TemplateError", True), beyond["message"]


def test_d10_a_script_gets_the_bytes_of_an_output_newlines_and_quotes_included(run: Command) -> None:
    text = '{"a": "two\\nlines \\" $(touch x) `touch y`",\n  "b": [1, 2]}'
    file = run.shared / "source"
    file.write_text(text + "\n\n")
    result = run(
        definition("""
        tasks:
          - {name: make, script: 'cat @DIR@/source', output: RESULTS}
          - name: use
            dependsOn: [make]
            script: |
              printf %s "$RESULTS" > @DIR@/got
              printf '%s\\n' "$RESULTS" | python3 -c 'import json, sys; print(json.load(sys.stdin)["b"][1])'
              ls -A
            output: TWO
          - {name: walk, script: 'echo "$B"', env: [{name: B, value: "{{ outputs.RESULTS.b[0] }}"}], output: ONE}
        """)
    )
    assert result.code == 0, result.stderr
    assert (run.shared / "got").read_text() == text
    assert result.outputs == {"RESULTS": text, "TWO": "2", "ONE": "1"}


def test_d11_the_outputs_of_a_stage_are_the_items_of_the_next(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - name: validate
            run: {definitionRef: {name: validator}}
            parallel: {items: [a.csv, "b c.csv", bad.csv]}
            continueOn: {failure: true}
            output: VALID
          - name: process
            run: {definitionRef: {name: processor}}
            parallel: {itemsFrom: "{{ outputs.VALID.outputs }}", maxConcurrent: 5}
            when: "{{ outputs.VALID.summary.succeeded | matches('^[1-9][0-9]*$') }}"
            output: DONE
          - name: report
            script: echo "$TOTAL $PROCESSED"
            env:
              - {name: TOTAL, value: "{{ outputs.VALID.summary.total }}"}
              - {name: PROCESSED, value: "{{ outputs.DONE.summary.succeeded }}"}
            output: REPORT
        definitions:
          - name: validator
            params: [{name: FILE}]
            tasks:
              - {name: structure, script: 'test "$1" != bad.csv; echo true', output: IS_VALID}
              - {name: move, dependsOn: [structure], script: 'echo "staged/$1"', output: STAGED_FILE}
          - name: processor
            params: [{name: STAGED_FILE}]
            tasks: [{name: one, script: 'echo "${STAGED_FILE%.csv}.parquet"', output: SAID}]
        """)
    )
    assert (result.code, result.phase) == (0, "PartiallySucceeded"), result.stderr
    assert said(result, "process") == ["staged/a.parquet", "staged/b c.parquet"]
    assert result.outputs["REPORT"] == "3 2"


FIVE = """
definitions:
  - name: might-fail
    params: [{name: CODE}]
    tasks: [{name: one, script: 'echo "ran $CODE" >> @DIR@/ran; echo "out $CODE"; exit "${CODE%-*}"', output: SAID}]
"""


def test_d12_failed_items_are_in_results_only_and_dependents_run_with_continueon(run: Command) -> None:
    result = run(
        definition(
            """
            tasks:
              - name: work
                run: {definitionRef: {name: might-fail}}
                parallel: {items: [0-a, 1-b, 0-c, 2-d, 0-e]}
                continueOn: {failure: true}
                output: RESULTS
              - {name: after, dependsOn: [work], script: 'true'}
            """,
            FIVE,
        )
    )
    assert (result.code, result.phase) == (0, "PartiallySucceeded"), result.stderr
    aggregate = json.loads(result.outputs["RESULTS"])
    assert aggregate["summary"] == {"total": 5, "succeeded": 3, "failed": 2, "cancelled": 0, "skipped": 0}
    assert [one["SAID"] for one in aggregate["outputs"]] == ["out 0-a", "out 0-c", "out 0-e"]
    assert [one["status"] for one in aggregate["results"]] == ["success", "failed", "success", "failed", "success"]
    assert aggregate["results"][1]["output"] == {"SAID": "out 1-b"}, "what it had"
    assert result.phases == {"work": "Failed", "after": "Succeeded"}
    assert "exitCode" not in result.rows["work"], "1 and 2 differ"


def test_d13_without_continueon_dependents_do_not_run_and_all_items_end(run: Command) -> None:
    result = run(
        definition(
            """
            tasks:
              - name: work
                run: {definitionRef: {name: might-fail}}
                parallel: {items: [3-a, 0-b, 3-c, 0-d], maxConcurrent: 1}
              - {name: after, dependsOn: [work], script: 'echo after >> @DIR@/ran'}
            """,
            FIVE,
        )
    )
    assert (result.code, result.phase) == (1, "Failed")
    assert result.phases == {"work": "Failed", "after": "Skipped"}
    assert result.written("ran") == ["ran 3-a", "ran 0-b", "ran 3-c", "ran 0-d"]
    row = result.rows["work"]
    assert (row["items"]["succeeded"], row["items"]["failed"], row["exitCode"]) == (2, 2, 3)


RETRIES = """
tasks:
  - name: work
    run: {definitionRef: {name: flaky}}
    parallel: {items: [good, twice, wrong, never, slot], maxConcurrent: 1}
    retryPolicy: {limit: 2, intervalSeconds: 1, exitCodes: [1, 255]}
    output: R
definitions:
  - name: flaky
    params: [{name: WHAT}]
    tasks:
      - name: one
        script: |
          echo "$WHAT" >> @DIR@/bodies
          case $WHAT in
            wrong) exit 7 ;;
            never) exit 1 ;;
            twice) [ $(grep -c twice @DIR@/bodies) -ge 2 ] || exit 255 ;;
          esac
"""


def test_d14_only_failed_items_run_again_for_listed_codes_and_the_slot_is_free_meanwhile(run: Command) -> None:
    result = run(definition(RETRIES))
    assert (result.code, result.phase) == (1, "Failed")
    bodies = result.written("bodies")
    assert {name: bodies.count(name) for name in bodies} == {"good": 1, "twice": 2, "wrong": 1, "never": 3, "slot": 1}
    assert bodies.index("slot") < len(bodies) - 1 - bodies[::-1].index("never"), (
        "others ran while it waited for its retry"
    )
    assert bodies[:3] == ["good", "twice", "wrong"], "the retry of the second waited, and held no slot"
    items = result.rows["work"]["items"]
    assert (items["total"], items["succeeded"], items["failed"]) == (5, 3, 2), "of items, not of children"
    assert items["failedIndexes"] == "2-3"
    assert len(result.children) == 8
    attempts = sorted(
        child["metadata"]["labels"]["brood.dev/attempt"]
        for child in result.children_of("work")
        if child["spec"]["parentRef"]["index"] == 3
    )
    assert attempts == ["1", "2", "3"]


def test_d14_a_step_is_tried_again_for_listed_codes_only(run: Command) -> None:
    policy = "retryPolicy: {limit: 2, intervalSeconds: 0, exitCodes: [1, 255]}"
    result = run(
        definition(f"""
        tasks:
          - {{name: listed, script: 'echo x >> @DIR@/listed; exit 255', {policy}}}
          - {{name: other, script: 'echo x >> @DIR@/other; exit 3', {policy}}}
        """)
    )
    assert result.code == 1
    assert (len(result.written("listed")), len(result.written("other"))) == (3, 1)
    assert [(result.rows[name]["attempt"], result.rows[name]["exitCode"]) for name in ("listed", "other")] == [
        (3, 255),
        (1, 3),
    ]


def test_d15_a_condition_on_an_earlier_output_decides(run: Command) -> None:
    when = "when: \"{{ outputs.%s.summary.succeeded | matches('^[1-9][0-9]*$') }}\""
    ten = ", ".join(f"0-{number}" for number in range(10))
    result = run(
        definition(
            f"""
            tasks:
              - name: none
                run: {{definitionRef: {{name: might-fail}}}}
                parallel: {{items: [1-x]}}
                output: NONE
                continueOn: {{failure: true}}
              - {{name: ten, run: {{definitionRef: {{name: might-fail}}}}, parallel: {{items: [{ten}]}}, output: TEN}}
              - {{name: on-none, {when % "NONE"}, script: 'true'}}
              - {{name: on-ten, {when % "TEN"}, script: 'true'}}
            """,
            FIVE,
        )
    )
    assert result.code == 0, result.stderr
    assert (result.phases["on-none"], result.rows["on-none"]["reason"]) == ("Skipped", "ConditionNotMet")
    assert result.phases["on-ten"] == "Succeeded"


NOTHING = "definitions: [{name: say, params: [{name: WHAT}], tasks: [{name: nothing}]}]"


def many(count: int, more: str = "") -> str:
    items = json.dumps([f"i{number}" for number in range(count)])
    return definition(
        f"params: [{{name: ALL, default: '{items}'}}]\ntasks: [{over('{{ params.ALL }}', more)[2:]}]\n{NOTHING}"
    )


def test_d17_a_thousand_items_work(run: Command) -> None:
    result = run(many(1000, ", maxConcurrent: 100"))
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert result.rows["work"]["items"]["completedIndexes"] == "0-999"
    assert len(result.children) == 1000
    assert json.loads(result.outputs["R"])["summary"]["succeeded"] == 1000
    assert len(json.dumps(result.run)) < 16_000, "the parent does not grow with its items"


def test_d17_one_more_fails_with_the_words_of_the_page_and_makes_no_child(run: Command) -> None:
    result = run(
        many(1001)
        + many(1001, ", maxConcurrent: 200, maxItems: 10000").replace("main", "larger")
        + job_run("r")
        + job_run("s", "larger")
    )
    assert result.code == 1
    bad, good = (line["run"] for line in result.lines)
    row = rows(bad)["work"]
    assert (row["phase"], row["reason"]) == ("Failed", "TooManyItems")
    assert row["message"] == "parallel execution exceeds maximum limit: 1001 items (max: 1000)"
    assert result.lines[0]["children"] == []
    assert good["status"]["phase"] == "Succeeded"
    assert rows(good)["work"]["items"]["succeeded"] == 1001


def test_d18_identical_items_run_once(run: Command) -> None:
    items = '["a", "b", "a", {"WHAT": "b"}, 7, "7", "c"]'
    result = run(
        definition(f"tasks: [{over('{{ params.ALL }}')[2:]}]\nparams: [{{name: ALL, default: '{items}'}}]", SAY)
    )
    assert result.code == 0, result.stderr
    assert said(result) == ["<a>", "<b>", "<7>", "<c>"]
    aggregate = json.loads(result.outputs["R"])
    assert aggregate["summary"]["total"] == 4
    assert [one["parameters"] for one in aggregate["results"]] == ["a", "b", "7", "c"]
    assert result.rows["work"]["items"]["completedIndexes"] == "0-1,4,6", "dropped ones leave a gap"


NESTED = """
tasks:
  - {name: regions, run: {definitionRef: {name: region}}, parallel: {items: [us, eu, ap]}, output: ALL}
definitions:
  - name: region
    params: [{name: REGION}]
    tasks:
      - {name: instances, script: 'echo "$REGION-1 $REGION-2"', output: INSTANCES}
      - name: work
        run: {definitionRef: {name: instance}}
        parallel: {itemsFrom: "{{ outputs.INSTANCES }}"}
        output: DONE
  - name: instance
    params: [{name: ID}]
    tasks: [{name: one, script: 'echo "did $ID"; sleep 0.05', output: SAID}]
"""


def test_d19_a_child_may_have_items_of_its_own(run: Command) -> None:
    result = run(definition(NESTED))
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert len(result.children) == 3 + 6
    regions = json.loads(result.outputs["ALL"])["outputs"]
    assert [[one["SAID"] for one in json.loads(region["DONE"])["outputs"]] for region in regions] == [
        ["did us-1", "did us-2"], ["did eu-1", "did eu-2"], ["did ap-1", "did ap-2"],
    ]  # fmt: skip


def is_live(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


async def test_d19_the_limit_of_the_namespace_caps_the_product(tmp_path: Path) -> None:
    async with lab(tmp_path, Config(max_pods=2)) as here:
        await here.apply(definition(NESTED.replace("sleep 0.05", wait_for("go"))), job_run("root"))

        def waits() -> set[str]:
            return {one["status"].get("message", "") for one in here.history(Kind.JOB_RUN) if "status" in one}

        await here.true(lambda: any("NamespaceLimit" in one for one in waits()), "does not say why it waits")
        here.touch("go")
        root = await here.ended("root")
        assert root["status"]["phase"] == "Succeeded"
        await asyncio.sleep(0.1)
        assert most_active([one for one in here.seen if one.kind is Kind.POD], is_live) == 2


def test_d20_a_child_without_output_is_an_empty_object(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - {name: work, run: {definitionRef: {name: quiet}}, parallel: {items: [a, b]}, output: R}
          - {name: pods, script: 'true', parallel: {items: [a]}, output: S}
          - {name: single, run: {definitionRef: {name: quiet}, params: {WHAT: x}}, output: T}
        definitions: [{name: quiet, params: [{name: WHAT}], tasks: [{name: one, script: 'echo not captured'}]}]
        """)
    )
    assert result.code == 0, result.stderr
    assert [one["output"] for one in json.loads(result.outputs["R"])["results"]] == [{}, {}]
    assert json.loads(result.outputs["R"])["outputs"] == [{}, {}]
    assert json.loads(result.outputs["S"])["outputs"] == [{"S": ""}]
    assert result.outputs["T"] == "{}"
