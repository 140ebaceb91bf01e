"""What became of a Pod: its status, the runner's message and the log, as a `TaskResult`."""

from dataclasses import dataclass, field, replace
from typing import Final

from brood.api.reasons import TaskReason
from brood.pods.envelope import SECTION_LIMIT, Envelope, Sections, open_envelope
from brood.pods.failure import NO_CONTAINER, classify, is_ended
from brood.pods.listing import Listing, ListingError, read_listing
from brood.pods.outputs import OUTPUT_LIMIT, OutputError, captured, set_outputs, too_large, written
from brood.pods.text import one_line, with_last_lines
from brood.views import PodView, TaskResult

TAIL_BYTES: Final = 2048
"""How much of a failed Pod's log its message is taken from."""

TAIL_LINES: Final = 20
_TAIL_LIMIT: Final = 4 * 1024 * 1024
_FRAME_LIMIT: Final = 64 * 1024 * 1024
"""A server cuts the lines asked for at their end, which is what counts here. A kubelet's lines are short (16 KiB), so
the limit costs nothing; on the local node a line before the frame may be as long as a script likes."""
_LOG_LIMIT: Final = OUTPUT_LIMIT + 64 * 1024  # with the newlines at its end, which are trimmed


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which part of the log to read: so many lines from its end (None: all), and of those at most so many bytes."""

    limit_bytes: int
    tail_lines: int | None = None


def needs_log(pod: PodView) -> LogRequest | None:
    """Say which part of an ended Pod's log `read_result` needs, or that it needs none."""
    if pod.ended is None or pod.ended.reason == NO_CONTAINER:
        return None
    envelope = open_envelope(pod.ended.message, nonce=pod.nonce)
    if envelope is not None and envelope.in_log:
        return LogRequest(_FRAME_LIMIT, envelope.tail_lines)
    if pod.captures and not pod.nonce:
        return LogRequest(_LOG_LIMIT)
    told = envelope is not None and (envelope.code is None or envelope.sizes[2] > 0)
    if pod.ended.exit_code != 0 and not told:
        return LogRequest(_TAIL_LIMIT, TAIL_LINES)
    return None


def lacks_result(pod: PodView, log: bytes) -> bool:
    """Whether the runner wrote a result to the log that is not, or not whole, in what was read of it."""
    envelope = None if pod.ended is None else open_envelope(pod.ended.message, nonce=pod.nonce)
    return envelope is not None and envelope.in_log and envelope.sections(log) is None


def read_result(pod: PodView, log: bytes | None = None) -> TaskResult:
    """Derive what became of an attempt that `is_ended`.

    Parameters
    ----------
    pod
        The Pod as it is now, or as it was last seen.
    log
        What `needs_log` asked for; None where it could not be read.
    """
    if not is_ended(pod):
        raise ValueError(f"Pod {pod.meta.name} has not ended")
    end = pod.ended
    envelope = open_envelope(end.message, nonce=pod.nonce) if end is not None else None
    if envelope is not None:
        found = _scripted(envelope, log)
    elif end is None:
        found = TaskResult(None)
    else:
        found = _untouched(pod, end.exit_code, log)
    failure = classify(pod)
    if failure is not None:
        message = failure.message
        if failure.reason is TaskReason.OOM_KILLED and found.message:
            message = one_line(f"{message}; {found.message}")
        code = found.exit_code if end is None or found.exit_code is not None else end.exit_code
        found = replace(
            found, reason=failure.reason, message=message, infrastructure=failure.infrastructure, exit_code=code
        )
    if end is not None:
        found = replace(found, started_at=end.started_at or pod.started_at, finished_at=end.finished_at)
    return found


@dataclass(slots=True)
class _Found:
    """What the sections hold, and the first problem with them."""

    stdout: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    reason: TaskReason | None = None
    message: str = ""

    def problem(self, reason: TaskReason, message: str) -> None:
        if self.reason is None:
            self.reason, self.message = reason, one_line(message)


