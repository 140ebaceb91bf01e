"""How a run is shown while it goes on: the live tree on a terminal, plain lines for everything else."""

from typing import Final, TextIO

from rich.console import Console

from brood.cli.plain import PlainDisplay
from brood.cli.rows import Predecessors
from brood.cli.tree import Display, TreeDisplay

_UNLIMITED: Final = 10_000


def display_on(stream: TextIO, predecessors: Predecessors, *, no_color: bool) -> Display:
    """Return what suits a stream."""
    console = console_on(stream, no_color=no_color)
    if console.is_terminal and not console.is_dumb_terminal:
        return TreeDisplay(console, predecessors)
    return PlainDisplay(stream)


def console_on(stream: TextIO, *, no_color: bool) -> Console:
    """Return a console; without ``no_color`` NO_COLOR of the environment decides."""
    width = None if stream.isatty() else _UNLIMITED  # what is read by programs is not cut
    return Console(file=stream, no_color=True if no_color else None, highlight=False, soft_wrap=False, width=width)
