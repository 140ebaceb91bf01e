"""The command as a user has it: a process with arguments, signals, pipes and terminals."""

import contextlib
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]
TIMEOUT = 60


def definition(name: str, tasks: str, more: str = "") -> str:
    return f"""\
---
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {{name: {name}}}
spec:
{more}  tasks:
{tasks}"""


def job_run(name: str, definition_name: str, params: str = "{}") -> str:
    return f"""\
---
apiVersion: brood.dev/v1alpha1
kind: JobRun
metadata: {{name: {name}}}
spec: {{definitionRef: {{name: {definition_name}}}, params: {params}}}
"""


HELLO = definition(
    "hello",
    """\
    - {name: greet, script: 'echo "hello $WHO"', output: GREETING}
    - {name: write, dependsOn: [greet], script: 'echo "$GREETING" > greeting.txt', artifacts: {paths: [greeting.txt]}}
""",
    "  params: [{name: WHO, required: true}]\n",
)


class Directory:
    """Where a test runs the command; nothing of the user's home is touched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {**os.environ, "XDG_STATE_HOME": str(path / "state"), "TERM": "xterm", "COLUMNS": "120"}
        self.environment.pop("NO_COLOR", None)

    @property
    def runs(self) -> list[Path]:
        return sorted((self.path / "state" / "brood" / "runs").glob("*"))

    def write(self, text: str, name: str = "a.yaml") -> str:
        (self.path / name).write_text(text)
        return str(self.path / name)

    def brood(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.done([*BROOD, *arguments], stdin)

    def done(self, command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run any command in this directory to its end."""
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env=self.environment,
            cwd=self.path,
            check=False,
        )

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.brood("run", "-o", "json", *arguments)
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*BROOD, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
            **options,
        )

    def processes(self) -> list[str]:
        """Return the command lines of all processes that have this test's directory in their environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{self.path}/".encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text())
        return found


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Directory]:
    directory = Directory(tmp_path)
    yield directory
    assert directory.processes() == []


def eventually(condition: Any) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- Results ---


def test_a_definition_is_run_with_params_and_says_where_everything_is(here: Directory) -> None:
    done = here.brood("run", here.write(HELLO), "-p", "WHO=my world")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "  GREETING = hello my world\n" in done.stdout
    [place] = [
        line.split("  ")[-1] for line in done.stdout.splitlines() if line.startswith("  write/greeting.txt (15 B)")
    ]
    assert Path(place).read_text() == "hello my world\n"
    [directory] = here.runs
    assert f"logs: {directory}/logs\n" in done.stdout
    assert "/greet  Succeeded" in done.stdout


def test_json_is_one_line_for_each_run_in_the_order_of_the_files_and_nothing_else(here: Directory) -> None:
    file = here.write(job_run("z", "hello", "{WHO: z}") + HELLO + job_run("a", "hello", "{WHO: a}"))
    done = here.brood("run", "-o", "json", file)
    assert done.returncode == 0
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(result) for result in results] == [["run", "outputs"]] * 2
    assert [result["run"]["metadata"]["name"] for result in results] == ["z", "a"]
    assert [result["outputs"] for result in results] == [{"GREETING": "hello z"}, {"GREETING": "hello a"}]
    assert results[0]["run"]["kind"] == "JobRun"
    assert results[0]["run"]["status"]["phase"] == "Succeeded"
    assert "z/greet  Succeeded" in done.stderr


def test_children_are_every_run_below(here: Directory) -> None:
    leaf = definition("leaf", "    - {name: x, script: 'true'}\n")
    middle = definition("middle", "    - {name: down, run: {definitionRef: {name: leaf}}}\n")
    top = definition(
        "top",
        """\
    - {name: one, run: {definitionRef: {name: middle}}}
    - {name: two, fork: {definitionRef: {name: leaf}}}
    - {name: wait, await: {tasks: [two]}}
