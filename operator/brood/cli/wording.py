"""How states, times and counts are put into words and signs; what comes from a Pod is made harmless for a terminal."""

import re
from datetime import datetime
from typing import Final

from brood.api.phases import RunPhase, TaskPhase

_CONTROL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]"  # escape sequences
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"  # and what turns the direction of writing
)
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_KIBI: Final = 1024

Phase = TaskPhase | RunPhase

_SIGNS: Final[dict[str, tuple[str, str, str]]] = {  # phase -> sign, ASCII sign, colour
    "Pending": ("○", ".", "dim"),
    "Queued": ("◷", "~", "yellow"),
    "Running": ("●", "*", "cyan"),
    "Suspended": ("◫", "=", "yellow"),
    "Succeeded": ("✔", "+", "green"),
    "PartiallySucceeded": ("✔", "+", "yellow"),
    "Failed": ("✘", "x", "red"),
    "Cancelled": ("⊘", "/", "yellow"),
    "Skipped": ("↷", "-", "dim"),
    "Rejected": ("✘", "x", "red"),
}


def sign(phase: str, *, ascii_only: bool) -> str:
    """Return the one-cell sign of a phase."""
    return _SIGNS[phase][1 if ascii_only else 0]


def colour(phase: str) -> str:
    """Return the style in which a phase is shown."""
    return _SIGNS[phase][2]


def one_line(text: str, *, width: int = 200) -> str:
    """Return text from anywhere as one printable line: no control characters, no escape sequences."""
    lines = [line.strip() for line in printable(text).splitlines() if line.strip()]
    line = " | ".join(lines)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def printable(text: str) -> str:
    """Remove what could steer a terminal; line ends and tabs stay."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def span(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took, in at most two units; objects keep whole seconds."""
    if start is None or end is None:
        return ""
    seconds = max(0, int((end - start).total_seconds()))
    if seconds == 0:
        return "<1s"
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m{seconds % _MINUTE:02}s"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h{seconds % _HOUR // _MINUTE:02}m"
    return f"{seconds // _DAY}d{seconds % _DAY // _HOUR:02}h"


def size(count: int) -> str:
    """Return a number of bytes for people."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < _KIBI:
            break
        value, unit = value / _KIBI, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def plural(count: int, noun: str) -> str:
    """Return ``1 task``, ``2 tasks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shorten_list(text: str, *, width: int = 40) -> str:
    """Return a list of ranges, cut between two of them."""
    if len(text) <= width:
        return text
    return f"{text[:width].rpartition(',')[0]},…"
