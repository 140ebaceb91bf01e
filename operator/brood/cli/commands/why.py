"""``brood why``."""

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import ObjectFormat, Output, RunName, Where


@with_groups
def why(run: RunName, where: Where, output: Output = ObjectFormat.TEXT) -> None:
    """Say why a run is not further, and what to do.

    It tells what every task and item waits for. Of an ended run it says what decided its end. Items that wait for
    the same thing are told in one line.

    For example:

      brood why encode-42

      brood why encode-42 -o json | jq -r '.[].reason'

    Exit codes: 0 told, 2 there is no such run.
    """
    from brood.cli.look import explain
    from brood.cli.reach import at

    raise typer.Exit(at(where, lambda reach: explain(reach, run, output=output)))
