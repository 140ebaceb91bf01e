from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner

from brood.cli.optiongroups import with_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    place: Annotated[Path, typer.Argument(metavar="PLACE")]
    level: Annotated[int, typer.Option("--level", "-l", min=1, help="How high.")] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    loud: Annotated[bool, typer.Option("--loud")] = False


def test_fields_of_dataclasses_are_options_of_the_command() -> None:
    app = typer.Typer()
    seen: list[tuple[Where, How, str]] = []

    @app.command()
    @with_groups
    def command(where: Where, how: How, name: str = "x") -> None:
        """Do it."""
        seen.append((where, how, name))

    runner = CliRunner()
    assert runner.invoke(app, ["/here", "-l", "7", "--name", "y"]).exit_code == 0
    assert runner.invoke(app, ["--loud", "/there"]).exit_code == 0
    assert seen == [
        (Where(place=Path("/here"), level=7), How(), "y"),
        (Where(place=Path("/there")), How(loud=True), "x"),
    ]
    assert runner.invoke(app, ["/here", "--level", "0"]).exit_code == 2
    assert "How high." in runner.invoke(app, ["--help"]).output
