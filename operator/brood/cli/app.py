"""The command ``brood``; also ``kubectl brood``, where ``kubectl-brood`` is on PATH.

What a command needs is imported when it runs, so that ``brood --help`` is quick, and ``brood run`` never loads a
Kubernetes client.
"""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from brood import __version__
from brood.cli.findings import EXIT_REFUSED, InputRefusedError

app = typer.Typer(
    name="brood",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


class Format(StrEnum):
    """How a result is printed."""

    TEXT = "text"
    JSON = "json"


class LintFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE", help="YAML or JSON files, directories of such files, or - for standard input."),
]


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"brood {__version__}")
        raise typer.Exit


@app.callback()
def brood(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _version(wanted=wanted), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Job trees: graphs of tasks, parallel items and child runs, on Kubernetes or on this machine.

    Exit codes: 0 success, 1 something did not succeed, 2 the input was refused and nothing ran.
    """


@app.command()
def run(
    files: Files,
    *,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=value", help="A param of the run; may be repeated."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep logs and files of the run in DIR. Default: ~/.local/state/brood/runs, the newest 20.",
        ),
    ] = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="How the result is printed; with json, progress goes to stderr.")
    ] = Format.TEXT,
    children: Annotated[bool, typer.Option("--children", help="With -o json: every run below, too.")] = False,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the run.")] = None,
    definition: Annotated[
        str | None,
        typer.Option(
            "--definition",
            "-d",
            metavar="NAME",
            help="Which definition to run, if the files hold several and no JobRun.",
        ),
    ] = None,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; NO_COLOR in the environment does the same.")
    ] = False,
) -> None:
    """Run the JobRuns of FILEs on this machine, without a cluster, and follow them to their end.

    Pods become processes; images are ignored. Without a JobRun in the files, the JobDefinition is run with the params
    of -p. Ctrl-C interrupts: what runs may finish, nothing new starts. A second one terminates.

    For example:

      brood run pipeline.yaml -p URL=file:///in.mp4

      brood run examples/02-parallel-video/ --keep /tmp/video

      brood run pipeline.yaml -o json | jq .outputs

    Exit codes: 0 all runs ended Succeeded or PartiallySucceeded, 1 one did not, 2 the files were refused and nothing
    ran.
    """
    from brood.cli.prepare import RunOptions  # noqa: PLC0415  # lazy
    from brood.cli.run import run as run_files  # noqa: PLC0415

    if children and output is not Format.JSON:
        raise typer.BadParameter("needs -o json", param_hint="--children")
    options = RunOptions(
        sources=files,
        params=params or (),
        keep=keep,
        json=output is Format.JSON,
        children=children,
        name=name,
        definition=definition,
        colour=not no_color,
    )
    raise typer.Exit(run_files(options))


@app.command()
def lint(
    files: Files,
    *,
    output: Annotated[LintFormat, typer.Option("--output", "-o", help="How findings are printed.")] = LintFormat.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors: exit code 1.")] = False,
) -> None:
    """Check JobDefinitions and JobRuns without running them.

    Errors are what the operator and brood run refuse. Warnings are what most likely was not meant, such as a template
    in a script or a task that can never start. Advice is what could be better, such as an image without a version.

    For example:

      brood lint manifests/

      brood lint --strict -o sarif pipeline.yaml > pipeline.sarif

    Exit codes: 0 no error, 1 an error (with --strict, a warning too; advice never), 2 a file cannot be read. Each line
    names file, line, object, field, and the rule.
    """
    from brood.cli.lint import as_json, as_text  # noqa: PLC0415
    from brood.cli.lint import lint as lint_files  # noqa: PLC0415
    from brood.cli.sarif import as_sarif  # noqa: PLC0415

    report = lint_files(files)
    match output:
        case LintFormat.TEXT:
            typer.echo(as_text(report))
        case LintFormat.JSON:
            typer.echo(as_json(report))
        case LintFormat.SARIF:
            typer.echo(as_sarif(report.findings))
    raise typer.Exit(report.exit_code(strict=strict))


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def operator(context: typer.Context) -> None:
    """Work on a Kubernetes cluster as its operator (`brood operator --help`)."""
    from brood.cli.operator import main as operator_main  # noqa: PLC0415

    operator_main(context.args)


def main() -> None:
    """Run the command line; the entry point of ``brood`` and ``kubectl-brood``."""
    called = Path(sys.argv[0]).name
    try:
        app(prog_name="kubectl brood" if called == "kubectl-brood" else "brood")
    except InputRefusedError as refused:
        for finding in refused.findings:
            typer.echo(str(finding), err=True)
        typer.echo("refused, nothing ran", err=True)
        sys.exit(EXIT_REFUSED)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # else the interpreter complains when it flushes at its end
        sys.exit(1)
