"""The options that commands share, and the arguments of those that have many."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from brood.cli.completion import complete_definition, complete_run


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class ObjectFormat(StrEnum):
    """How objects are printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class PictureFormat(StrEnum):
    """How a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE", help="YAML or JSON files, directories of such files, or - for standard input."),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of a JobRun.", autocompletion=complete_run)]
RunNames = Annotated[
    list[str], typer.Argument(metavar="RUN", help="Names of JobRuns, roots or children.", autocompletion=complete_run)
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=value", help="A param of the run; may be repeated."),
]
Output = Annotated[ObjectFormat, typer.Option("--output", "-o", help="How it is printed.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR in the environment does the same.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Which API server, and which namespace."""

    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", metavar="NS", help="Default: the context's, else default.")
    ] = None
    context: Annotated[str | None, typer.Option(metavar="NAME", help="Context of the kubeconfig.")] = None
    kubeconfig: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Default: $KUBECONFIG, else the cluster around us, else ~/.kube/config."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Where(ClusterOptions):
    """Where a run is looked at: on a cluster, or in the directory that `brood run` left."""

    kept: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Look at an ended `brood run` in its directory instead of at a cluster."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What was asked for on the command line of `brood run`."""

    sources: Files
    params: Params = None
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep logs and files of the run in DIR. Default: ~/.local/state/brood/runs, the newest 20.",
        ),
    ] = None
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How the result is printed; with json, progress goes to stderr.")
    ] = Format.TEXT
    children: Annotated[bool, typer.Option("--children", help="With -o json: every run below, too.")] = False
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run.")] = None
    definition: Annotated[
        str | None,
        typer.Option(
            "--definition",
            "-d",
            metavar="NAME",
            help="Which definition to run, if the files hold several and no JobRun.",
        ),
    ] = None
    no_color: NoColor = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOptions:
    """What was asked for on the command line of `brood submit`."""

    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|DEFINITION",
            help="Files as for brood run, or a JobDefinition of the cluster.",
            autocompletion=complete_definition,
        ),
    ]
    params: Params = None
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run. Default: made up.")] = None
    definition: Annotated[
        str | None,
        typer.Option("--definition", "-d", metavar="NAME", help="Which one to run, if the files hold several."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterOptions:
    """What is done once a run is created."""

    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end; the exit code is its result.")] = False
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show its live tree to its end.")] = False
    output: Output = ObjectFormat.TEXT
    no_color: NoColor = False
