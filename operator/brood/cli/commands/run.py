"""``brood run``."""

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import Format, RunOptions


@with_groups
def run(options: RunOptions) -> None:
    """Run JobRuns on this machine, without a cluster.

    The JobRuns of FILEs are followed to their end. Pods become processes; images are ignored. Without a JobRun in
    the files, the JobDefinition is run with the params of -p. Ctrl-C interrupts: what runs may finish, nothing new
    starts. A second one terminates.

    For example:

      brood run pipeline.yaml -p URL=file:///in.mp4

      brood run examples/02-parallel-video/ --keep /tmp/video

      brood run pipeline.yaml -o json | jq .outputs

    Exit codes: 0 all runs ended Succeeded or PartiallySucceeded, 1 one did not, 2 the files were refused and nothing
    ran.
    """
    from brood.cli.run import run as run_files

    if options.children and options.output is not Format.JSON:
        raise typer.BadParameter("needs -o json", param_hint="--children")
    raise typer.Exit(run_files(options))
