"""Why Pods wait and fail: the words of scheduler and kubelet, and what they mean (contract §2.1)."""

from datetime import timedelta
from typing import Any

import pytest

from brood.api.reasons import TaskReason
from brood.pods.failure import is_ended, waiting
from brood.pods.results import needs_log, read_result
from tests.unit.pods.sandbox import NOW, ended_pod, pod_view

DELETING = {"deleting": True}
STOPPED: dict[str, Any] = {"code": 143, "meta": DELETING}
LOST: dict[str, Any] = {"phase": "Running", "started_at": NOW, "node": "n", "meta": DELETING}
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, None),
        ({"waiting_reason": "ContainerCreating"}, None),
        ({"waiting_reason": "PodInitializing"}, None),
        (
            {"unschedulable": "0/3 nodes are available: 3 Insufficient cpu."},
            ("Unschedulable", "0/3 nodes are available: 3 Insufficient cpu."),
        ),
        (
            {"waiting_reason": "ImagePullBackOff", "waiting_message": 'Back-off pulling image "nope"'},
            ("ImagePull", 'ImagePullBackOff: Back-off pulling image "nope"'),
        ),
        ({"waiting_reason": "ErrImagePull", "waiting_message": "not\nfound"}, ("ImagePull", "ErrImagePull: not found")),
        ({"waiting_reason": "InvalidImageName"}, ("ImagePull", "InvalidImageName")),
        (
            {"waiting_reason": "CreateContainerConfigError", "waiting_message": 'secret "s" not found'},
            ("CreateContainerConfigError", 'secret "s" not found'),
        ),
        ({"phase": "Running", "started_at": NOW, "waiting_reason": "ImagePullBackOff"}, None),
    ],
)
def test_a_pod_says_why_it_waits(status: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert waiting(pod_view(**status)) == expected


def test_what_it_waits_for_is_one_line_of_256_characters() -> None:
    told = waiting(pod_view(unschedulable="a\n" * 500))
    assert told is not None
    assert len(told[1]) == 256
    assert "\n" not in told[1]


@pytest.mark.parametrize(
    ("status", "reason", "says", "infrastructure"),
    [
        ({"code": 3}, TaskReason.EXIT_CODE, "exit code 3", False),
        ({"code": 137}, TaskReason.EXIT_CODE, "exit code 137 (killed)", False),
        ({"code": 137, "end_reason": "OOMKilled"}, TaskReason.OOM_KILLED, "out of memory (exit code 137)", False),
        ({"code": 143, "reason": "DeadlineExceeded"}, TaskReason.DEADLINE_EXCEEDED, "timeoutSeconds passed", False),
        ({"code": 0, "reason": "DeadlineExceeded"}, TaskReason.DEADLINE_EXCEEDED, "timeoutSeconds passed", False),
        (
            {"code": 143, "reason": "Evicted", "message": "The node was low on resource: memory."},
            TaskReason.EVICTED,
            "Evicted: The node was low on resource: memory.",
            True,
        ),
        ({**STOPPED, "disruption": "EvictionByEvictionAPI"}, TaskReason.EVICTED, "EvictionByEvictionAPI", True),
        ({**STOPPED, "disruption": "PreemptionByScheduler"}, TaskReason.PREEMPTED, "Preemption", True),
        ({**STOPPED, "disruption": "DeletionByTaintManager"}, TaskReason.NODE_LOST, "DeletionByTaint", True),
        ({"code": 137, "end_reason": "ContainerStatusUnknown"}, TaskReason.NODE_LOST, "ContainerStatusUnknown", True),
        ({"code": 143, "reason": "Terminated", "message": "node shutdown"}, TaskReason.EVICTED, "node shutdown", True),
        (STOPPED, TaskReason.POD_DELETED, "was deleted", True),
        ({"code": 137, "meta": DELETING}, TaskReason.POD_DELETED, "was deleted", True),
        ({"code": 3, "meta": DELETING}, TaskReason.EXIT_CODE, "exit code 3", False),
        ({"code": 3, "meta": DELETING, "deleted_at": NOW}, TaskReason.POD_DELETED, "was deleted", True),
        ({"code": 137, "meta": DELETING, "deleted_at": NOW + 5 * SECOND}, TaskReason.EXIT_CODE, "exit code 137", False),
    ],
)  # fmt: skip
def test_an_ended_container_has_a_reason(
    status: dict[str, Any], reason: TaskReason, says: str, *, infrastructure: bool
) -> None:
    pod = ended_pod(**status)
    assert is_ended(pod)
    result = read_result(pod)
    assert (result.reason, result.infrastructure) == (reason, infrastructure)
    assert says in result.message
    assert result.exit_code == status["code"]


def test_a_kubelet_that_finds_no_container_is_not_asked_for_its_log() -> None:
    """It refuses: the attempt would wait half a minute for it."""
    assert needs_log(ended_pod(code=137, end_reason="ContainerStatusUnknown")) is None
    assert needs_log(ended_pod(code=137)) is not None


@pytest.mark.parametrize(
    ("status", "reason", "says", "infrastructure"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": "disk"}, TaskReason.EVICTED, "Evicted: disk", True),
        ({"phase": "Failed", "reason": "OutOfcpu", "message": "no cpu"}, TaskReason.EVICTED, "OutOfcpu: no cpu", True),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, TaskReason.DEADLINE_EXCEEDED, "timeoutSeconds", False),
        ({"phase": "Failed", "disruption": "DeletionByPodGC"}, TaskReason.NODE_LOST, "DeletionByPodGC", True),
        ({"phase": "Failed", "meta": DELETING}, TaskReason.POD_DELETED, "was deleted", True),
        ({"phase": "Pending", "meta": DELETING}, TaskReason.POD_DELETED, "was deleted", True),
        ({**LOST, "deletion_grace": 0}, TaskReason.POD_DELETED, "was deleted", True),
        ({**LOST, "deletion_grace": 0, "disruption": "DeletionByTaintManager"}, TaskReason.NODE_LOST, "Taint", True),
        ({"phase": "Failed", "message": "init: code 1"}, TaskReason.CREATE_CONTAINER_FAILED, "init: code 1", False),
        (
            {"node": "n", "waiting_reason": "InvalidImageName", "waiting_message": 'couldn\'t parse "a b"'},
            TaskReason.IMAGE_PULL_FAILED,
            "InvalidImageName: couldn't parse",
            False,
        ),
    ],
)  # fmt: skip
def test_a_pod_whose_container_never_ran_has_a_reason(
    status: dict[str, Any], reason: TaskReason, says: str, *, infrastructure: bool
) -> None:
    pod = pod_view(**status)
    assert is_ended(pod)
    assert needs_log(pod) is None
    result = read_result(pod)
    assert (result.reason, result.infrastructure, result.exit_code) == (reason, infrastructure, None)
    assert says in result.message


