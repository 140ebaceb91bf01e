"""``brood rerun``."""

from typing import Annotated

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import AfterOptions, ClusterOptions, RunName


@with_groups
def rerun(
    run: RunName,
    after: AfterOptions,
    where: ClusterOptions,
    from_failed: Annotated[
        bool, typer.Option("--from-failed", help="Take over the tasks and items that succeeded, run the rest.")
    ] = False,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the new run. Default: made up.")] = None,
) -> None:
    """Run the same again, whole or from what failed.

    It creates a new JobRun with the definition and params of an earlier one, which stays as it is. With --from-failed
    it follows the very revision that the earlier one followed; without, the definition as it is now.

    For example:

      brood rerun encode-42 --from-failed --watch

      brood rerun encode-42 --name encode-43

    Exit codes: 0 created; with --wait or --watch: it ended Succeeded or PartiallySucceeded, 1 it did not, 2 refused.
    """
    from brood.cli.reach import at
    from brood.cli.submit import rerun as again

    raise typer.Exit(at(where, lambda reach: again(reach, run, name, after, from_failed=from_failed)))
