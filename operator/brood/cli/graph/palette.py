"""The colours of states in pictures, by day and by night; each also differs in its word, never by colour alone."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fill:
    """A light and a dark background, and a line or bar that shows on both."""

    light: str
    dark: str
    line: str


FILLS: Final[dict[str, Fill]] = {
    "": Fill("#f4f6f8", "#22272e", "#7b8794"),
    "Pending": Fill("#f4f6f8", "#22272e", "#7b8794"),
    "Queued": Fill("#fdf3d3", "#3a3113", "#b7860b"),
    "Running": Fill("#dcefff", "#10304a", "#1f7fd1"),
    "Suspended": Fill("#fdf3d3", "#3a3113", "#b7860b"),
    "Succeeded": Fill("#ddf4e2", "#12351f", "#2c974b"),
    "PartiallySucceeded": Fill("#eef4c9", "#31360f", "#8a9a12"),
    "Failed": Fill("#ffe1e0", "#4a1615", "#d1352b"),
    "Cancelled": Fill("#f3e6fa", "#33203f", "#8f4fb5"),
    "Rejected": Fill("#ffe1e0", "#4a1615", "#d1352b"),
    "Skipped": Fill("#f4f6f8", "#22272e", "#a9b3bd"),
}
