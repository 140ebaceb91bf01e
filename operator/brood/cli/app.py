"""The command ``brood``; also ``kubectl brood``, where ``kubectl-brood`` is on PATH.

What a command needs is imported when it runs, so that ``brood --help`` is quick, and ``brood run`` never loads a
Kubernetes client.
"""

import errno
import io
import os
import shlex
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Annotated

import typer

from brood import __version__
from brood.cli.commands.graph import graph
from brood.cli.commands.lint import lint
from brood.cli.commands.logs import logs
from brood.cli.commands.operator import operator
from brood.cli.commands.report import report
from brood.cli.commands.rerun import rerun
from brood.cli.commands.run import run
from brood.cli.commands.steer import interrupt, resume, suspend, terminate
from brood.cli.commands.submit import submit
from brood.cli.commands.tree import tree
from brood.cli.commands.wait import wait
from brood.cli.commands.watch import watch
from brood.cli.commands.why import why
from brood.cli.findings import EXIT_INTERRUPTED, EXIT_REFUSED, CommandError, InputRefusedError
from brood.cli.streams import open_streams, write_nowhere

app = typer.Typer(
    name="brood",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


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


for command in (
    *(run, lint, graph),
    *(submit, rerun, interrupt, terminate, suspend, resume),
    *(watch, wait, tree, why, logs, report),
    operator,
):
    app.command()(command)


def complete_for_kubectl() -> None:
    """Complete ``kubectl brood WORD…``; the entry point of ``kubectl_complete-brood``, which kubectl asks.

    It answers with a line for each word that fits, and whether the shell may offer files where there is none.
    """
    *words, begun = sys.argv[1:] or [""]
    told = {"COMP_WORDS": shlex.join(["brood", *words, begun]), "COMP_CWORD": str(len(words) + 1)}
    os.environ.update(told, _BROOD_COMPLETE="complete_bash")
    said = io.StringIO()
    with redirect_stdout(said), suppress(SystemExit):
        app(prog_name="brood")
    found = [line for line in said.getvalue().splitlines() if line]
    print("\n".join([*found, ":4" if found else ":0"]))


def main() -> None:
    """Run the command line; the entry point of ``brood`` and ``kubectl-brood``."""
    called = Path(sys.argv[0]).name
    open_streams()
    try:
        app(prog_name="kubectl brood" if called == "kubectl-brood" else "brood")
    except InputRefusedError as refused:
        for finding in refused.findings:
            typer.echo(str(finding), err=True)
        typer.echo("refused, nothing ran", err=True)
        sys.exit(EXIT_REFUSED)
    except CommandError as error:
        typer.echo(str(error), err=True)
        sys.exit(EXIT_REFUSED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        write_nowhere()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        write_nowhere()
        typer.echo(f"{error.filename or 'what is printed'} cannot be written: {error.strerror}", err=True)
        sys.exit(1)
