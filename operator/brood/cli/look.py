"""``brood tree`` and ``brood why``: a run as it is now."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import TypeAdapter

from brood.api.base import GROUP
from brood.api.labels import ROOT_RUN
from brood.api.phases import RunPhase
from brood.api.status import TaskStatus
from brood.cli.display import console_on
from brood.cli.following import read
from brood.cli.forest import Forest
from brood.cli.options import ObjectFormat
from brood.cli.printing import print_data
from brood.cli.reach import Reach
from brood.cli.rows import Row, rows_of
from brood.cli.tree import ascii_only, render
from brood.cli.why import Why, why
from brood.cluster.port import Kind, Manifest

_ROWS: Final = TypeAdapter(TaskStatus)


async def tree(reach: Reach, name: str | None, *, items: bool, output: ObjectFormat, no_color: bool) -> int:
    """Print the tree of a run, or a line for each root run of the namespace."""
    now = datetime.now(UTC)
    rows = await _roots(reach, now) if name is None else await _tree(reach, name, now, items=items)
    if output is ObjectFormat.TEXT and not rows:
        print(f"no runs in namespace {reach.namespace}", file=sys.stderr)
    elif output is ObjectFormat.TEXT:
        console = console_on(sys.stdout, no_color=no_color)
        console.print(render(rows, ascii_only=ascii_only(console)))
    elif output is ObjectFormat.NAME:
        print("\n".join(f"jobrun.{GROUP}/{row.run.meta.name}" for row in rows if row.is_run and row.run))
    else:
        print_data([row_to_json(row) for row in rows], output)
    return 0


async def _tree(reach: Reach, name: str, now: datetime, *, items: bool) -> list[Row]:
    live, key = await read(reach, name, item_runs=(lambda _: True) if items else None)
    view = live.forest.view(key)
    return rows_of(live.forest, view, now=now, predecessors=live.graphs.predecessors, items=items) if view else []


async def _roots(reach: Reach, now: datetime) -> list[Row]:
    listing = await reach.port.list(Kind.JOB_RUN, namespace=reach.namespace, labels=f"!{ROOT_RUN}")
    forest = Forest()
    for manifest in sorted(listing.items, key=lambda one: str(one["metadata"].get("creationTimestamp"))):
        forest.put(manifest)
    rows = (rows_of(forest, view, now=now, predecessors=lambda _: {}) for view in forest.views())
    return [run_row[0] for run_row in rows]


def row_to_json(row: Row) -> dict[str, Any]:
    """Return a row as data: the fields of the status that it shows, and where it stands."""
    if row.task is None:
        return {"path": row.path, "kind": "run", "name": row.name, "phase": row.phase, "detail": row.detail}
    return {
        "path": row.path,
        "kind": "task",
        **_ROWS.dump_python(row.task, mode="json", by_alias=True, exclude_defaults=True),
    }


async def explain(reach: Reach, name: str, *, output: ObjectFormat) -> int:
    """Print why a run is not further."""
    live, key = await read(reach, name, item_runs=_tells)
    answers = why(live.forest, key, live.graphs.predecessors)
    if output is ObjectFormat.TEXT:
        print("\n".join(_lines(answers)))
    elif output is ObjectFormat.NAME:
        print("\n".join(f"{one.path} {one.reason or one.phase}" for one in answers))
    else:
        print_data([one.to_json() for one in answers], output)
    return 0


def _tells(manifest: Manifest) -> bool:
    """Whether an item's run can say why something waits or failed: of 10,000 items most have succeeded."""
    return (manifest.get("status") or {}).get("phase") != RunPhase.SUCCEEDED


def _lines(answers: list[Why]) -> Iterator[str]:
    told: set[str] = set()
    for one in answers:
        words = ": ".join(part for part in (one.reason if one.reason != one.phase else "", one.message) if part)
        yield f"{one.path}  {one.phase}" + (f"  {words}" if words else "")
        if one.reason in told:
            continue
        told.add(one.reason)
        if one.meaning:
            yield f"    {one.meaning}"
        if one.way_out:
            yield f"    -> {one.way_out}"
