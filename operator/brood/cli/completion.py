"""Completion of names of runs in the shell: those of the cluster that the command line means so far."""

import contextlib
from collections.abc import Sequence

import typer

_PATIENCE = 2.0


def complete_run(context: typer.Context, incomplete: str) -> Sequence[str]:
    """Return the names of root runs that begin so; none where the cluster does not answer soon."""
    import asyncio  # noqa: PLC0415 - only when somebody presses TAB

    from brood.api.labels import ROOT_RUN  # noqa: PLC0415
    from brood.cli.findings import CommandError  # noqa: PLC0415
    from brood.cli.options import Where  # noqa: PLC0415
    from brood.cli.reach import Reach, at  # noqa: PLC0415
    from brood.cluster.port import Kind  # noqa: PLC0415

    names: list[str] = []

    async def look(reach: Reach) -> int:
        async with asyncio.timeout(_PATIENCE):
            listing = await reach.port.list(Kind.JOB_RUN, namespace=reach.namespace, labels=f"!{ROOT_RUN}")
        names.extend(one["metadata"]["name"] for one in listing.items)
        return 0

    given = {key: context.params.get(key) for key in ("namespace", "context", "kubeconfig", "kept")}
    with contextlib.suppress(CommandError, TimeoutError):
        at(Where(**given), look)
    return [name for name in names if name.startswith(incomplete)]
