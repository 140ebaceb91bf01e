"""What ``runner.sh`` left: a line of numbers in the termination message, and what they count there or in the log.

The line is ``brood1 NONCE CODE CAPTURE STDOUT OUTPUT STDERR FILES LINES``: the script's exit code (``-`` where it
never started), ``c`` where stdout is an output, the sizes in bytes of four sections, and how many lines of the log
hold them (0: they follow here). A section above 1 MiB is left out. In the log they stand, byte for byte, between a
line NONCE and a line NONCE and a dot.

The nonce keeps a program that writes a termination message of its own from being taken for the runner. Sizes show
damage: a kubelet puts U+FFFD where a message is not UTF-8, and shells lose NUL bytes.
"""

import re
from dataclasses import dataclass
from typing import Final

SECTION_LIMIT: Final = 1024 * 1024
"""Bytes of the largest section that the runner hands out."""

_HEADER = re.compile(r"brood1 (\S+) (-|\d+) ([cn]) (\d+) (\d+) (\d+) (\d+) (\d+)\n")
_RECORD: Final = 4096  # a runtime may break a long line of a log into records; of this size at the least
_SPARE_LINES: Final = 16


@dataclass(frozen=True, slots=True)
class Sections:
    """The bytes of the four sections; one that was too large is empty."""

    stdout: bytes = b""
    output: bytes = b""
    stderr: bytes = b""
    files: bytes = b""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The line of numbers; ``sizes`` are those of stdout, ``$BROOD_OUTPUT``, the end of stderr and the files.

    ``code`` is None where the script never started, ``inline`` what follows the line.
    """

    nonce: str
    code: int | None
    captured: bool
    sizes: tuple[int, int, int, int]
    lines: int
    inline: bytes

    @property
    def in_log(self) -> bool:
        """Whether the sections are in the log."""
        return self.lines > 0

    @property
    def shipped(self) -> tuple[int, ...]:
        """The sizes of the sections as they were handed out."""
        return tuple(size if size <= SECTION_LIMIT else 0 for size in self.sizes)

    @property
    def tail_lines(self) -> int:
        """How many lines from the end of the log hold all sections for certain.

        A kubelet counts the records that a runtime broke the lines into, the local node lines.
        """
        return self.lines + sum(self.shipped) // _RECORD + _SPARE_LINES

    def sections(self, log: bytes | None) -> Sections | None:
        """Cut the sections out of message or log; None where they are damaged or not there."""
        data = self.inline if not self.in_log else self._framed(log or b"")
        if data is None or len(data) != sum(self.shipped):
            return None
        found, at = [], 0
        for size in self.shipped:
            found.append(data[at : at + size])
            at += size
        return Sections(*found)

    def is_lost(self, log: bytes) -> bool:
        """Whether the frame is not in the log from its first to its last line; else others wrote into it."""
        mark = self.nonce.encode()
        start = log.find(b"\n" + mark + b"\n")
        return start < 0 or log.find(b"\n" + mark + b".\n", start) < 0

    def salvaged(self) -> Sections | None:
        """Return what is certain of a damaged message: the end of stderr may have been cut within a character."""
        output, files = self.shipped[0] + self.shipped[1], self.shipped[3]
        data, damaged = self.inline, "\ufffd".encode()
        if self.in_log or damaged in data[:output]:
            return None
        stderr, listed = data[output : len(data) - files], data[len(data) - files :] if files else b""
        return Sections(data[: self.shipped[0]], data[self.shipped[0] : output], stderr, listed)

    def _framed(self, log: bytes) -> bytes | None:
        mark = self.nonce.encode()
        end = log.rfind(b"\n" + mark + b".\n")
        start = end - sum(self.shipped)
        if end < 0 or start < 0 or not log[:start].endswith(mark + b"\n"):
            return None
        return log[start:end]


def open_envelope(message: str, *, nonce: str) -> Envelope | None:
    """Read a termination message; None where the runner did not write it."""
    header = _HEADER.match(message)
    if header is None or not nonce or header[1] != nonce:
        return None
    code = None if header[2] == "-" else int(header[2])
    stdout, output, stderr, files, lines = map(int, header.groups()[3:])
    inline = message[header.end() :].encode(errors="replace")
    return Envelope(nonce, code, header[3] == "c", (stdout, output, stderr, files), lines, inline)