@pytest.mark.parametrize("word", ["StartError", "ContainerCannotRun"])
def test_a_program_that_cannot_be_started_says_so(word: str) -> None:
    result = read_result(ended_pod(128, 'exec: "nope": executable file not found in $PATH', end_reason=word))
    assert result.reason is TaskReason.CREATE_CONTAINER_FAILED
    assert result.message == 'exec: "nope": executable file not found in $PATH'
    assert not result.infrastructure


@pytest.mark.parametrize(
    "status",
    [
        {"meta": DELETING},
        {"reason": "Evicted"},
        {"disruption": "PreemptionByScheduler", "meta": DELETING},
        {"end_reason": "OOMKilled"},
    ],
)
def test_a_pod_that_still_exits_0_has_succeeded(status: dict[str, Any]) -> None:
    assert read_result(ended_pod(0, **status)).reason is None


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"phase": "Running", "started_at": NOW},
        {"phase": "Pending", "node": "n", "waiting_reason": "ImagePullBackOff"},
        LOST,
        {**LOST, "deletion_grace": 30},
    ],
)
def test_a_pod_that_may_go_on_has_no_result(status: dict[str, Any]) -> None:
    pod = pod_view(**status)
    assert not is_ended(pod)
    with pytest.raises(ValueError, match="has not ended"):
        read_result(pod)


def test_a_kill_from_outside_leaves_the_end_of_the_log_in_the_message() -> None:
    pod = ended_pod(137, nonce="n0nce")
    asked = needs_log(pod)
    assert asked is not None
    assert asked.tail_lines is not None
    assert read_result(pod, b"x\n" * 5000 + b"encoding frame 12\n").message.endswith("encoding frame 12")
    assert read_result(pod, None).message == "exit code 137 (killed)"


def test_a_simulated_pod_that_says_nothing_has_succeeded() -> None:
    result = read_result(ended_pod(0, nonce="n0nce"))
    assert (result.reason, result.exit_code, result.outputs) == (None, 0, {})


def test_outputs_that_are_lost_with_the_log_are_no_fault_of_the_script() -> None:
    pod = ended_pod(0, "brood1 n0nce 0 c 5000 0 0 0 4\n", nonce="n0nce")
    cut = b"\nn0nce\n" + b"x" * 4000
    for log in (None, b"", b"something else\n", cut, cut + b"\nn0nc"):
        lost = read_result(pod, log)
        assert (lost.reason, lost.infrastructure) == (TaskReason.NODE_LOST, True)
    broken = read_result(pod, cut + b"\nn0nce.\n")
    assert (broken.reason, broken.infrastructure) == (TaskReason.OUTPUT_INVALID, False)


def test_a_failed_script_keeps_its_code_when_its_outputs_are_lost() -> None:
    pod = ended_pod(3, "brood1 n0nce 3 c 5000 0 0 0 4\n", nonce="n0nce")
    for log in (None, b"something else"):
        result = read_result(pod, log)
        assert (result.reason, result.exit_code, result.stdout) == (TaskReason.EXIT_CODE, 3, None)


def test_the_message_of_another_program_is_not_taken_for_the_runners() -> None:
    for nonce in ("", "other"):
        result = read_result(ended_pod(0, "brood1 n0nce 3 n 0 0 0 0 0\n", nonce=nonce))
        assert (result.reason, result.exit_code) == (None, 0)


def test_a_log_that_is_an_output_has_limits() -> None:
    pod = ended_pod(0, captures=True)
    asked = needs_log(pod)
    assert asked is not None
    assert asked.tail_lines is None
    assert read_result(pod, b"one\ntwo\n\n").stdout == "one\ntwo"
    assert read_result(pod, None).reason is TaskReason.OUTPUT_INVALID
    assert read_result(pod, b"\xff").reason is TaskReason.OUTPUT_INVALID
    assert read_result(pod, b"x" * asked.limit_bytes).reason is TaskReason.OUTPUT_TOO_LARGE
    assert read_result(ended_pod(1, captures=True), b"why\n").message == "exit code 1: why"
