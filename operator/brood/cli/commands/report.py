"""``brood report``."""

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import RunName, Where


@with_groups
def report(run: RunName, where: Where) -> None:
    """Write a page about a run: graph, times, outputs, failures.

    One HTML file that needs nothing from elsewhere, by day or by night: the graph coloured by state, when each task and
    item was queued, pending and running, outputs and files, and what failed with the end of its log.

    For example:

      brood report encode-42 > encode-42.html

      brood report encode --kept /tmp/video > video.html

    Exit codes: 0 written, 2 there is no such run.
    """
    from brood.cli.reach import Reach, at
    from brood.cli.report.page import report as page

    async def written(reach: Reach) -> int:
        print(await page(reach, run))
        return 0

    raise typer.Exit(at(where, written))