def _scripted(envelope: Envelope, log: bytes | None) -> TaskResult:
    """Return the result of a script that the runner saw to its end."""
    sections = envelope.sections(log)
    if sections is None and not envelope.code:
        return _damaged(envelope, log)
    sections = sections or envelope.salvaged()
    found = _Found() if sections is None else _open(envelope, sections)
    if envelope.code:
        stderr = sections.stderr if sections is not None else b""
        found.reason = TaskReason.EXIT_CODE
        found.message = with_last_lines(f"exit code {envelope.code}", stderr or _last(envelope, log))
    return TaskResult(
        found.reason,
        exit_code=envelope.code if found.reason in (None, TaskReason.EXIT_CODE) else None,
        message=found.message,
        stdout=found.stdout,
        outputs=found.outputs,
        artifacts=found.listing.files,
    )


def _damaged(envelope: Envelope, log: bytes | None) -> TaskResult:
    """Return the result of a script that ended well, but whose outputs did not come through."""
    if not envelope.in_log:
        message = "an output, or the name of an artifact, is not UTF-8 without NUL"
        return TaskResult(TaskReason.OUTPUT_INVALID, message=message)
    if log is None or envelope.is_lost(log):
        how = "with the Pod's log" if log is None else "at the end of the Pod's log, which the container runtime cut"
        message = f"the script ended well, but its outputs were lost {how}"
        return TaskResult(TaskReason.NODE_LOST, message=message, infrastructure=True)
    return TaskResult(
        TaskReason.OUTPUT_INVALID, message="a process that the script left wrote into its outputs in the Pod's log"
    )


def _last(envelope: Envelope, log: bytes | None) -> bytes:
    """Return the end of the log where it was asked for its own sake."""
    return b"" if envelope.in_log else (log or b"")[-TAIL_BYTES:]


def _open(envelope: Envelope, sections: Sections) -> _Found:
    found = _Found()
    try:
        found.listing = read_listing(sections.files)
    except ListingError as error:
        found.problem(TaskReason.OUTPUT_INVALID, str(error))
    for path in found.listing.missing:
        what = "to be taken is not there" if envelope.code is None else "matches nothing"
        found.problem(TaskReason.ARTIFACT_MISSING, f"artifact {path!r} {what}")
    for path in found.listing.failed:
        found.problem(TaskReason.ARTIFACT_MISSING, f"artifact {path!r} could not be copied; the log says why")
    for what, size in zip(("stdout", "$BROOD_OUTPUT", "stderr", "the list of artifacts"), envelope.sizes, strict=True):
        if size > SECTION_LIMIT:
            limit = OUTPUT_LIMIT if what == "stdout" else SECTION_LIMIT
            found.problem(TaskReason.OUTPUT_TOO_LARGE, str(too_large(what, size, limit=limit)))
    try:
        if envelope.captured and envelope.sizes[0] <= SECTION_LIMIT:
            found.stdout = captured(sections.stdout)
        found.outputs |= set_outputs(sections.stdout)
        found.outputs |= written(sections.output)
    except OutputError as error:
        found.problem(error.reason, str(error))
    return found


def _untouched(pod: PodView, code: int, log: bytes | None) -> TaskResult:
    """Return the result of a container without a script, or of a runner that could not say anything any more."""
    stdout, problem = None, None
    if pod.captures and not pod.nonce:
        try:
            stdout = _captured_log(log)
        except OutputError as error:
            problem = error
    if code != 0:
        message = with_last_lines(_code(code), (log or b"")[-TAIL_BYTES:])
        return TaskResult(TaskReason.EXIT_CODE, exit_code=code, message=message, stdout=stdout)
    if problem is not None:
        return TaskResult(problem.reason, message=one_line(str(problem)))
    return TaskResult(None, exit_code=code, stdout=stdout)


def _captured_log(log: bytes | None) -> str:
    if log is None:
        raise OutputError(TaskReason.OUTPUT_INVALID, "the output was lost: the Pod's log could not be read")
    if len(log) >= _LOG_LIMIT:
        raise OutputError(
            TaskReason.OUTPUT_TOO_LARGE, f"the log has more than {OUTPUT_LIMIT} bytes (max: {OUTPUT_LIMIT})"
        )
    return captured(log)


def _code(code: int) -> str:
    return "exit code 137 (killed)" if code == 137 else f"exit code {code}"  # noqa: PLR2004
