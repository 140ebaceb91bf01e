"""The end of a Pod's log as its script wrote it: without the result that the runner puts behind it where that is large."""

import re
from pathlib import Path
from typing import Final

from brood.cli.wording import printable
from brood.pods.envelope import SECTION_LIMIT

TAIL_BYTES: Final = 16384
_FRAME_BYTES: Final = 4 * SECTION_LIMIT + TAIL_BYTES
_FRAME_END: Final = re.compile(rb"\n([0-9a-f]{16})\.\n\Z")


def last_lines(path: Path, *, count: int) -> list[str]:
    """Return up to so many last lines of a file that are not empty; raises `OSError` where there is no log."""
    data = _end(path, TAIL_BYTES)
    return tail_of(_end(path, _FRAME_BYTES) if _FRAME_END.search(data) else data, count=count)


def tail_of(log: bytes, *, count: int) -> list[str]:
    """Return up to so many last lines of a log that are not empty, safe for a terminal."""
    framed = _FRAME_END.search(log)
    if framed is not None:
        log = log[: max(0, log.rfind(b"\n" + framed[1] + b"\n"))]
    lines = printable(log[-TAIL_BYTES:].decode(errors="replace")).rstrip("\n").split("\n")[-count:]
    return [line for line in lines if line]


def _end(path: Path, size: int) -> bytes:
    with path.open("rb") as log:
        log.seek(0, 2)
        log.seek(max(0, log.tell() - size))
        return log.read()
