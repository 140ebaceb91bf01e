"""``brood interrupt``, ``terminate``, ``suspend`` and ``resume``: they set one field of the runs that they name."""

from collections.abc import Sequence
from typing import Any

import typer

from brood.cli.optiongroups import with_groups
from brood.cli.options import ClusterOptions, ObjectFormat, Output, RunNames


@with_groups
def interrupt(runs: RunNames, where: ClusterOptions, output: Output = ObjectFormat.TEXT) -> None:
    """Let what runs end, and start nothing new.

    What has not started is Cancelled. It acts on the run that it names: a child can be interrupted alone. It cannot be
    taken back; after the end of a run it changes nothing.

    For example:

      brood interrupt encode-42 && brood wait encode-42

    Exit codes: 0 asked for (or the run has ended), 2 there is no such run.
    """
    _steer(runs, where, {"shutdown": "Interrupt"}, "interrupted", output)


@with_groups
def terminate(runs: RunNames, where: ClusterOptions, output: Output = ObjectFormat.TEXT) -> None:
    """Stop running Pods and children too; handlers still run.

    Pods get their grace period; one that still exits with 0 is Succeeded.

    For example:

      brood terminate encode-42 encode-43

    Exit codes: 0 asked for (or the run has ended), 2 there is no such run.
    """
    _steer(runs, where, {"shutdown": "Terminate"}, "terminated", output)


@with_groups
def suspend(runs: RunNames, where: ClusterOptions, output: Output = ObjectFormat.TEXT) -> None:
    """Start nothing until `brood resume`.

    Running tasks finish; deadlines stand still. It acts on the run that it names; a child that runs goes on.

    For example:

      brood suspend nightly-import

    Exit codes: 0 asked for (or the run has ended), 2 there is no such run.
    """
    _steer(runs, where, {"suspend": True}, "suspended", output)


@with_groups
def resume(runs: RunNames, where: ClusterOptions, output: Output = ObjectFormat.TEXT) -> None:
    """Let a suspended run go on.

    For example:

      brood resume nightly-import --context production -n imports

    Exit codes: 0 asked for (or the run has ended), 2 there is no such run.
    """
    _steer(runs, where, {"suspend": None}, "resumed", output)


def _steer(runs: Sequence[str], where: ClusterOptions, spec: dict[str, Any], word: str, output: ObjectFormat) -> None:
    from brood.cli.reach import at
    from brood.cli.steering import steer

    raise typer.Exit(at(where, lambda reach: steer(reach, runs, spec, word=word, output=output)))
