"""The rows of the page: those of the tree, with bars; the items of a fan-out below its one row."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from brood.cli.report.bars import Bar, Times
from brood.cli.report.scale import Scale
from brood.cli.rows import Row
from brood.cli.wording import one_line, sign

_LOWEST, _HIGHEST = 18, 150
"""Pixels of the picture of a fan-out."""
_BAD_WIDTH = 7
"""Thousandths of its width that a failed item takes at the least, so that one in 2,000 is seen."""


@dataclass(slots=True)
class Line:
    """A row: ``bars`` are (kind, left, width) in percent. ``items`` are the rows of a fan-out's items."""

    name: str
    title: str
    sign: str
    phase: str
    depth: int
    duration: str
    detail: str
    bars: list[tuple[str, float, float]]
    is_run: bool
    items: list["Line"] = field(default_factory=list)
    picture: str = ""
    height: int = 0


def lines_of(rows: Sequence[Row], times: Times, scale: Scale) -> list[Line]:
    """Return the lines of a tree's rows."""
    lines: list[Line] = []
    at = 0
    while at < len(rows):
        row = rows[at]
        line = _line(row, times, scale)
        lines.append(line)
        at += 1
        if row.items is None:
            continue
        begin = at
        while at < len(rows) and len(rows[at].ancestors_last) > len(row.ancestors_last):
            at += 1
        line.items = _items(rows[begin:at], times, scale)
        tops = [one for one in line.items if one.depth == line.depth + 1]
        line.height = min(_HIGHEST, max(_LOWEST, 3 * len(tops)))
        line.picture = _picture(tops, line.height)
    return lines


def _items(rows: Sequence[Row], times: Times, scale: Scale) -> list[Line]:
    """Return the lines of items; the only task of a container body's item is the item itself."""
    lines: list[Line] = []
    for row in rows:
        if row.task is not None and row.run is not None and row.run.spec.definition_ref.task:
            lines[-1].detail = row.detail
            continue
        lines.append(_line(row, times, scale))
    return lines


def _line(row: Row, times: Times, scale: Scale) -> Line:
    index = row.run.index if row.is_run and row.run is not None else None
    return Line(
        name=f"[{index}]" if index is not None else row.name,
        title=row.name,
        sign=sign(row.phase, ascii_only=False),
        phase=row.phase,
        depth=len(row.ancestors_last),
        duration=row.duration,
        detail=one_line(row.detail, width=400),
        bars=[_placed(bar, scale) for bar in times.of(row)],
        is_run=row.is_run,
    )


def _placed(bar: Bar, scale: Scale) -> tuple[str, float, float]:
    left = scale.place(bar.start)
    return bar.kind, round(left, 3), round(scale.place(bar.end) - left, 3)


def _picture(items: Sequence[Line], height: int) -> str:
    """Return SVG paths: each item a thin line, from the first at the top to the last at the bottom."""
    paths: dict[str, list[str]] = {}
    for at, item in enumerate(items):
        y = (at + 0.5) * height / len(items)
        for kind, left, width in item.bars:
            bad = kind == "running" and item.phase in ("Failed", "Cancelled")
            least = _BAD_WIDTH if bad else 1
            paths.setdefault(f"{kind} bad" if bad else kind, []).append(
                f"M{left * 10:.1f} {y:.1f}h{max(width * 10, least):.1f}"
            )
    thick = 0.8 * height / max(1, len(items))
    order = (("queued", 1.0), ("pending", 1.0), ("running", 1.0), ("running bad", 3.0))  # what is last is on top
    return "".join(
        f'<path class="{name}" stroke-width="{max(least, thick):.2f}" d="{"".join(paths[name])}"/>'
        for name, least in order
        if name in paths
    )
