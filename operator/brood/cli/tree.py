"""The live tree: rows drawn with rich, at most ten times a second, and only when something has changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from brood.api.status import ItemsStatus
from brood.cli.forest import Forest
from brood.cli.rows import Predecessors, Row, fit, rows_of
from brood.cli.wording import colour, sign

BAR_WIDTH: Final = 20
NAME_WIDTH: Final = 48
_MARGIN: Final = 1  # the line on which the cursor stands


class Display(Protocol):
    """What shows a run while it goes on."""

    def update(self, forest: Forest, now: datetime) -> None:
        """Show what has changed."""

    def say(self, message: str) -> None:
        """Show a line that is about the command itself."""

    def close(self, forest: Forest, now: datetime) -> None:
        """Show the last state, which stays."""


class TreeDisplay:
    """Draws all root runs of a forest in place; at the end the whole tree stays on the screen."""

    def __init__(self, console: Console, predecessors: Predecessors) -> None:
        self._console = console
        self._predecessors = predecessors
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._live.start()

    def update(self, forest: Forest, now: datetime) -> None:
        """Draw the tree, cut to the height of the terminal."""
        room = max(3, self._console.height - _MARGIN)
        rows, hidden = fit(self._rows(forest, now), room)
        self._live.update(render(rows, hidden=hidden, ascii_only=ascii_only(self._console)), refresh=True)

    def say(self, message: str) -> None:
        """Print a line above the tree."""
        self._console.print(Text(message))

    def close(self, forest: Forest, now: datetime) -> None:
        """Print the whole tree once more, to stay."""
        self._live.stop()
        self._console.print(render(self._rows(forest, now), ascii_only=ascii_only(self._console)))

    def _rows(self, forest: Forest, now: datetime) -> list[Row]:
        views = (forest.view(key) for key in forest.roots)
        waits = self._predecessors
        return [row for view in views if view for row in rows_of(forest, view, now=now, predecessors=waits)]


def ascii_only(console: Console) -> bool:
    """Whether the terminal cannot show signs."""
    return not console.encoding.startswith("utf")


def render(rows: Sequence[Row], *, hidden: int = 0, ascii_only: bool = False) -> RenderableType:
    """Return the rows in columns: name, state, duration, and what there is to say."""
    names = [f"{_guide(row, ascii_only=ascii_only)}{sign(row.phase, ascii_only=ascii_only)} {row.name}" for row in rows]
    width = min(NAME_WIDTH, max((len(name) for name in names), default=0))
    states = max((len(row.phase) for row in rows), default=0)
    lines = [
        _line(row, name.ljust(width), states, ascii_only=ascii_only) for row, name in zip(rows, names, strict=True)
    ]
    if hidden:
        lines.append(Text(f"{'...' if ascii_only else '…'} {hidden} more not shown", style="dim"))
    return Group(*lines)


def _line(row: Row, name: str, states: int, *, ascii_only: bool) -> Text:
    guide = len(_guide(row, ascii_only=ascii_only))
    style = colour(row.phase)
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(name[:guide], style="dim")
    line.append(name[guide : guide + 1], style=style)
    line.append(name[guide + 1 :], style="bold" if row.is_run else "")
    line.append(f"  {row.phase.ljust(states)}", style=style)
    line.append(f"  {row.duration:>6}", style="dim")
    if row.items is not None and row.items.total:
        line.append("  ")
        line.append_text(_bar(row.items, ascii_only=ascii_only))
    if row.detail:
        detail = row.detail.replace("…", "...") if ascii_only else row.detail
        line.append(f"  {detail}", style="red" if row.phase == "Failed" and row.items is None else "")
    return line


def _guide(row: Row, *, ascii_only: bool) -> str:
    if not row.ancestors_last:
        return ""
    down, branch, corner = ("| ", "|-", "`-") if ascii_only else ("│ ", "├─", "└─")
    above = "".join("  " if last else down for last in row.ancestors_last[:-1])
    return above + (corner if row.ancestors_last[-1] else branch)


def _bar(items: ItemsStatus, *, ascii_only: bool) -> Text:
    """Return a bar of `BAR_WIDTH` cells; whatever is there has at least one cell as long as there is room."""
    full, rest = ("#", ".") if ascii_only else ("━", "─")
    parts = (
        (items.succeeded, full, "green"),
        (items.failed, "x" if ascii_only else full, "red"),
        (items.cancelled + items.skipped, "/" if ascii_only else full, "yellow"),
        (items.running, "*" if ascii_only else full, "cyan"),
        (items.total - items.succeeded - items.failed - items.cancelled - items.skipped - items.running, rest, "dim"),
    )
    bar = Text()
    for cells, (_, character, style) in zip(cells_of([count for count, _, _ in parts]), parts, strict=True):
        bar.append(character * cells, style=style)
    return bar


def cells_of(counts: Iterable[int], width: int = BAR_WIDTH) -> list[int]:
    """Share out the cells of a bar by counts; what is there is seen, and the sum is the width."""
    amounts = [max(0, count) for count in counts]
    total = sum(amounts) or 1
    cells = [max(1, amount * width // total) if amount else 0 for amount in amounts]
    while any(cells) and (missing := width - sum(cells)):
        step = 1 if missing > 0 else -1
        errors = [(amount * width / total - here) * step for amount, here in zip(amounts, cells, strict=True)]
        at = max((index for index, here in enumerate(cells) if here > (step < 0)), key=errors.__getitem__)
        cells[at] += step
    return cells