""",
    )
    [result] = here.json(here.write(leaf + middle + top), "--children")
    assert result["run"]["status"]["phase"] == "Succeeded"
    made = sorted(
        (child["spec"]["parentRef"]["task"], child["spec"]["definitionRef"]["name"]) for child in result["children"]
    )
    assert made == [("down", "leaf"), ("one", "middle"), ("two", "leaf")]
    assert {child["status"]["phase"] for child in result["children"]} == {"Succeeded"}


def test_large_outputs_are_given_in_full(here: Directory) -> None:
    tasks = "    - {name: big, script: 'head -c 100000 /dev/zero | tr \"\\\\0\" x', output: BIG}\n"
    [result] = here.json(here.write(definition("big", tasks)))
    assert result["outputs"] == {"BIG": "x" * 100_000}
    assert "BIG" in result["run"]["status"]["outputRefs"]


def test_a_failing_script_is_exit_code_1_with_its_code_and_the_end_of_its_log(here: Directory) -> None:
    done = here.brood("run", here.write(definition("d", "    - {name: bad, script: 'echo oh no >&2; exit 3'}\n")))
    assert done.returncode == 1
    assert "/bad: ExitCode: exit code 3" in done.stdout
    assert "    | oh no\n" in done.stdout


def test_an_image_is_ignored_here(here: Directory) -> None:
    task = "    - {name: a, container: {image: registry.invalid/none:1}, script: 'true'}\n"
    assert here.brood("run", here.write(definition("d", task))).returncode == 0


def test_one_bad_run_among_good_ones_is_exit_code_1(here: Directory) -> None:
    text = definition("d", "    - {name: a, script: 'exit $CODE'}\n", "  params: [{name: CODE}]\n")
    file = here.write(text + job_run("good", "d", '{CODE: "0"}') + job_run("bad", "d", '{CODE: "1"}'))
    done = here.brood("run", "-o", "json", file)
    assert done.returncode == 1
    assert [json.loads(line)["run"]["status"]["phase"] for line in done.stdout.splitlines()] == ["Succeeded", "Failed"]


def test_f8_runs_of_one_key_go_in_the_order_of_the_file_and_the_second_names_the_first(here: Directory) -> None:
    text = definition("d", "    - {name: a, script: sleep 0.3}\n", "  concurrency: {maxActiveRuns: 1}\n")
    done = here.brood("run", here.write(text + "".join(job_run(name, "d") for name in ("third", "second", "first"))))
    assert done.returncode == 0
    begun = [line.split()[1] for line in done.stdout.splitlines() if line.endswith("  Running")]
    assert [path for path in begun if "/" not in path] == ["third", "second", "first"]
    assert "second  Queued  1 run holds key d: third; position 1\n" in done.stdout


def test_manifests_come_from_standard_input_too(here: Directory) -> None:
    assert here.brood("run", "-", "-p", "WHO=x", stdin=HELLO).returncode == 0


def test_keep_leaves_logs_and_files_where_one_wants_them(here: Directory) -> None:
    keep = here.path / "kept"
    for who in ("one", "two"):
        done = here.brood("run", here.write(HELLO), "-p", f"WHO={who}", "--keep", str(keep))
        assert done.returncode == 0, done.stderr
    assert sorted(file.read_text() for file in keep.glob("volumes/**/greeting.txt")) == ["hello one\n", "hello two\n"]
    assert len(list(keep.glob("logs/**/*.log"))) == 4
    assert here.runs == []


# --- Refusals ---


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        ([], None, "Missing argument 'FILE'"),
        (["missing.yaml"], None, "missing.yaml: no such file"),
        (["a.yaml"], "a: b: c", "a.yaml:1:5: not valid YAML"),
        (["a.yaml"], "# nothing\n", "holds no object"),
        (["a.yaml"], HELLO, "missing required param WHO"),
        (["a.yaml", "-p", "WHO=x", "-p", "WHOM=x"], HELLO, "unknown param WHOM"),
        (["a.yaml", "--children", "-p", "WHO=x"], HELLO, "--children"),
        (["a.yaml"], HELLO + job_run("r", "helo"), "JobDefinition helo is in none of the files"),
        (["a.yaml"], HELLO + job_run("r", "hello", "{WHO: x}") * 2, "there is another JobRun r"),
        (["a.yaml"], definition("d", "    - {name: a, dependsOn: [a]}\n"), "spec.tasks[0]"),
    ],
)
def test_bad_input_is_exit_code_2_with_a_message_and_nothing_runs(
    here: Directory, arguments: list[str], text: str | None, words: str
) -> None:
    if text is not None:
        here.write(text)
    done = here.brood("run", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert here.runs == []


# --- Ends ---

SLOW = definition(
    "slow",
    """\
    - {name: first, script: 'echo started; sleep 2; echo done > done.txt', artifacts: {paths: [done.txt]}}
    - {name: second, dependsOn: [first], script: 'true'}
