"""``brood lint``."""

from enum import StrEnum
from typing import Annotated

import typer

from brood.cli.options import Files


class LintFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def lint(
    files: Files,
    *,
    output: Annotated[LintFormat, typer.Option("--output", "-o", help="How findings are printed.")] = LintFormat.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors: exit code 1.")] = False,
) -> None:
    """Check JobDefinitions and JobRuns without running them.

    Errors are what the operator and brood run refuse. Warnings are what most likely was not meant, such as a template
    in a script or a task that can never start. Advice is what could be better, such as an image without a version.

    Objects of other kinds, and files of a directory that hold no objects, are skipped and named at the end.

    For example:

      brood lint manifests/

      kustomize build overlays/prod | brood lint -

      brood lint --strict -o sarif pipeline.yaml > pipeline.sarif

    Exit codes: 0 no error, 1 an error (with --strict, a warning too; advice never), 2 a file cannot be read. Each line
    names file, line, object, field, and the rule.
    """
    from brood.cli.lint import as_json, as_text
    from brood.cli.lint import lint as lint_files
    from brood.cli.sarif import as_sarif

    report = lint_files(files)
    match output:
        case LintFormat.TEXT:
            typer.echo(as_text(report))
        case LintFormat.JSON:
            typer.echo(as_json(report))
        case LintFormat.SARIF:
            typer.echo(as_sarif(report.findings))
    raise typer.Exit(report.exit_code(strict=strict))
