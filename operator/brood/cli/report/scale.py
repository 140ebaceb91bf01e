"""From times to places on a page, and the marks of the axis."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_MARKS: Final = 8
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Scale:
    """The time that the page shows; places are percent of its width."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it is, at least a second."""
        return max(1.0, (self.end - self.start).total_seconds())

    def place(self, moment: datetime) -> float:
        """Return where a moment is."""
        return max(0.0, min(100.0, 100 * (moment - self.start) / timedelta(seconds=self.seconds)))

    @property
    def step(self) -> int:
        """Seconds between two marks."""
        fitting = (step for step in _STEPS if self.seconds / step <= _MARKS)
        return next(fitting, _DAY * (1 + int(self.seconds / _DAY / _MARKS)))

    def marks(self) -> list[tuple[float, str]]:
        """Return the marks: place and label, counted from the start."""
        count = int(self.seconds // self.step)
        return [(100 * at * self.step / self.seconds, _label(at * self.step)) for at in range(count + 1)]


def _label(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0"