""",
)
ENDLESS = definition(
    "endless",
    """\
    - {name: first, script: 'sleep 1000 & setsid sleep 1000 & sleep 1000'}
    - {name: other, script: 'sleep 1000'}
""",
)


def begun(here: Directory, text: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a run and wait until its Pods run."""
    process = here.start("run", here.write(text), *arguments)
    eventually(lambda: sum("sleep" in line for line in here.processes()) >= 1 or process.poll() is not None)
    time.sleep(0.2)
    return process


def phases(result: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["phase"] for row in result["run"]["status"]["tasks"]}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_lets_running_tasks_finish_and_starts_nothing_new(here: Directory, sent: signal.Signals) -> None:
    process = begun(here, SLOW, "-o", "json")
    process.send_signal(sent)
    output, errors = process.communicate(timeout=TIMEOUT)
    result = json.loads(output)
    assert process.returncode == 1
    assert phases(result) == {"first": "Succeeded", "second": "Cancelled"}
    assert result["run"]["status"]["phase"] == "Cancelled"
    assert result["run"]["spec"]["shutdown"] == "Interrupt"
    assert "interrupting" in errors


def test_two_signals_stop_everything(here: Directory) -> None:
    process = begun(here, ENDLESS, "-o", "json")
    process.send_signal(signal.SIGINT)
    eventually(lambda: "interrupting" in str(process.stderr and process.stderr.readline()))
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=TIMEOUT)
    result = json.loads(output)
    assert process.returncode == 1
    assert result["run"]["spec"]["shutdown"] == "Terminate"
    assert set(phases(result).values()) == {"Cancelled"}


def test_a_third_signal_does_not_wait_for_anybody(here: Directory) -> None:
    process = begun(here, definition("d", "    - {name: a, script: \"trap '' TERM; sleep 1000; sleep 1000\"}\n"))
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    process.communicate(timeout=15)
    assert process.returncode == 1


def test_a_hang_up_stops_everything(here: Directory) -> None:
    process = begun(here, ENDLESS)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1


def test_a_closed_pipe_stops_everything(here: Directory) -> None:
    process = begun(here, ENDLESS.replace("name: other, script: 'sleep 1000'", "name: other, script: 'sleep 1'"))
    assert process.stdout is not None
    process.stdout.close()
    with process:
        assert process.wait(timeout=TIMEOUT) == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_none_of_the_run_s_business(here: Directory, closed: str) -> None:
    file = here.write(
        definition(
            "d",
            "    - {name: a, script: 'if read -r x; then exit 9; fi; touch \"$TO\"'}\n",
            f"  env: [{{name: TO, value: {here.path}/done}}]\n",
        )
    )
    done = here.done(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *BROOD, "run", file])
    assert (done.returncode, done.stderr) == (0, "")
    assert (here.path / "done").exists()


@pytest.mark.parametrize("words", [["run"], ["run", "-o", "json"], ["lint"]])
def test_a_result_that_cannot_be_written_is_one_sentence_and_exit_code_1(here: Directory, words: list[str]) -> None:
    file = here.write(HELLO.replace("required: true", "default: me"))
    done = here.done(["/bin/sh", "-c", 'exec "$@" >/dev/full', "sh", *BROOD, *words, file])
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "what is printed cannot be written: No space left on device"
    assert "Traceback" not in done.stderr


def test_what_the_terminal_s_encoding_lacks_is_written_by_its_number(here: Directory) -> None:
    here.environment["PYTHONIOENCODING"] = "latin-1"
    done = here.brood("run", here.write(definition("d", "    - {name: a, script: 'echo ☃ >&2; exit 3'}\n")))
    assert done.returncode == 1
    assert "\\u2603" in done.stdout
    assert done.stderr == ""


