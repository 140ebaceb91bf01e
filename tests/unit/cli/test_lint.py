"""`brood lint`: each piece of advice, where it must not be given, its place, and the forms in which findings are printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from brood.cli.findings import Finding, Severity
from brood.cli.lint import Report, as_json, as_text, lint
from brood.cli.sarif import RULES, as_sarif

PINNED = {"image": "alpine:3.20", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}
Task = dict[str, Any]


def script(name: str, text: str = "true", **more: Any) -> Task:
    return {"name": name, "script": text, **more}


def linted(tmp_path: Path, tasks: list[Task], **spec: Any) -> list[Finding]:
    manifest = {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobDefinition",
        "metadata": {"name": "d"},
        "spec": {"taskDefaults": {"container": PINNED}, "tasks": tasks, **spec},
    }
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps(manifest, indent=1))
    return list(lint([str(file)]).findings)


def brief(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.rule, one.field) for one in findings]


# --- Scripts ---


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("echo {{ params.URL }}", 'use "$URL"'),
        ("echo {{outputs.MADE}}", 'use "$MADE"'),
        ("""echo {{ tasks["first"].output }}""", 'use "$MADE"'),
        ("echo {{ tasks['first'].outputs.SIZE }}", 'use "$SIZE"'),
        ("echo {{ run.name }}", 'use "$BROOD_RUN"'),
        ("echo {{ item }}", 'use "$BROOD_ITEM"'),
        ("echo {{ tasks['first'].artifacts[0].url }}", "env: [{name: VALUE"),
    ],
)
def test_a_template_in_a_script_is_told_with_the_variable_to_use(tmp_path: Path, text: str, way_out: str) -> None:
    tasks = [script("first", output="MADE"), script("then", text, dependsOn=["first"])]
    found = [one for one in linted(tmp_path, tasks) if one.rule == "template-in-script"]
    assert brief(found) == [("template-in-script", "spec.tasks[1].script")]
    assert found[0].severity is Severity.WARNING
    assert way_out in found[0].message


@pytest.mark.parametrize("text", ["docker ps --format '{{.Names}}'", "echo ${#list[@]}", "jq '{{a: 1}}'", "true"])
def test_braces_of_other_tools_are_no_templates(tmp_path: Path, text: str) -> None:
    assert linted(tmp_path, [script("a", text)]) == []


@pytest.mark.parametrize(
    "text",
    [
        'echo "$MADE"',
        "echo ${MADE}",
        "echo ${#MADE}",
        'echo "don\'t $MADE"',
        "cat <<EOF\n$MADE\nEOF",
        "cat <<'X'\n'\nX\necho $MADE",
    ],
)
def test_an_output_of_a_task_that_is_not_before_is_empty(tmp_path: Path, text: str) -> None:
    found = linted(tmp_path, [script("first", output="MADE"), script("then", text)])
    assert brief(found) == [("output-not-upstream", "spec.tasks[1].script")]
    assert "add dependsOn: [first]" in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "echo '$MADE'",
        'echo "\\$MADE"',
        "true # $MADE",
        "cat <<'EOF'\n$MADE\nEOF",
        "echo ${MADE:-none}",
        "MADE=1; echo $MADE",
        "read -r MADE; echo $MADE",
        "for MADE in 1 2; do echo $MADE; done",
        "echo $MADENESS",
    ],
)
def test_what_is_not_that_output_is_not_told(tmp_path: Path, text: str) -> None:
    assert linted(tmp_path, [script("first", output="MADE"), script("then", text)]) == []


@pytest.mark.parametrize(
    "more",
    [
        {"dependsOn": ["first"]},
        {"artifactsFrom": ["first"]},
        {"when": "{{ outputs.MADE != 'x' }}"},
        {"dependsOn": ["between"]},
        {"env": [{"name": "MADE", "value": "own"}]},
    ],
)
def test_an_output_of_a_task_before_is_there(tmp_path: Path, more: Task) -> None:
    tasks = [
        script("first", output="MADE", artifacts={"paths": ["x"]}),
        script("between", dependsOn=["first"]),
        script("then", "echo $MADE", **more),
    ]
    assert "output-not-upstream" not in [one.rule for one in linted(tmp_path, tasks)]


def test_where_the_task_comes_later_no_edge_is_advised(tmp_path: Path) -> None:
    found = linted(tmp_path, [script("first", "echo $MADE"), script("then", output="MADE", dependsOn=["first"])])
    assert "turn the order round" in found[0].message
    assert "dependsOn" not in found[0].message


def test_an_output_that_a_task_before_writes_under_the_same_name_is_there(tmp_path: Path) -> None:
    tasks = [
        script("other", output="MADE"),
        script("writes", 'echo "MADE=1" >> "$BROOD_OUTPUT"'),
        script("then", "echo $MADE", dependsOn=["writes"]),
    ]
    assert linted(tmp_path, tasks) == []


# --- Shell injection ---


@pytest.mark.parametrize(
    ("container", "field"),
    [
        ({"command": ["sh", "-c", "echo {{ params.P }}"]}, "command[2]"),
        ({"command": ["/bin/bash", "-xec"], "args": ["echo {{ params.P }}"]}, "args[0]"),
        ({"args": ["-c", "echo {{ params.P }}"]}, "args[1]"),
        ({"command": ["python3.12", "-c", "print('{{ params.P }}')"]}, "command[2]"),
        ({"command": ["sh", "-c", "{{ params.P | quote }} {{ params.P }}"]}, "command[2]"),
        ({"command": ["python3", "-c", "print({{ params.P | quote }})"]}, "command[2]"),
        ({"command": ["busybox", "sh", "-c", "{{ outputs.O }}"]}, "command[3]"),
    ],
)
def test_a_template_in_program_text_is_an_injection(tmp_path: Path, container: Task, field: str) -> None:
    tasks = [script("first", output="O"), {"name": "a", "container": container}]
    found = linted(tmp_path, tasks, params=[{"name": "P"}])
    assert ("shell-injection", f"spec.tasks[1].container.{field}") in brief(found)
    assert "run as code" in next(one.message for one in found if one.rule == "shell-injection")


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["sh", "-c", 'echo "$P"', "sh", "{{ params.P }}"]},
        {"command": ["sh", "-c", "echo {{ params.P | quote }}"]},
        {"command": ["sh", "-c", "sleep {{ params.P | int }}"]},
        {"command": ["curl", "-c", "{{ params.P }}"]},
        {"args": ["run", "-e", "X={{ params.P }}"]},
        {"args": ["{{ params.P }}"]},
    ],
)
def test_a_template_that_is_an_argument_is_none(tmp_path: Path, container: Task) -> None:
    assert linted(tmp_path, [{"name": "a", "container": container}], params=[{"name": "P"}]) == []


# --- The graph ---

ROUTER = script("router", onSucceeded="yes", onFailed="no")
BRANCHES = [ROUTER, script("yes"), script("no")]

UNREACHABLE: dict[str, tuple[list[Task], str, str]] = {
    "both branches": ([*BRANCHES, script("join", dependsOn=["yes", "no"])], "spec.tasks[3]", "only one of them fires"),
    "far behind both": (
        [*BRANCHES, script("more", dependsOn=["no"]), script("join", dependsOn=["yes", "more"])],
        "spec.tasks[4]",
        "only one of them fires",
    ),
    "after the failure of what must succeed": (
        [ROUTER, script("yes"), script("no"), script("last", dependsOn=["router", "no"])],
        "spec.tasks[3]",
        "router has",
    ),
    "a failure of a junction": ([{"name": "j", "onFailed": "x"}, script("x")], "spec.tasks[1]", "cannot fail"),
    "exit code 0 taken": (
        [script("a", onExitCode=[{"codes": [0, 1], "task": "x"}], onSucceeded="y"), script("x"), script("y")],
        "spec.tasks[2]",
        "takes code 0",
    ),
    "exit codes taken": (
        [
            script("a", onExitCode=[{"codes": [3, 4], "task": "x"}, {"codes": [4], "task": "y"}]),
            script("x"),
            script("y"),
        ],
        "spec.tasks[2]",
        "the same codes",
    ),
    "a failure that is always marked": (
        [script("a", continueOn={"failure": True, "markSuccess": True}, onFailed="x"), script("x")],
        "spec.tasks[1]",
        "markSuccess",
    ),
    "when is false": ([script("a", when="false")], "spec.tasks[0]", "when is false"),
}


@pytest.mark.parametrize("case", UNREACHABLE)
def test_a_task_that_can_never_start_is_told_once_with_the_reason(tmp_path: Path, case: str) -> None:
    tasks, path, words = UNREACHABLE[case]
    found = linted(tmp_path, [*tasks, script("behind", dependsOn=[tasks[-1]["name"]])])
    assert brief(found) == [("unreachable-task", path)]
    assert words in found[0].message


REACHABLE: dict[str, list[Task]] = {
    "a join that lets skips pass": [
        ROUTER,
        script("yes", continueOn={"skipped": True}),
        script("no", continueOn={"skipped": True}),
        script("join", dependsOn=["yes", "no"]),
    ],
    "routes of both branches": [
        ROUTER,
        script("yes", onSucceeded="join"),
        script("no", onSucceeded="join"),
        script("join"),
    ],
    "a failure let pass": [
        script("a", continueOn={"failure": True}, onFailed="x"),
        script("x"),
        script("join", dependsOn=["a", "x"]),
    ],
    "two routes to one task": [
        script("a", onSucceeded="x", onFailed="x"),
        script("x"),
        script("y", dependsOn=["a", "x"]),
    ],
    "exit codes of a child run": [
        {
            "name": "a",
            "run": {"definitionRef": {"name": "e"}},
            "onExitCode": [{"codes": [0], "task": "x"}],
            "onSucceeded": "y",
        },
        script("x"),
        script("y"),
    ],
}


@pytest.mark.parametrize("case", REACHABLE)
def test_a_task_that_may_start_is_not_told(tmp_path: Path, case: str) -> None:
    assert linted(tmp_path, REACHABLE[case]) == []


@pytest.mark.parametrize(
    ("given", "more", "field"),
    [
        ({}, {}, ""),
        ({"failure": True, "exitCodes": [3]}, {}, ".exitCodes"),
        ({"exitCodes": [0]}, {}, ".exitCodes"),
        ({"exitCodes": [3]}, {"parallel": {"items": [1], "failFast": True}}, ".exitCodes"),
        ({"skipped": True}, {}, ".skipped"),
        ({"skipped": True}, {"dependsOn": ["before"], "name": "last"}, ".skipped"),
    ],
)
def test_continue_on_without_effect(tmp_path: Path, given: Task, more: Task, field: str) -> None:
    task = {**script("a", continueOn=given), **more}
    found = linted(tmp_path, [script("before"), task, *([] if "name" in more else [script("z", dependsOn=["a"])])])
    assert brief(found) == [("continue-on-without-effect", f"spec.tasks[1].continueOn{field}")]


def test_continue_on_of_a_junction_that_cannot_fail(tmp_path: Path) -> None:
    found = linted(tmp_path, [{"name": "j", "continueOn": {"failure": True}}, script("a", dependsOn=["j"])])
    assert brief(found) == [("continue-on-without-effect", "spec.tasks[0].continueOn.failure")]


@pytest.mark.parametrize(
    "tasks",
    [
        [script("a", continueOn={"failure": True})],
        [script("a", continueOn={"exitCodes": [3]}, parallel={"items": [1]})],
        [script("a", continueOn={"skipped": True}, when="{{ run.name == 'x' }}"), script("b", dependsOn=["a"])],
        [
            script("a", continueOn={"skipped": True, "failure": True}, parallel={"items": [1]}),
            script("b", dependsOn=["a"]),
        ],
    ],
)
def test_continue_on_with_effect(tmp_path: Path, tasks: list[Task]) -> None:
    assert linted(tmp_path, tasks) == []


# --- Images and resources ---


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"container": {"image": "x:1", "comand": ["x"]}}, 'unknown field "spec.containers[0].comand"'),
        ({"container": {"command": "sh -c x"}}, "spec.containers[0].command: must be a list"),
        ({"script": "x", "podTemplate": {"spec": {"nodeSelectr": {}}}}, 'unknown field "spec.nodeSelectr"'),
        ({"script": "x", "container": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}, "Not found"),
        ({"script": "x", "container": {"resources": {"limits": {"memory": "1 GB"}}}}, "must be a quantity"),
    ],
)
def test_a_pod_that_an_api_server_refuses_is_an_error(tmp_path: Path, more: Task, words: str) -> None:
    found = linted(tmp_path, [script("a"), {"name": "b", **more}])
    assert brief(found) == [("invalid-pod", "spec.tasks[1]")]
    assert found[0].severity is Severity.ERROR
    assert "the Pod of task b is refused" in found[0].message
    assert words in found[0].message


def test_a_pod_of_a_local_definition_or_handler_is_checked_too(tmp_path: Path) -> None:
    wrong = {"script": "x", "container": {"stdin": "yes"}}
    found = linted(
        tmp_path,
        [script("a")],
        handlers={"onExit": {**wrong, "env": [{"name": "A", "value": "b"}]}},
        definitions=[{"name": "l", "tasks": [{"name": "x", **wrong}]}],
    )
    assert {field for rule, field in brief(found) if rule == "invalid-pod"} == {
        "spec.definitions[0].tasks[0]",
        "spec.handlers.onExit",
    }


def test_a_missing_image_is_told_once_for_all_tasks(tmp_path: Path) -> None:
    inner = {"name": "inner", "tasks": [script("deep")]}
    call = {"name": "call", "run": {"definitionRef": {"name": "inner"}}}
    template = {"spec": {"containers": [{"name": "main", "image": "alpine:3.20"}]}}
    tasks = [script("one"), script("two"), script("three", podTemplate=template), call]
    resources = {"container": {"resources": PINNED["resources"]}}
    found = linted(tmp_path, tasks, taskDefaults=resources, definitions=[inner])
    assert brief(found) == [("missing-image", "spec.tasks[0]")]
    assert "tasks one, two, deep:" in found[0].message
    assert found[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("alpine", True),
        ("alpine:latest", True),
        ("registry:5000/alpine", True),
        ("registry:5000/alpine:3.20", False),
        ("alpine@sha256:" + "a" * 64, False),
        ("alpine:{{ run.name }}", False),
    ],
)
def test_an_image_without_a_version_is_told_where_it_is_written(tmp_path: Path, image: str, *, told: bool) -> None:
    found = linted(tmp_path, [script("a"), script("b", container={"image": image})])
    assert brief(found) == ([("unpinned-image", "spec.tasks[1].container.image")] if told else [])
    defaults = {"container": {**PINNED, "image": image}}
    inner = {"name": "inner", "tasks": [script("deep")]}
    found = linted(tmp_path, [script("a"), script("b")], taskDefaults=defaults, definitions=[inner])
    assert brief(found) == ([("unpinned-image", "spec.taskDefaults.container.image")] if told else [])


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({}, "no request of cpu and memory in task a"),
        ({"requests": {"cpu": 1}}, "no request of memory in task a"),
        ({"limits": {"cpu": 1, "memory": "1Gi"}}, ""),
    ],
)
def test_missing_requests_are_advice(tmp_path: Path, resources: Task, words: str) -> None:
    found = linted(
        tmp_path, [script("a")], taskDefaults={"container": {"image": "alpine:3.20", "resources": resources}}
    )
    assert brief(found) == ([("missing-resources", "spec.tasks[0]")] if words else [])
    assert not words or (words in found[0].message and found[0].severity is Severity.ADVICE)


# --- What nothing uses ---

USES = {
    "a variable": [script("a", "echo $P")],
    "a program in the script": [script("a", "python3 -c 'import os; os.environ[\"P\"]'")],
    "its position": [script("a", "echo $1")],
    "all positions": [script("a", 'for one in "$@"; do echo "$one"; done')],
    "the file of params": [script("a", 'cat "$BROOD_PARAMS"')],
    "a template": [script("a", when="{{ params.P == 'x' }}")],
    "an untouched container": [{"name": "a", "container": {"command": ["env"]}}],
}


@pytest.mark.parametrize("case", USES)
def test_a_param_that_something_uses_is_not_told(tmp_path: Path, case: str) -> None:
    assert linted(tmp_path, USES[case], params=[{"name": "P"}]) == []


def test_a_param_that_nothing_uses_is_advice(tmp_path: Path) -> None:
    params = [{"name": "P"}, {"name": "K"}, {"name": "Q"}]
    inner = {"name": "inner", "params": [{"name": "P"}], "tasks": [script("deep", "echo $P")]}
    spec = {"params": params, "concurrency": {"key": "{{ params.K }}"}, "definitions": [inner]}
    found = linted(tmp_path, [script("a", "echo $PQ ${10} ${#PQ}")], **spec)
    assert brief(found) == [("unused-param", "spec.params[0]"), ("unused-param", "spec.params[2]")]


def test_an_output_that_no_later_task_uses_is_advice_a_result_is_not(tmp_path: Path) -> None:
    tasks = [script("a", output="A"), script("b", output="B", dependsOn=["a"])]
    assert brief(linted(tmp_path, tasks)) == [("unused-output", "spec.tasks[0].output")]
    tasks[1]["script"] = "echo $A"
    assert linted(tmp_path, tasks) == []
    handler = {"onExit": {"script": "echo $A"}}
    assert linted(tmp_path, [tasks[0], script("b", dependsOn=["a"])], handlers=handler) == []


# --- Places, forms, exit codes ---

TEXT = """\
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {name: d}
spec:
  params: [{name: URL}]
  taskDefaults: {container: {image: "alpine:3.20", resources: {requests: {cpu: 1, memory: 1Gi}}}}
  tasks:
    - name: a
      script: |
        echo first

        curl {{ params.URL }}
