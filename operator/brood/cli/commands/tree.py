"""``brood tree``."""

from typing import Annotated

import typer

from brood.cli.completion import complete_run
from brood.cli.optiongroups import with_groups
from brood.cli.options import NoColor, ObjectFormat, Output, Where


@with_groups
def tree(
    where: Where,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="Name of a JobRun. Without: all root runs of the namespace.",
            autocompletion=complete_run,
        ),
    ] = None,
    items: Annotated[bool, typer.Option("--items", help="The run of each item of a fan-out, too.")] = False,
    output: Output = ObjectFormat.TEXT,
    no_color: NoColor = False,
) -> None:
    """Show a run and what is below it as it is now.

    Each line has name, state, duration, and why it is not running or how it ended; a fan-out is one line with a bar,
    counts and the indexes of failed items.

    For example:

      brood tree

      brood tree encode-42 -n media

      brood tree encode-42 -o json | jq '.[] | select(.phase == "Failed")'

      brood tree encode --kept /tmp/video

    Exit codes: 0 shown, 2 there is no such run.
    """
    from brood.cli.look import tree as show
    from brood.cli.reach import at

    raise typer.Exit(at(where, lambda reach: show(reach, run, items=items, output=output, no_color=no_color)))
