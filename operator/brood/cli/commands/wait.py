"""``brood wait``."""

from typing import Annotated

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import ObjectFormat, Output, RunNames, Where


@with_groups
def wait(
    runs: RunNames,
    where: Where,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Give up after it: 90s, 10m, 1h30m. Default: never.")
    ] = None,
    output: Output = ObjectFormat.TEXT,
) -> None:
    """Wait until runs have ended, and say how.

    For example:

      brood wait encode-42 && echo done

      brood wait encode-42 encode-43 --timeout 1h -o json

    Exit codes: 0 all ended Succeeded or PartiallySucceeded, 1 one did not, or was deleted, 2 there is no such run,
    3 the time is over, 130 Ctrl-C.
    """
    from brood.cli.reach import at
    from brood.cli.watch import wait as wait_for

    seconds = _seconds(timeout) if timeout is not None else None
    raise typer.Exit(at(where, lambda reach: wait_for(reach, runs, seconds=seconds, output=output)))


def _seconds(text: str) -> float:
    """Read a time as kubectl does."""
    import re

    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", text)
    if not text or found is None:
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 10m or 1h30m", param_hint="--timeout")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds
