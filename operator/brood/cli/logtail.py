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
    """Return up to so many last lines that are not empty, safe for a terminal; raises `OSError` where there is no log."""
    data = _end(path, TAIL_BYTES)
    framed = _FRAME_END.search(data)
    if framed is not None:
        whole = _end(path, _FRAME_BYTES)
        start = whole.rfind(b"\n" + framed[1] + b"\n")
        if start >= 0:
            data = whole[max(0, start - TAIL_BYTES) : start]
    lines = printable(data.decode(errors="replace")).rstrip("\n").split("\n")[-count:]
    return [line for line in lines if line]


def _end(path: Path, size: int) -> bytes:
    with path.open("rb") as log:
        log.seek(0, 2)
        log.seek(max(0, log.tell() - size))
        return log.read()
