"""Outputs: what a script wrote to stdout, to ``$BROOD_OUTPUT`` and as ``::set-output``, as text.

Contract §1.4: "`$BROOD_OUTPUT`: a file; lines `NAME=value` or `NAME<<EOF … EOF` become outputs; so does a stdout
line `::set-output name=K::V`." "Values are UTF-8 without NUL." §3: "One output is at most 256 KiB […] else
`OutputTooLarge`, naming the size."
"""

import re
from collections.abc import Iterator
from typing import Final

from brood.api.base import reserved_name_problem
from brood.api.reasons import TaskReason

OUTPUT_LIMIT: Final = 256 * 1024

_SET_OUTPUT = re.compile(rb"^::set-output name=([^\n]*?)::([^\n]*)$", re.MULTILINE)
_PREFIX: Final = b"::set-output name="


class OutputError(Exception):
    """An output that cannot be taken; ``reason`` is OutputInvalid or OutputTooLarge."""

    def __init__(self, reason: TaskReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def captured(stdout: bytes) -> str:
    """Return captured stdout, trailing newlines trimmed; raises `OutputError`."""
    return _text(stdout.rstrip(b"\n"), "stdout")


def set_outputs(stdout: bytes) -> dict[str, str]:
    """Return what lines ``::set-output name=K::V`` of a script's stdout set; raises `OutputError`."""
    if _PREFIX not in stdout:
        return {}
    return {
        _name(match[1], where="::set-output"): _text(match[2], f"output {match[1].decode(errors='replace')}")
        for match in _SET_OUTPUT.finditer(stdout)
    }


def written(content: bytes) -> dict[str, str]:
    """Return what the lines of ``$BROOD_OUTPUT`` set, of equal names the last; raises `OutputError`.

    A here-document ends at a line that is its word and nothing else; its value is the lines between, without the last
    newline.
    """
    found: dict[str, str] = {}
    lines = _lines(content)
    for number, line in lines:
        if not line.strip():
            continue
        name, equals, value = line.partition(b"=")
        head, here, word = line.partition(b"<<")
        if here and (not equals or len(head) < len(name)) and word.strip():
            name, value = head, _document(lines, word, start=number)
        elif not equals:
            shown = line[:40].decode(errors="replace")
            raise OutputError(
                TaskReason.OUTPUT_INVALID,
                f"$BROOD_OUTPUT, line {number}: {shown!r} is neither NAME=value nor NAME<<EOF",
            )
        key = _name(name, where=f"$BROOD_OUTPUT, line {number}")
        found[key] = _text(value, f"output {key}")
    return found


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers; an empty one after the last newline is none."""
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    yield from enumerate(lines, start=1)


def _document(lines: Iterator[tuple[int, bytes]], word: bytes, *, start: int) -> bytes:
    body: list[bytes] = []
    for _, line in lines:
        if line == word:
            return b"\n".join(body)
        body.append(line)
    raise OutputError(
        TaskReason.OUTPUT_INVALID,
        f"$BROOD_OUTPUT, line {start}: no line {word.decode(errors='replace')!r} ends the text",
    )


def _name(raw: bytes, *, where: str) -> str:
    name = raw.decode(errors="replace")
    if problem := reserved_name_problem(name):
        raise OutputError(TaskReason.OUTPUT_INVALID, f"{where}: {problem}")
    return name


def _text(value: bytes, what: str) -> str:
    if len(value) > OUTPUT_LIMIT:
        raise too_large(what, len(value))
    if b"\0" in value:
        raise OutputError(TaskReason.OUTPUT_INVALID, f"{what} holds a NUL byte")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise OutputError(TaskReason.OUTPUT_INVALID, f"{what} is not UTF-8 (byte {error.start + 1})") from None


def too_large(what: str, size: int, *, limit: int = OUTPUT_LIMIT) -> OutputError:
    """Return the error that names a size."""
    return OutputError(TaskReason.OUTPUT_TOO_LARGE, f"{what} has {size} bytes (max: {limit})")
