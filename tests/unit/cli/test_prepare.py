"""What `brood run` refuses before anything runs, and what it would create otherwise."""

from pathlib import Path
from typing import Any

import pytest

from brood.cli.findings import InputRefusedError
from brood.cli.options import RunOptions
from brood.cli.prepare import Plan, prepare

HELLO = """\
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {name: hello}
spec:
  params:
    - {name: WHO, required: true, description: whom to greet}
    - {name: TONE, default: kind, enum: [kind, rude]}
    - {name: PORT, default: 80, pattern: "[0-9]+"}
  tasks:
    - {name: greet, script: "echo hello $WHO"}
"""


def run_of(name: str, definition: str = "hello", params: str = "{WHO: world}") -> str:
    return f"""\
apiVersion: brood.dev/v1alpha1
kind: JobRun
metadata: {{name: {name}}}
spec:
  definitionRef: {{name: {definition}}}
  params: {params}
"""


def definition(name: str, tasks: str, more: str = "") -> str:
    return f"""\
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {{name: {name}}}
spec:
  {more or "description: none"}
  tasks:
{tasks}"""


def plan(tmp_path: Path, *texts: str, **options: Any) -> Plan:
    file = tmp_path / "a.yaml"
    file.write_text("---\n".join(texts))
    return prepare(RunOptions(sources=[str(file)], **options))


def refusal(tmp_path: Path, *texts: str, **options: Any) -> str:
    with pytest.raises(InputRefusedError) as caught:
        plan(tmp_path, *texts, **options)
    return str(caught.value).replace(str(tmp_path / "a.yaml"), "a.yaml")


# --- What is run ---


def test_a_file_with_only_a_definition_is_run_with_params(tmp_path: Path) -> None:
    found = plan(tmp_path, HELLO, params=["WHO=a=b", "TONE=rude"])
    [run] = found.runs
    assert run["spec"] == {"definitionRef": {"name": "hello"}, "params": {"WHO": "a=b", "TONE": "rude"}}
    assert run["metadata"]["name"].startswith("hello-")
    assert [one["metadata"]["name"] for one in found.definitions] == ["hello"]


def test_several_runs_keep_the_order_of_the_file(tmp_path: Path) -> None:
    found = plan(tmp_path, run_of("z"), HELLO, run_of("a"), run_of("m"))
    assert [run["metadata"]["name"] for run in found.runs] == ["z", "a", "m"]


def test_params_of_the_command_line_go_over_those_of_the_only_run(tmp_path: Path) -> None:
    found = plan(tmp_path, HELLO, run_of("r", params="{TONE: rude}"), params=["WHO=me"], name="other")
    assert found.runs[0]["spec"]["params"] == {"TONE": "rude", "WHO": "me"}
    assert found.runs[0]["metadata"]["name"] == "other"


def test_a_name_may_be_left_to_be_made_up(tmp_path: Path) -> None:
    found = plan(tmp_path, HELLO, run_of("x").replace("{name: x}", "{generateName: some-}"))
    assert found.runs[0]["metadata"] == {"generateName": "some-", "namespace": "default"}


def test_of_several_definitions_the_one_that_no_other_calls_is_run(tmp_path: Path) -> None:
    child = definition("child", "    - {name: x}\n")
    parent = definition("parent", "    - {name: call, run: {definitionRef: {name: child}}}\n")
    assert plan(tmp_path, child, parent).runs[0]["spec"] == {"definitionRef": {"name": "parent"}}


def test_among_several_definitions_one_is_chosen_by_name(tmp_path: Path) -> None:
    texts = (definition("a", "    - {name: x}\n"), definition("b", "    - {name: x}\n"))
    assert "choose one with --definition NAME" in refusal(tmp_path, *texts)
    assert plan(tmp_path, *texts, definition="b").runs[0]["spec"]["definitionRef"] == {"name": "b"}
    assert "there are: a, b" in refusal(tmp_path, *texts, definition="c")


def test_what_a_server_sets_is_not_taken_over(tmp_path: Path) -> None:
    text = run_of("r").replace(
        "{name: r}", "{name: r, uid: u, resourceVersion: '7', finalizers: [x/y], labels: {a: b}}"
    )
    assert plan(tmp_path, HELLO, text).runs[0]["metadata"] == {
        "name": "r",
        "namespace": "default",
        "labels": {"a": "b"},
    }


