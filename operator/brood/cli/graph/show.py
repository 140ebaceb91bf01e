"""``brood graph``: of a file, of a definition on the cluster, or of a run with its states."""

import sys
from collections.abc import Sequence

from brood.api.jobdefinition import JobDefinitionSpec
from brood.cli.bundle import name_problem, read_bundle
from brood.cli.choose import choose_definition
from brood.cli.display import console_on
from brood.cli.findings import CommandError, InputRefusedError, refuse
from brood.cli.following import read
from brood.cli.graph.mermaid import as_mermaid
from brood.cli.graph.model import Drawing, drawing_of
from brood.cli.graph.svg import as_svg
from brood.cli.graph.text import as_text
from brood.cli.graphs import Graphs
from brood.cli.manifests import STDIN, SUFFIXES
from brood.cli.options import PictureFormat
from brood.cli.reach import Reach
from brood.cli.rows import task_detail
from brood.cli.sift import sift
from brood.cli.tree import ascii_only
from brood.cluster.port import Kind, NotFound
from brood.engine.graph import compile_graph
from brood.views import RunView


def is_file(source: str) -> bool:
    """Whether a command means a file by that word, and not the name of an object."""
    return source == STDIN or "/" in source or source.endswith(SUFFIXES) or bool(name_problem(source))


def of_file(source: str, *, definition: str | None, local: str | None) -> Drawing:
    """Return the drawing of a definition in a file; raises `InputRefusedError` where it has errors."""
    bundle = read_bundle(sift([source]).documents)
    if bundle.findings:
        raise InputRefusedError(bundle.findings)
    return _of_definition(choose_definition(bundle, definition).spec, local)


async def of_cluster(reach: Reach, name: str, *, local: str | None) -> Drawing:
    """Return the drawing of a run, else of a definition of that name."""
    try:
        await reach.port.get(Kind.JOB_RUN, reach.namespace, name)
    except NotFound:
        return _of_definition(JobDefinitionSpec.from_json((await reach.definition(name))["spec"]), local)
    live, key = await read(reach, name)
    view = live.forest.view(key)
    drawing = of_run(view, live.graphs) if view is not None else None
    if drawing is None:
        raise CommandError(f"JobRun {name} follows no definition yet; see brood why {name}")
    return drawing


def of_run(run: RunView, graphs: Graphs) -> Drawing | None:
    """Return the drawing of a run; None where its definition is not known."""
    graph = graphs.graph(run)
    rows = {row.name: (row, task_detail(row)) for row in run.status.tasks}
    return drawing_of(graph, rows) if graph is not None else None


def show(drawing: Drawing, form: PictureFormat, *, no_color: bool) -> None:
    """Print a drawing."""
    if form is PictureFormat.MERMAID:
        print("\n".join(as_mermaid(drawing)))
    elif form is PictureFormat.SVG:
        print(as_svg(drawing))
    else:
        console = console_on(sys.stdout, no_color=no_color)
        lines: Sequence[str] = as_text(drawing, ascii_only=ascii_only(console))
        if max(map(len, lines), default=0) > console.width:
            lines = _listed(drawing)
        print("\n".join(lines))


def _of_definition(spec: JobDefinitionSpec, local: str | None) -> Drawing:
    try:
        return drawing_of(compile_graph("", spec, local=local))
    except KeyError as error:
        names = ", ".join(one.name for one in spec.definitions) or "none"
        raise refuse(f"there is no local definition {local}; there are: {names}", subject="--local") from error


def _listed(drawing: Drawing) -> Sequence[str]:
    """Return a line for each task with those before it: what is left where a picture is too wide for the terminal."""
    before: dict[int, list[str]] = {}
    for edge in drawing.edges:
        label = f" ({edge.label})" if edge.label else ""
        before.setdefault(edge.target, []).append(f"{drawing.boxes[edge.source].name}{label}")
    return [
        "  ".join(
            part
            for part in (box.name, box.phase, box.note, f"after {', '.join(before[at])}" if at in before else "")
            if part
        )
        for at, box in enumerate(drawing.boxes)
    ]
