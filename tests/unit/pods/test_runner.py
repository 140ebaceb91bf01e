"""What a script can rely on while it runs, under every shell (contract §1.4)."""

import signal
import time
from pathlib import Path

import pytest

from brood.api.reasons import TaskReason
from tests.unit.pods.sandbox import SHELLS, Sandbox

MINIMUM = ("cat", "mkfifo", "tee", "tail")


def test_a_script_that_ends_well_succeeds_without_its_log_being_read(sandbox: Sandbox) -> None:
    outcome = sandbox.run("echo hello")
    assert outcome.result.reason is None
    assert (outcome.code, outcome.result.exit_code) == (0, 0)
    assert outcome.asked is None
    assert outcome.log == b"hello\n"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 3", 3),
        ("false\necho never", 1),
        ("set +e\nfalse\nexit 4", 4),
        ("no-such-command", 127),
        ("exec /bin/sh -c 'exit 5'", 5),
        ("exit 255", 255),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("trap 'exit 6' EXIT\nfalse", 6),
        ("(exit 7)", 7),
        ("if then", 2),
    ],
)
def test_the_exit_code_is_kept(sandbox: Sandbox, script: str, code: int) -> None:
    outcome = sandbox.run(script)
    assert outcome.result.reason is TaskReason.EXIT_CODE
    assert (outcome.code, outcome.result.exit_code) == (code, code)
    assert outcome.result.message.startswith(f"exit code {code}")
    assert not outcome.result.infrastructure


def test_stdout_and_stderr_are_live(sandbox: Sandbox) -> None:
    running = sandbox.start("echo one; echo two >&2; while [ ! -e go ]; do sleep 0.01; done; echo three")
    running.wait_for(b"one\n")
    running.wait_for(b"two\n")
    assert running.process.poll() is None
    (sandbox.work / "go").touch()
    assert running.outcome().result.reason is None
    assert running.log.endswith(b"three\n")


def test_the_last_lines_of_stderr_are_the_message(sandbox: Sandbox) -> None:
    outcome = sandbox.run("echo to stdout; echo first >&2; echo 'disk is full' >&2; exit 3")
    assert outcome.result.message == "exit code 3: first | disk is full"
    assert outcome.asked is None


def test_the_message_is_one_line_of_256_characters_that_keeps_the_end(sandbox: Sandbox) -> None:
    outcome = sandbox.run('i=0; while [ $i -lt 400 ]; do echo "líne $i" >&2; i=$((i + 1)); done; exit 3')
    message = outcome.result.message
    assert len(message) == 256
    assert message.startswith("exit code 3: …")
    assert message.endswith("líne 398 | líne 399")


def test_without_stderr_the_message_has_the_end_of_the_log(sandbox: Sandbox) -> None:
    outcome = sandbox.run("echo FAILED test_one; exit 1")
    assert outcome.result.message == "exit code 1: FAILED test_one"


def test_a_background_child_holds_nothing_and_changes_nothing(sandbox: Sandbox) -> None:
    outcome = sandbox.run("sleep 1000 &\necho done", capture_stdout=True)
    assert outcome.result.reason is None
    assert outcome.result.stdout == "done"
    assert 0.9 < outcome.seconds < 5


def test_a_background_child_that_goes_on_writing_is_cut_off_after_a_second(sandbox: Sandbox) -> None:
    outcome = sandbox.run("(while :; do echo noise; sleep 0.05; done) &\necho done", capture_stdout=True)
    assert outcome.result.reason is None
    assert (outcome.result.stdout or "").startswith(("done", "noise"))
    assert outcome.seconds < 5


def test_a_background_child_that_fails_later_is_not_waited_for(sandbox: Sandbox) -> None:
    assert sandbox.run("(sleep 0.2; exit 9) >/dev/null 2>&1 &\nexit 0").seconds < 5


def test_what_was_written_just_before_the_end_is_not_lost(sandbox: Sandbox) -> None:
    outcome = sandbox.run("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done", capture_stdout=True)
    assert (outcome.result.stdout or "").splitlines() == [f"line {number}" for number in range(3000)]


def test_stdin_is_empty(sandbox: Sandbox) -> None:
    assert sandbox.run("cat; read line || echo nothing", capture_stdout=True).result.stdout == "nothing"


def test_the_script_runs_in_its_empty_working_directory(sandbox: Sandbox) -> None:
    outcome = sandbox.run('[ "$PWD" = "$BROOD_WORKDIR" ] && ls -A | wc -l', capture_stdout=True)
    assert (outcome.result.stdout or "").strip() == "0"


def test_nothing_of_the_runner_is_left_in_the_environment(sandbox: Sandbox) -> None:
    outcome = sandbox.run("env | sed 's/=.*//' | grep BROOD | sort", params=(("p", "1"),), capture_stdout=True)
    expected = ("ARTIFACTS", "ATTEMPT", "INDEX", "INPUTS", "OUTPUT", "PARAMS", "ROOT", "RUN", "TASK", "WORKDIR")
    assert (outcome.result.stdout or "").split() == [f"BROOD_{name}" for name in expected]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_reaches_the_script_which_may_end_well(sandbox: Sandbox, number: signal.Signals) -> None:
    running = sandbox.start(
        "trap 'echo cleaned; echo X=1 >>$BROOD_OUTPUT; exit 0' TERM\necho ready\nwhile :; do sleep 0.02; done"
    )
    running.wait_for(b"ready")
    running.process.send_signal(number)
    outcome = running.outcome(seconds=10)
    assert outcome.result.reason is None
    assert outcome.result.outputs == {"X": "1"}
    assert outcome.log.endswith(b"cleaned\n")