def test_files_are_found_also_where_the_current_directory_is_gone(here: Directory) -> None:
    here.write(HELLO)
    (here.path / "gone").mkdir()
    command = ["/bin/sh", "-c", 'cd gone; rmdir ../gone; exec "$@"', "sh", *BROOD]
    done = here.done([*command, "run", "../a.yaml", "-p", "WHO=me"])
    assert done.returncode == 0, done.stderr


@pytest.fixture
def little_room() -> Iterator[Path]:
    """Give a directory on a disk that is soon full."""
    with tempfile.TemporaryDirectory() as place:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False).returncode != 0:
            pytest.skip("only root can make a small disk")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def test_a_full_disk_ends_no_run_in_success_and_holds_none_up(here: Directory, little_room: Path) -> None:
    """What is in the way is told: an output that was lost is no output."""
    file = here.write(definition("d", "    - {name: a, script: 'echo value', output: O}\n"))
    with contextlib.suppress(OSError):
        (little_room / "fill").write_bytes(b"x" * 2**17)
    done = here.brood("run", file, "--keep", str(little_room / "kept"))
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stdout + done.stderr


def test_an_end_before_anything_runs_leaves_no_traceback(here: Directory) -> None:
    process = here.start("run", "-", stdin=subprocess.PIPE)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode != 0
    assert "Traceback" not in errors


# --- Terminals ---


def on_a_terminal(here: Directory, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal of its own, and return the exit code and everything that was drawn."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*BROOD, *arguments], stdin=slave, stdout=slave, stderr=slave, env=here.environment)
    os.close(slave)
    drawn = b""
    while select.select([master], [], [], TIMEOUT)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:  # nobody has the other end any more
            break
        if not part:
            break
        drawn += part
    os.close(master)
    return process.wait(timeout=TIMEOUT), drawn.decode()


def test_on_a_terminal_a_tree_is_drawn_and_its_last_state_stays(here: Directory) -> None:
    code, drawn = on_a_terminal(here, "run", here.write(HELLO), "-p", "WHO=x")
    assert code == 0
    assert "\x1b[" in drawn
    last = drawn[drawn.rindex("hello-") :] if "GREETING" not in drawn else drawn[: drawn.index("outputs:")]
    assert "├─" in last
    assert "└─" in last
    assert "Succeeded" in last


@pytest.mark.parametrize("how", ["option", "environment"])
def test_colours_can_be_left_out(here: Directory, how: str) -> None:
    arguments = ["run", here.write(HELLO), "-p", "WHO=x"]
    if how == "option":
        arguments.append("--no-color")
    else:
        here.environment["NO_COLOR"] = "1"
    code, drawn = on_a_terminal(here, *arguments)
    assert code == 0
    assert "\x1b[32m" not in drawn
    assert "\x1b[36m" not in drawn


# --- Start ---


def cpu_seconds(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*BROOD, *arguments], check=True, capture_output=True, timeout=TIMEOUT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["lint", "--help"]])
def test_help_comes_at_once(arguments: list[str]) -> None:
    assert min(cpu_seconds(*arguments) for _ in range(3)) < 0.3


def test_a_run_loads_no_kubernetes_client(here: Directory) -> None:
    program = (
        "import sys; from brood.cli.app import app\n"
        f"code = app(['run', {here.write(HELLO)!r}, '-p', 'WHO=x', '-o', 'json'], standalone_mode=False)\n"
        "print(code, sorted({'kubernetes', 'kopf', 'aiohttp'} & set(sys.modules)))"
    )
    done = here.done([sys.executable, "-c", program])
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


# --- Lint ---


def test_lint_names_place_object_and_field_and_json_says_the_same(here: Directory) -> None:
    file = here.write(definition("d", "    - {name: a, retries: 3}\n"))
    done = here.brood("lint", file)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{file}:7:17: JobDefinition d: spec.tasks[0].retries: unknown field")
    [finding] = json.loads(here.brood("lint", "-o", "json", file).stdout)["findings"]
    assert (finding["line"], finding["column"], finding["field"]) == (7, 17, "spec.tasks[0].retries")


def test_lint_takes_a_definition_whose_child_is_elsewhere(here: Directory) -> None:
    done = here.brood("lint", here.write(definition("d", "    - {name: a, run: {definitionRef: {name: elsewhere}}}\n")))
    assert (done.returncode, done.stdout) == (0, "1 object, nothing wrong\n")
