"""What is wrong with the input, and where: one finding is one line that names file, object, field, and the way out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EXIT_REFUSED: Final = 2
"""Exit code where the input was refused and nothing ran."""

EXIT_INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # it cannot be run
    WARNING = "warning"  # it can be run, and most likely does not do what was meant
    ADVICE = "advice"  # it could be better


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong, or could be better.

    ``file`` is "" for the command line. ``line`` and ``column`` count from 1; they are 0 where they are unknown. The
    ``subject`` is the object (``JobRun encode-42``), ``field`` a path in it (``spec.tasks[0].when``); both may be "".
    ``rule`` is the kind of finding, one word for machines.
    """

    file: str
    line: int
    column: int
    subject: str
    field: str
    message: str
    rule: str = "unreadable-input"
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number]
        place = ":".join([self.file, *numbers]) if self.file else ""
        return ": ".join(part for part in (place, self.subject, self.field, self.message) if part)

    def to_json(self) -> dict[str, str | int]:
        """Return the form of ``brood lint -o json``."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "object": self.subject,
            "field": self.field,
            "message": self.message,
            "rule": self.rule,
            "severity": str(self.severity),
        }


class CommandError(Exception):
    """What was asked for cannot be done; the message names the object and the way out (exit code 2)."""


class InputRefusedError(Exception):
    """The input is refused whole, before anything runs (exit code 2)."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(dict.fromkeys(findings))
        super().__init__("\n".join(str(finding) for finding in self.findings))


def refuse(message: str, *, subject: str = "", field: str = "") -> InputRefusedError:
    """Return the refusal of something on the command line."""
    return InputRefusedError([Finding(file="", line=0, column=0, subject=subject, field=field, message=message)])
