"""The page of the command line in docs/, from the commands themselves."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from brood.cli.app import app

_HEAD = """# The command line

`brood` and `kubectl brood` are the same. `brood run`, `lint` and `graph FILE` need no cluster. The others speak to the API server of the kubeconfig
(`--kubeconfig`, `--context`, `-n`); those that only look take `--kept DIR` instead, the directory that an ended `brood run` left.

![The live tree of a run](../pictures/watch.png)

![The page of a run with 2,000 items](../pictures/report.png)

![The same by night, its items unfolded](../pictures/report-dark.png)

States have words beside signs and colours, so that one can grep for them; `--no-color` or NO_COLOR leaves colours out, and where the terminal has no UTF-8 signs are
ASCII. `brood --install-completion` has the shell complete commands, options and names of runs, tasks and definitions; for `kubectl brood` kubectl's own
completion does (`kubectl_complete-brood` is installed beside `kubectl-brood`; options stand behind the command: `kubectl brood tree -n team`).

## Exit codes

| code | meaning |
| --- | --- |
| 0 | done; of runs that are followed: all ended Succeeded or PartiallySucceeded |
| 1 | a run that is followed did not succeed, or `lint` found an error |
| 2 | refused: bad options or files, no such object, no cluster; nothing was changed |
| 3 | `wait --timeout`: the time is over |
| 130 | Ctrl-C |
"""


def page() -> str:
    """Return the page."""
    group: Any = get_command(app)
    sections = "".join(_section(name, one) for name, one in sorted(group.commands.items()))
    return _HEAD + sections


def _section(name: str, command: Any) -> str:
    context = command.make_context(f"brood {name}", [], resilient_parsing=True)
    usage = command.get_usage(context).removeprefix("Usage: ")
    records = [one.get_help_record(context) for one in command.params if one.name != "help"]
    options = "".join(f"| `{_cell(names)}` | {_cell(text)} |\n" for names, text in filter(None, records))
    text = "\n\n".join(_paragraphs(command.help)).replace("\n```\n\n```console\n", "\n")
    return (
        f"\n## brood {name}\n\n```console\n{' '.join(usage.split())}\n```\n\n{text}\n\n| | |\n| --- | --- |\n{options}"
    )


def _paragraphs(text: str) -> Iterator[str]:
    """Yield what a docstring says as Markdown: examples, which are indented there, as code."""
    for part in text.split("\n\n"):
        yield f"```console\n{part.strip()}\n```" if part.startswith("  ") else " ".join(part.split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