"""


def test_a_finding_in_a_script_has_the_line_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TEXT)
    report = lint([str(tmp_path / "a.yaml")])
    text = as_text(report).replace(str(tmp_path), ".")
    assert text.startswith("./a.yaml:12:1: JobDefinition d: task a: spec.tasks[0].script: a script is never templated")
    assert text.endswith("[warning: template-in-script]\n1 warning")
    [found] = json.loads(as_json(report))["findings"]
    assert (found["line"], found["rule"], found["severity"]) == (12, "template-in-script", "warning")


def found(severity: Severity, line: int = 3) -> Finding:
    return Finding("dir/a b.yaml", line, 5, "JobDefinition d", "spec", "text", "task-cycle", severity)


@pytest.mark.parametrize(
    ("findings", "readable", "codes"),
    [
        ([], True, (0, 0)),
        ([found(Severity.ADVICE)], True, (0, 0)),
        ([found(Severity.WARNING)], True, (0, 1)),
        ([found(Severity.ERROR)], True, (1, 1)),
        ([found(Severity.ERROR)], False, (2, 2)),
    ],
)
def test_exit_codes(findings: list[Finding], *, readable: bool, codes: tuple[int, int]) -> None:
    report = Report(findings, 1, readable=readable)
    assert (report.exit_code(strict=False), report.exit_code(strict=True)) == codes


def test_what_cannot_be_read_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    assert lint([str(tmp_path / "a.yaml")]).exit_code(strict=False) == 2
    assert lint([str(tmp_path / "nowhere")]).exit_code(strict=False) == 2


def test_sarif_is_what_the_standard_asks_for() -> None:
    findings = [
        found(Severity.ERROR),
        found(Severity.WARNING),
        found(Severity.ADVICE, 0),
        Finding("/x", 0, 0, "", "", "gone"),
    ]
    log = json.loads(as_sarif(findings))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"]
    assert [one["level"] for one in run["results"]] == ["error", "warning", "note", "error"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert places[0] == {"artifactLocation": {"uri": "dir/a%20b.yaml"}, "region": {"startLine": 3, "startColumn": 5}}
    assert places[2] == {"artifactLocation": {"uri": "dir/a%20b.yaml"}}
    assert places[3]["artifactLocation"]["uri"] == "file:///x"


def test_every_rule_is_in_the_list_of_rules(tmp_path: Path) -> None:
    """The rules that the tests of this file provoke, and those of the operator's own checks."""
    source = Path(__file__).parents[3] / "operator" / "brood"
    texts = [file.read_text() for room in ("cli", "cli/advice", "engine") for file in (source / room).glob("*.py")]
    assert all(any(f'"{rule}"' in text for text in texts) for rule in RULES)
    used = {one.rule for tasks, _, _ in UNREACHABLE.values() for one in linted(tmp_path, tasks)}
    assert used <= set(RULES)
    assert all(rule == rule.lower() and " " not in rule for rule in RULES)
