"""``brood submit``."""

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import AfterOptions, ClusterOptions, SubmitOptions


@with_groups
def submit(options: SubmitOptions, after: AfterOptions, where: ClusterOptions) -> None:
    """Create runs on a cluster, and what they need.

    FILEs are checked first; their JobDefinitions are created, or brought to what the file says, then their JobRuns are
    created. Files with a definition only, or the name of a definition that is there, are run with the params of -p.

    For example:

      brood submit pipeline.yaml -p URL=https://example.com/in.mp4 --watch

      brood submit parallel-video-encoding -p URL=file:///in.mp4 -n media

      run=$(brood submit nightly-import -o name) && kubectl wait --for=condition=Succeeded "$run"

    Exit codes: 0 created; with --wait or --watch: all ended Succeeded or PartiallySucceeded, 1 one did not,
    2 refused, nothing was created.
    """
    from brood.cli.reach import at
    from brood.cli.submit import submit as create

    raise typer.Exit(at(where, lambda reach: create(reach, options, after)))
