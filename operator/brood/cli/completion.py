"""Completion of names in the shell: those on the cluster that the command line means so far."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from brood.cli.reach import Reach
    from brood.cluster.port import Kind

_PATIENCE = 2.0


def complete_run(context: typer.Context, incomplete: str) -> Sequence[str]:
    """Return the names of root runs that begin so; none where the cluster does not answer soon."""
    from brood.api.labels import ROOT_RUN  # noqa: PLC0415 - only when somebody presses TAB
    from brood.cluster.port import Kind  # noqa: PLC0415

    return _asked(context, incomplete, lambda reach: _names(reach, Kind.JOB_RUN, f"!{ROOT_RUN}"))


def complete_definition(context: typer.Context, incomplete: str) -> Sequence[str]:
    """Return the names of definitions that begin so."""
    from brood.cluster.port import Kind  # noqa: PLC0415

    return _asked(context, incomplete, lambda reach: _names(reach, Kind.JOB_DEFINITION, None))


def complete_task(context: typer.Context, incomplete: str) -> Sequence[str]:
    """Return the names of the run's tasks that begin so."""

    async def tasks(reach: "Reach") -> list[str]:
        run = await reach.run(context.params["run"])
        return [row["name"] for row in (run.get("status") or {}).get("tasks") or []]

    return _asked(context, incomplete, tasks)


async def _names(reach: "Reach", kind: "Kind", labels: str | None) -> list[str]:
    listing = await reach.port.list(kind, namespace=reach.namespace, labels=labels)
    return [one["metadata"]["name"] for one in listing.items]


def _asked(context: typer.Context, incomplete: str, ask: Callable[["Reach"], Awaitable[list[str]]]) -> Sequence[str]:
    import asyncio  # noqa: PLC0415

    from brood.cli.findings import CommandError  # noqa: PLC0415
    from brood.cli.options import Where  # noqa: PLC0415
    from brood.cli.reach import at  # noqa: PLC0415

    names: list[str] = []

    async def look(reach: "Reach") -> int:
        async with asyncio.timeout(_PATIENCE):
            names.extend(await ask(reach))
        return 0

    given = {key: context.params.get(key) for key in ("namespace", "context", "kubeconfig", "kept")}
    with contextlib.suppress(CommandError, TimeoutError):
        at(Where(**given), look)
    return [name for name in names if name.startswith(incomplete)]
