"""Messages: one line of at most 256 characters (contract §2.1)."""

import re
from typing import Final

MESSAGE_LENGTH: Final = 256

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]+")


def one_line(text: str) -> str:
    """Return text on one line, cut at its end."""
    line = _flat(text)
    return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 1] + "…"


def with_last_lines(said: str, log: bytes) -> str:
    """Return what is said and, after a colon, as much of a log's end as fits, its lines parted by ``|``."""
    decoded = _ESCAPES.sub("", log.decode(errors="replace"))
    lines = [line for part in re.split(r"[\r\n]+", decoded) if (line := _flat(part.strip("\ufffd")))]
    if not lines:
        return one_line(said)
    room = MESSAGE_LENGTH - len(said) - 2
    tail = " | ".join(lines)
    return f"{said}: {tail if len(tail) <= room else '…' + tail[1 - room :]}"


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", _UNPRINTABLE.sub(" ", _ESCAPES.sub("", text))).strip()
