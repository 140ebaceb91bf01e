"""``brood graph``."""

from typing import Annotated

import typer

from brood.cli.completion import complete_run
from brood.cli.optiongroups import with_groups
from brood.cli.options import NoColor, PictureFormat, Where

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE|DEFINITION|RUN",
        help="A file (with a / or a suffix, or -), else a JobRun, else a JobDefinition.",
        autocompletion=complete_run,
    ),
]


@with_groups
def graph(
    source: Source,
    where: Where,
    definition: Annotated[
        str | None, typer.Option("--definition", "-d", metavar="NAME", help="Which one, if the file holds several.")
    ] = None,
    local: Annotated[str | None, typer.Option(metavar="NAME", help="A local definition of it.")] = None,
    output: Annotated[PictureFormat, typer.Option("--output", "-o", help="What is drawn.")] = PictureFormat.TEXT,
    no_color: NoColor = False,
) -> None:
    """Draw the graph of a definition, or of a run with its states.

    Lines are what a task waits for; in mermaid and svg routes (onSucceeded, onFailed, onExitCode) are dashed.

    For example:

      brood graph pipeline.yaml

      brood graph encode-42 -o svg > encode-42.svg

      brood graph pipeline.yaml -o mermaid >> README.md

    Exit codes: 0 drawn, 2 there is no such file, definition or run, or it has errors.
    """
    from brood.cli.graph.show import is_file, of_cluster, of_file, show
    from brood.cli.reach import Reach, at

    async def drawn(reach: Reach) -> int:
        show(await of_cluster(reach, source, local=local), output, no_color=no_color)
        return 0

    if not is_file(source):
        raise typer.Exit(at(where, drawn))
    show(of_file(source, definition=definition, local=local), output, no_color=no_color)