# --- Params ---


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ([], ["missing required param WHO", "whom to greet", "JobDefinition hello", "-p NAME=value"]),
        (["WHO=x", "WHOM=y"], ["unknown param WHOM", "WHO, TONE, PORT", "JobDefinition hello"]),
        (["WHO=x", "TONE=loud"], ["TONE", "'loud'", "kind, rude", "JobDefinition hello"]),
        (["WHO=x", "PORT=http"], ["PORT", "'http'", "[0-9]+", "JobDefinition hello"]),
        (["WHO"], ["'WHO' has no '='", "-p NAME=value"]),
        (["WHO=1", "WHO=2"], ["WHO is given twice"]),
        (["no=1"], ["'no' is reserved", "boolean"]),
        (["WHO=\udcff"], ["not UTF-8"]),
    ],
)
def test_bad_params_of_the_command_line_are_refused(tmp_path: Path, params: list[str], words: list[str]) -> None:
    message = refusal(tmp_path, HELLO, params=params)
    assert all(word in message for word in words), message


def test_f10_a_missing_param_of_a_run_in_the_file_is_refused_with_its_line(tmp_path: Path) -> None:
    message = refusal(tmp_path, HELLO, run_of("r", params="{TONE: kind}"))
    assert message.startswith("a.yaml:17:3: JobRun r: spec.params: missing required param WHO (whom to greet)")
    assert message.endswith("(JobDefinition hello)")


def test_one_bad_run_among_good_ones_refuses_all(tmp_path: Path) -> None:
    message = refusal(tmp_path, HELLO, run_of("good"), run_of("bad", params="{WHO: x, TONE: 7}"))
    assert "JobRun bad" in message
    assert "JobRun good" not in message


def test_a_value_that_yaml_reads_as_a_boolean_is_explained(tmp_path: Path) -> None:
    assert 'YAML reads no as a boolean: write "no"' in refusal(tmp_path, HELLO, run_of("r", params="{WHO: no}"))


def test_params_for_one_of_several_runs_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, HELLO, run_of("a"), run_of("b"), params=["WHO=x"])
    assert message == "-p: the files hold several JobRuns: a, b; set it in the one that is meant"


# --- References ---


def test_a_definition_that_is_in_none_of_the_files_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, HELLO, run_of("r", definition="helo")) == (
        "a.yaml:16:3: JobRun r: spec.definitionRef: JobDefinition helo is in none of the files; "
        "add its file, or name one of these: hello"
    )


def test_a_run_alone_is_refused(tmp_path: Path) -> None:
    assert "JobDefinition hello is in none of the files; add its file" in refusal(tmp_path, run_of("r"))


def test_a_task_that_calls_a_definition_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    parent = definition("parent", "    - {name: call, fork: {definitionRef: {name: child}}}\n")
    message = refusal(tmp_path, parent)
    assert (
        "JobDefinition parent: task call: spec.tasks[0].fork.definitionRef: JobDefinition child is in none" in message
    )
    assert message.startswith("a.yaml:7:")


def test_a_local_definition_is_found_first(tmp_path: Path) -> None:
    text = definition(
        "parent",
        "    - {name: call, run: {definitionRef: {name: child}, params: {A: x}}}\n",
        "definitions: [{name: child, params: [{name: A}], tasks: [{name: x}]}]",
    )
    assert plan(tmp_path, text).runs


def test_type_and_version_must_match_exactly_one(tmp_path: Path) -> None:
    one = definition("v1", "    - {name: x}\n", 'type: video\n  version: "1"')
    two = definition("v2", "    - {name: x}\n", 'type: video\n  version: "1"')
    run = run_of("r", params="{}").replace("{name: hello}", '{type: video, version: "1"}')
    other = run_of("r", params="{}").replace("{name: hello}", '{type: video, version: "2"}')
    assert plan(tmp_path, one, run).runs
    assert "ambiguous: v1, v2" in refusal(tmp_path, one, two, run)
    assert "no JobDefinition of type video, version 2" in refusal(tmp_path, one, other)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("{WHOM: x, WHO: z}", "unknown param WHOM"),
        ("{TONE: kind}", "missing required param WHO"),
        ("{WHO: x, TONE: loud}", "TONE is 'loud'"),
        ('{WHO: x, TONE: "{{ params.T }}"}', ""),
    ],
)
def test_params_of_a_call_are_checked_as_far_as_they_are_known(tmp_path: Path, params: str, words: str) -> None:
    task = f"    - {{name: call, run: {{definitionRef: {{name: hello}}, params: {params}}}}}\n"
    parent = definition("parent", task, "params: [{name: T, default: kind}]")
    if words:
        assert words in refusal(tmp_path, HELLO, parent, definition="parent")
    else:
        assert plan(tmp_path, HELLO, parent, definition="parent").runs