def test_a_stopped_script_that_traps_nothing_ends_with_143(sandbox: Sandbox) -> None:
    running = sandbox.start("echo ready\nsleep 1000 >/dev/null 2>&1")
    running.wait_for(b"ready")
    running.process.terminate()
    outcome = running.outcome(seconds=10)
    assert outcome.result.exit_code == 143


def test_a_stopped_script_may_exit_with_127(sandbox: Sandbox) -> None:
    running = sandbox.start("trap 'exit 127' TERM\necho ready\nwhile :; do sleep 0.02; done")
    running.wait_for(b"ready")
    running.process.terminate()
    assert running.outcome(seconds=10).result.exit_code == 127


def test_many_stops_in_a_row_do_not_confuse_the_runner(sandbox: Sandbox) -> None:
    running = sandbox.start(
        "n=0; trap 'n=$((n + 1))' TERM\necho ready\nwhile [ $n -lt 3 ]; do sleep 0.02; done\necho enough; exit 5"
    )
    running.wait_for(b"ready")
    while running.process.poll() is None and b"enough" not in running.log:
        running.process.terminate()
        time.sleep(0.06)
    assert running.outcome(seconds=10).result.exit_code == 5


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.005, 0.01, 0.02])
def test_a_stop_at_any_moment_of_the_start_ends_the_script(sandbox: Sandbox, delay: float) -> None:
    running = sandbox.start("sleep 1000 >/dev/null 2>&1")
    time.sleep(delay)
    running.process.terminate()
    outcome = running.outcome(seconds=10)
    assert outcome.result.exit_code == 143


@pytest.mark.parametrize("shell", SHELLS)
def test_the_image_needs_no_more_than_the_contract_says(tmp_path: Path, shell: str) -> None:
    sandbox = Sandbox(tmp_path, shell, tools=MINIMUM)
    small = sandbox.run("echo é; echo '::set-output name=A::1'; echo 'B=ü' >>$BROOD_OUTPUT", capture_stdout=True)
    assert small.result.reason is None
    assert small.result.stdout == "é\n::set-output name=A::1"
    assert small.result.outputs == {"A": "1", "B": "ü"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_smallest_image_can_give_large_results_and_has_a_clock(tmp_path: Path, shell: str) -> None:
    sandbox = Sandbox(tmp_path, shell, tools=(*MINIMUM, "sleep"))
    (tmp_path / "tools" / "sleep").rename(tmp_path / "hidden")
    lines = "i=0; while [ $i -lt 900 ]; do echo line $i; i=$((i + 1)); done"
    script = f"{tmp_path}/hidden 1000 &\necho '::set-output name=A::1'\n{lines}"
    outcome = sandbox.run(script)
    assert outcome.result.outputs == {"A": "1"}
    assert outcome.seconds < 10


def test_a_script_may_remove_what_it_was_given(sandbox: Sandbox) -> None:
    outcome = sandbox.run(
        'rm -rf "$BROOD_OUTPUT" "$BROOD_INPUTS"/*; cd /; rm -r "$BROOD_WORKDIR"; echo done', capture_stdout=True
    )
    assert (outcome.result.reason, outcome.result.stdout) == (None, "done")


FULL = "No space left on device"


@pytest.fixture(params=[shell for shell in SHELLS if shell != "busybox"])  # whose tee is built in
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    """Give a machine whose tee says that there is no room for what it is to keep."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "tee").write_text(f'#!/bin/sh\ncat >/dev/null\necho "tee: {FULL}"\nexit 1\n')
    (tmp_path / "full" / "tee").chmod(0o755)
    sandbox = Sandbox(tmp_path, request.param)
    sandbox.path = f"{tmp_path}/full:{sandbox.path}"
    return sandbox


def test_an_output_that_there_was_no_room_for_fails_the_task_instead_of_being_empty(full: Sandbox) -> None:
    outcome = full.run("echo value", capture_stdout=True)
    assert outcome.result.reason is TaskReason.EXIT_CODE
    assert (outcome.code, outcome.result.exit_code) == (1, 1)
    assert FULL in outcome.result.message


def test_a_failure_keeps_its_exit_code_where_there_was_no_room_for_an_output(full: Sandbox) -> None:
    assert full.run("exit 7", capture_stdout=True).result.exit_code == 7


@pytest.mark.parametrize("value", ["short", "long " * 9000])
def test_a_script_does_not_start_without_room_for_its_params(sandbox: Sandbox, value: str) -> None:
    link = f'ln -s /dev/full "{sandbox.layout.paths("", "encode-42-split-abc", None).control}/P"'
    outcome = sandbox.run("touch started", params=(("P", value),), setup=link)
    assert not (sandbox.work / "started").exists()
    assert outcome.result.reason is TaskReason.EXIT_CODE


def test_a_result_that_there_was_no_room_for_is_no_success(sandbox: Sandbox) -> None:
    message = Path(sandbox.layout.paths("", "encode-42-split-abc", None).termination_log)
    outcome = sandbox.run("echo value", setup=f'ln -s /dev/full "{message}"', capture_stdout=True)
    assert outcome.result.reason is TaskReason.EXIT_CODE
    assert outcome.result.stdout is None
