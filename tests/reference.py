"""The pages of docs/reference that are made from code: ``python -m tests.reference`` writes them anew."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from brood.controller import series

DOCS: Final = Path(__file__).parents[1] / "docs" / "reference"
_NOTE = "<!-- Written by `python -m tests.reference`; change the code instead. -->\n\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = [*head]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def metrics() -> str:
    """Return the page of metrics."""
    rows = [(f"`{one.name}`", one.type, " ".join(f"`{label}`" for label in one.labels), one.text) for one in series.ALL]
    return f"""# Metrics

`brood operator` serves them at `/metrics` (port 8080; `--metrics-port`). Seconds of runs and tasks come from timestamps of the
status, which are whole seconds. A standby counts no
objects and no passes.

{table(("metric", "type", "labels", "meaning"), rows)}
Beside these there are `process_*` and `python_info` of the Prometheus client.

Labels are words of fixed sets, never names of objects. `namespace` is the exception: limits are per namespace, so it is there
where `--max-runs`, `--max-pods`, `--max-volumes` or a pool is in use, and nowhere else.
"""


PAGES: Final[dict[str, Callable[[], str]]] = {"metrics.md": metrics}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(_NOTE + page(), encoding="utf-8")