def test_items_are_params_and_not_checked_before_they_are_known(tmp_path: Path) -> None:
    task = "    - {name: each, run: {definitionRef: {name: hello}}, parallel: {items: [a, b]}}\n"
    assert plan(tmp_path, HELLO, definition("parent", task)).runs


def test_a_rerun_must_stand_behind_a_run_of_the_same_definition_and_params(tmp_path: Path) -> None:
    again = run_of("r") + "  rerunOf: {name: first}\n"
    told = "no JobRun first stands before it in the files, and a local run knows no earlier ones"
    assert told in refusal(tmp_path, HELLO, again)
    assert told in refusal(tmp_path, HELLO, again, run_of("first"))
    assert plan(tmp_path, HELLO, run_of("first"), again).runs
    other = definition("other", "    - {name: a}\n"), run_of("first", "other")
    assert "first follows JobDefinition other, this run JobDefinition hello" in refusal(tmp_path, HELLO, *other, again)
    assert "first had other params: WHO" in refusal(tmp_path, HELLO, run_of("first", params="{WHO: you}"), again)
    assert plan(tmp_path, HELLO, run_of("first", params="{WHO: world, PORT: '80'}"), again).runs


# --- Objects ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: ConfigMap\nmetadata: {name: x}\n", "kind ConfigMap is none that brood runs; allowed: JobDef"),
        ("apiVersion: brood.dev/v1\nkind: JobRun\n", "brood.dev/v1 is not known; it must be brood.dev/v1a"),
        ("kind: JobRun\nmetadata: {name: x}\n", "apiVersion is missing"),
        ("metadata: {name: x}\n", "kind is missing"),
        ("- a\n", "this is a list"),
        ("just text\n", "this is 'just text'"),
        ("apiVersion: brood.dev/v1alpha1\nkind: JobRun\n", "metadata with a name is missing"),
        ("apiVersion: brood.dev/v1alpha1\nkind: JobRun\nmetadata: {}\n", "the name is missing"),
        ("apiVersion: brood.dev/v1alpha1\nkind: JobRun\nmetadata: {name: My_Run}\n", "'My_Run' is no name: lower-case"),
        (run_of("x" * 64), "at most 63 characters"),
        (run_of("x").replace("{name: x}", "{generateName: " + "x" * 60 + "}"), "at most 63 characters"),
        (run_of("x") + "  parentRef: {name: p, uid: u, task: t}\n", "spec.parentRef: is set by brood"),
        (run_of("x").replace("{name: hello}", "{name: hello, local: z}"), "spec.definitionRef.local: is set by brood"),
        (run_of("x").replace("name: x", "name: 7"), "7 is no name"),
    ],
)  # fmt: skip
def test_what_is_no_object_of_brood_is_refused(tmp_path: Path, text: str, words: str) -> None:
    message = refusal(tmp_path, HELLO, text)
    assert words in message
    assert message.startswith("a.yaml:1")


def test_two_runs_of_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    message = refusal(tmp_path, HELLO, run_of("r"), run_of("r"))
    assert (
        message == "a.yaml:21:12: JobRun r: metadata.name: there is another JobRun r in a.yaml:12; rename one of them"
    )


def test_two_definitions_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "there is another JobDefinition hello" in refusal(tmp_path, HELLO, HELLO)


def test_two_definitions_of_one_name_in_two_namespaces_are_two(tmp_path: Path) -> None:
    other = HELLO.replace("{name: hello}", "{name: hello, namespace: other}")
    run = run_of("r").replace("{name: r}", "{name: r, namespace: other}")
    assert plan(tmp_path, HELLO, other, run).runs[0]["metadata"]["namespace"] == "other"


@pytest.mark.parametrize(
    ("tasks", "line", "words"),
    [
        ("    - {name: a, dependsOn: [b]}\n    - {name: b, dependsOn: [a]}\n", 7, "circle: a <- b <- a"),
        ("    - {name: a, dependsOn: [splitt]}\n    - {name: split}\n", 7, "splitt"),
        ("    - {name: a, script: x, when: '{{ outputs.N }}'}\n", 7, "when"),
        ("    - {name: a, retries: 3}\n", 7, "retries"),
        ("    - {name: a, await: {tasks: [b]}}\n    - {name: b, script: x}\n", 7, "await"),
    ],
)
def test_what_is_wrong_with_a_definition_is_told_with_its_line(
    tmp_path: Path, tasks: str, line: int, words: str
) -> None:
    message = refusal(tmp_path, definition("d", tasks))
    assert message.startswith(f"a.yaml:{line}:")
    assert "JobDefinition d: spec.tasks[0]" in message
    assert words in message


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, HELLO, run_of("a", definition="b"), run_of("c", params="{}"), "kind: X\n")
    assert len(message.splitlines()) == 3
