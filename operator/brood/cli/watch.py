"""``brood watch`` and ``brood wait``: follow runs to their end."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from brood.cli.display import display_on
from brood.cli.follow import REDRAW_SECONDS
from brood.cli.following import following
from brood.cli.options import ObjectFormat
from brood.cli.printing import name_of, print_objects
from brood.cli.reach import Reach
from brood.cli.result import exit_code, headline

EXIT_TIMED_OUT: Final = 3


async def watch(reach: Reach, names: Sequence[str], *, no_color: bool) -> int:
    """Show runs until all have ended, and return the exit code of their results."""
    async with following(reach, names, tree=True) as live:
        display = display_on(sys.stdout, live.graphs.predecessors, no_color=no_color)
        try:
            while not live.finished:
                await live.graphs.learn(reach.port, live.forest.views())
                display.update(live.forest, datetime.now(UTC))
                await asyncio.sleep(REDRAW_SECONDS)
                await live.change()
        finally:
            display.close(live.forest, datetime.now(UTC))
        views = (live.forest.view(key) for key in live.forest.roots)
        print("\n".join(["", *(headline(view) for view in views if view)]), flush=True)
        return exit_code(live.forest)


async def wait(reach: Reach, names: Sequence[str], *, seconds: float | None, output: ObjectFormat) -> int:
    """Wait until all runs have ended, say how, and return the exit code of their results, or `EXIT_TIMED_OUT`."""
    async with following(reach, names, tree=False) as live:
        try:
            async with asyncio.timeout(seconds):
                while not live.finished:
                    await live.change()
        except TimeoutError:
            pass
        manifests = [one for key in live.forest.roots if (one := live.forest.manifest(key)) is not None]
        views = [view for key in live.forest.roots if (view := live.forest.view(key)) is not None]
        gone = {name for _, name in live.forest.gone}
        text = [
            f"{name_of(one)} {'was deleted' if view.meta.name in gone else headline(view).partition(' ')[2]}"
            for one, view in zip(manifests, views, strict=True)
        ]
        print_objects(manifests, output, text=text)
        return exit_code(live.forest) if live.finished else EXIT_TIMED_OUT
