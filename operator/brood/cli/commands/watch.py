"""``brood watch``."""

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import NoColor, RunNames, Where


@with_groups
def watch(runs: RunNames, where: Where, no_color: NoColor = False) -> None:
    """Show the live tree of runs until they have ended.

    Every task has state, attempt, duration, and why it waits; a fan-out is one line. On a terminal the tree is
    drawn in place; elsewhere each change is a line. Ctrl-C stops watching and leaves the runs alone; `brood
    interrupt` stops them.

    For example:

      brood watch encode-42

      brood watch encode-42 encode-43 | grep Failed

    Exit codes: 0 all ended Succeeded or PartiallySucceeded, 1 one did not, 2 there is no such run, 130 Ctrl-C.
    """
    from brood.cli.reach import at
    from brood.cli.watch import watch as follow

    raise typer.Exit(at(where, lambda reach: follow(reach, runs, no_color=no_color)))
