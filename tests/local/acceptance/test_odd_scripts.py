"""What people do in scripts, and what becomes of it: all of these in one run, as none may harm another."""

import json
import os
import signal
import time
from typing import Any

import pytest

from tests.local.acceptance.command import Command, Result, until
from tests.local.acceptance.manifests import definition, job_run

SCRIPTS: dict[str, tuple[str, dict[str, Any], str | None]] = {
    # what it does, what its row says, its output
    "plain": ("printf 'no newline'", {"phase": "Succeeded", "exitCode": 0}, "no newline"),
    "newlines": (r"printf '\n a\r\n\n\n'", {"phase": "Succeeded"}, "\n a\r"),
    "silent": ("true", {"phase": "Succeeded"}, ""),
    "three": (
        "echo out; echo why >&2; exit 3",
        {"phase": "Failed", "reason": "ExitCode", "exitCode": 3, "message": "why"},
        "out",
    ),
    "wrapped": ("exit 256", {"phase": "Succeeded", "exitCode": 0}, ""),
    "stops-at-an-error": ("echo a; false; echo b", {"phase": "Failed", "exitCode": 1}, "a"),
    "no-such-command": ("nosuchcommand", {"phase": "Failed", "exitCode": 127, "message": "nosuchcommand"}, ""),
    "no-shell": ("if", {"phase": "Failed", "exitCode": 2, "message": "yntax"}, ""),
    "kills-itself": ("echo a; kill -9 $$", {"phase": "Failed", "reason": "ExitCode", "exitCode": 137}, "a"),
    "terminates-itself": ("kill $$; sleep 9", {"phase": "Failed", "reason": "ExitCode", "exitCode": 143}, ""),
    "execs": ("exec sh -c 'echo replaced; exit 7'", {"phase": "Failed", "exitCode": 7}, "replaced"),
    "traps": ("trap 'echo bye' EXIT; echo a", {"phase": "Succeeded"}, "a\nbye"),
    "closes-stdout": ("exec >/dev/null; echo hidden", {"phase": "Succeeded"}, ""),
    "reads-stdin": ("cat; read -r x || echo end", {"phase": "Succeeded"}, "end"),
    "braces": ("echo '{{ params.X }} {% raw %}'", {"phase": "Succeeded"}, "{{ params.X }} {% raw %}"),
    "background": ("sleep 300 & setsid sleep 300 & echo hi", {"phase": "Succeeded"}, "hi"),
    "daemon": ("(setsid sh -c 'exec >/dev/null 2>&1; sleep 300' &); echo hi", {"phase": "Succeeded"}, "hi"),
    "largest": ("head -c 262144 /dev/zero | tr '\\0' x", {"phase": "Succeeded"}, "x" * 262144),
    "too-large": (
        "head -c 262145 /dev/zero | tr '\\0' x",
        {"phase": "Failed", "reason": "OutputTooLarge", "message": "262145 bytes"},
        None,
    ),
    "megabytes": (
        "head -c 9000000 /dev/zero | tr '\\0' x; exit 4",
        {"phase": "Failed", "reason": "ExitCode", "exitCode": 4},
        None,
    ),
    "binary": (r"printf '\377\376'", {"phase": "Failed", "reason": "OutputInvalid"}, None),
    "nul": (r"printf 'a\000b'", {"phase": "Failed", "reason": "OutputInvalid", "message": "NUL"}, None),
    "latin1-error": (r"printf 'caf\351 is shut\n' >&2; exit 1", {"phase": "Failed", "message": "is shut"}, ""),
    "nonsense": (
        "echo nonsense > $BROOD_OUTPUT",
        {"phase": "Failed", "reason": "OutputInvalid", "message": "line 1"},
        None,
    ),
    "reserved": (
        "echo PATH=x > $BROOD_OUTPUT",
        {"phase": "Failed", "reason": "OutputInvalid", "message": "PATH"},
        None,
    ),
    "slow": ("sleep 60", {"phase": "Failed", "reason": "DeadlineExceeded"}, None),
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    command = Command(tmp_path_factory.mktemp("odd"))
    tasks: list[dict[str, Any]] = []
    for number, (name, (script, _, _)) in enumerate(SCRIPTS.items()):
        tasks.append({"name": name, "script": script, "output": f"O{number}"})
        if name == "slow":
            tasks[-1]["timeoutSeconds"] = 1
    done = command(definition(f"tasks: {json.dumps(tasks)}"))
    assert command.processes() == []
    return done


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_does_odd_things_ends_as_it_should(result: Result, name: str) -> None:
    _, says, output = SCRIPTS[name]
    row = result.rows[name]
    message = says.get("message", "")
    assert message in row.get("message", "")
    assert {key: row.get(key) for key in says} == {**says, **({"message": row["message"]} if message else {})}
    if output is not None:
        assert result.outputs[f"O{list(SCRIPTS).index(name)}"] == output


def test_the_run_failed_and_nothing_but_json_was_printed(result: Result) -> None:
    assert (result.code, result.phase) == (1, "Failed")
    assert "Traceback" not in result.stderr


def test_artifacts_keep_their_names_whatever_they_hold(run: Command) -> None:
    names = [
        "a b",
        "new\nline",
        "*",
        "-f",
        "q'uo\"te",
        "$(touch x)",
        "ünï ☃",
        " lead",
        "trail ",
        "back\\slash",
        ".hidden",
    ]
    source = run.shared / "source"
    source.mkdir()
    for name in names:
        (source / name).write_text(name)
    result = run(
        definition("""
        tasks:
          - {name: make, script: 'cp -r @DIR@/source d', artifacts: {paths: [d]}}
          - {name: take, artifactsFrom: [make], script: 'cp -r d @DIR@/taken'}
        """)
    )
    assert result.code == 0, result.stderr
    assert {file.name: file.read_text() for file in (run.shared / "taken").iterdir()} == {name: name for name in names}
    assert sorted(file["path"] for file in result.status["artifacts"]["files"]) == sorted(f"d/{name}" for name in names)


UNWILLING = """
tasks:
  - {name: deaf, script: 'trap "" TERM INT; touch @DIR@/deaf; sleep 300 & sleep 300; sleep 300'}
  - {name: away, script: 'env -i setsid sleep 300 & touch @DIR@/away; sleep 300'}
  - {name: items, script: 'sleep 300', parallel: {items: [1, 2, 3, 4], maxConcurrent: 2}}
  - {name: child, fork: {definitionRef: {name: c}}}
  - {name: later, dependsOn: [deaf], script: 'touch @DIR@/later'}
definitions: [{name: c, tasks: [{name: m, script: 'touch @DIR@/child; sleep 300'}]}]
podRetention: Always
taskDefaults: {podTemplate: {spec: {terminationGracePeriodSeconds: 1}}}
"""


def test_two_interrupts_end_scripts_that_do_not_want_to_end_and_leave_nothing(run: Command) -> None:
    began = time.monotonic()
    process = run.start(definition(UNWILLING) + job_run("r"))
    until(lambda: all((run.shared / name).exists() for name in ("deaf", "away", "child")), "the scripts did not start")
    inside = [pid for pid in map(int, _pids()) if _is_in(pid, str(run.path))]
    assert len(inside) > 10
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    result = run.finish(process, began=began)
    assert (result.code, result.phase) == (1, "Cancelled"), result.stderr
    assert set(result.phases.values()) == {"Cancelled", "Succeeded"}
    assert result.phases["later"] == "Cancelled"
    assert not (run.shared / "later").exists()
    assert result.seconds < 20
    assert [pid for pid in map(int, _pids()) if _is_in(pid, str(run.path))] == []


def _pids() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - a process may go while it is listed


def _is_in(pid: int, directory: str) -> bool:
    try:
        return directory in os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - a removed one ends with " (deleted)"
    except OSError:
        return False


def test_definitions_and_runs_come_from_directories_files_and_standard_input_together(run: Command) -> None:
    folder = run.path / "folder"
    folder.mkdir()
    (folder / "one.yaml").write_text(definition("tasks: [{name: a, script: 'echo one', output: O}]", name="one"))
    (folder / "two.json").write_text(
        json.dumps(
            {
                "apiVersion": "brood.dev/v1alpha1",
                "kind": "JobDefinition",
                "metadata": {"name": "two"},
                "spec": {"tasks": [{"name": "a", "script": "echo 'two 😀'", "output": "O"}]},
            },
            indent="\t",
        )
    )
    (folder / "notes.txt").write_text("not: [yaml")
    runs = "".join(
        f"---\n{{apiVersion: brood.dev/v1alpha1, kind: JobRun, metadata: {{{name}}}, spec: {{definitionRef: {{name: {of}}}}}}}\n"
        for name, of in (("generateName: r-", "two"), ("generateName: r-", "one"), ("name: named", "two"))
    )
    done = run.cli("run", "-o", "json", str(folder), "-", stdin=runs.encode())
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["outputs"]["O"] for line in lines] == ["two 😀", "one", "two 😀"]
    names = [line["run"]["metadata"]["name"] for line in lines]
    assert names[2] == "named"
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("tasks: [{name: a, script: x, run: {definitionRef: {name: b}}}]", "tasks[0]"),
        ("tasks: [{name: a, dependsOn: [nobody]}]", "nobody"),
        ("tasks: [{name: a, onFailed: b}, {name: b, onSucceeded: a}]", "a <- b <- a"),
        ("tasks: [{name: a, retries: 3}]", "tasks[0].retries: unknown field"),
        ("tasks: [{name: a, run: {definitionRef: {name: nowhere}}}]", "nowhere"),
        ("tasks: [{name: a, await: {tasks: [b]}}, {name: b, script: x}]", "'b'"),
        ("params: [{name: X}]\ntasks: [{name: a, script: x, output: X}]", "'X' is named like a param"),
        ("tasks: [{name: a, script: x, output: O}, {name: b, script: x, output: O}]", "same output 'O'"),
        ("tasks: [{name: a, when: '{{ outputs.NOPE }}'}]", "NOPE"),
        ("tasks: [{name: a, when: '{{ params.X.upper() }}'}]", "tasks[0].when"),
        ("tasks: [{name: a, container: {image: x, name: other}, script: x}]", "main"),
        ("tasks: [{name: a, container: {image: x, command: [x]}, script: x}]", "tasks[0]"),
        ("maxActiveTasks: 0\ntasks: [{name: a}]", "maxActiveTasks"),
        (
            "tasks: [{name: a, script: x, parallel: {items: [1, {A: [9223372036854775808]}]}}]",
            "tasks[0].parallel.items[1]: holds an integer of more than 64 bits",
        ),
        ("tasks: []", "tasks"),
        ("tasks: [{name: a, fork: {definitionRef: {name: main}}, output: O}]", "tasks[0].output"),
        ("tasks: [{name: a, script: x, pools: []}, {name: a}]", "two tasks are named 'a'"),
        ("tasks: [{name: a, continueOn: {markSuccess: true}}]", "markSuccess"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_place(run: Command, spec: str, words: str) -> None:
    file = run.write(definition(spec))
    done = run.cli("run", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file}:" in done.stderr
    assert "JobDefinition main" in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
