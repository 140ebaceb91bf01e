"""``brood logs``."""

from typing import Annotated

import typer

from brood.cli.completion import complete_task
from brood.cli.optiongroups import with_groups
from brood.cli.options import NoColor, RunName, Where


@with_groups
def logs(
    run: RunName,
    where: Where,
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="[TASK[/INDEX]]",
            help="Only that task or item, and what is below it; a path: sub/build.",
            autocompletion=complete_task,
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    tail: Annotated[int | None, typer.Option(min=0, metavar="LINES", help="Only the last lines of each Pod.")] = None,
    no_color: NoColor = False,
) -> None:
    """Print what tasks and items wrote, each line with its origin.

    Lines begin with the task, item (encode[3]) or path (encode[3]/split) that wrote them, #2 at a second attempt.
    With -f the lines of all Pods come as they are written; without, Pod after Pod.

    For example:

      brood logs -f encode-42

      brood logs encode-42 encode/3

      brood logs encode-42 | grep -i error

    Exit codes: 0 printed, 2 there is no such run or task, 130 Ctrl-C.
    """
    from brood.cli.logs import logs as show
    from brood.cli.reach import at

    raise typer.Exit(at(where, lambda reach: show(reach, run, task, follow=follow, tail=tail, no_color=no_color)))
