"""The parts of docs/ that are made from code: ``python -m tests.reference`` writes them anew."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from brood.api.reasons import DefinitionReason, Reason, RunReason, TaskReason, WaitingReason
from brood.cli.remedies import remedy
from brood.controller import series
from tests import clireference

PROJECT: Final = Path(__file__).parents[1]
DOCS: Final = PROJECT / "docs"
TROUBLES: Final = "troubleshooting.md"
_NOTE: Final = "<!-- Written by `python -m tests.reference`; change the code instead. -->\n\n"

Schema = dict[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = [*head]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def text(words: str) -> str:
    """Return words as they can stand in a cell."""
    return " ".join(words.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


# --- metrics ---


def metrics() -> str:
    """Return the page of metrics."""
    rows = (
        (f"`{one.name}`", one.type, " ".join(f"`{label}`" for label in one.labels), text(one.text))
        for one in series.ALL
    )
    return f"""# Metrics

`brood operator` serves them at `/metrics` (port 8080; `--metrics-port`). Seconds of runs and tasks come from timestamps of the
status, which are whole seconds. A standby counts no objects and no passes.

{table(("metric", "type", "labels", "meaning"), rows)}
Beside these there are `process_*` and `python_info` of the Prometheus client.

Labels are words of fixed sets, never names of objects. `namespace` is the exception: limits are per namespace, so it is there
where `--max-runs`, `--max-pods`, `--max-volumes` or a pool is in use, and nowhere else.
"""


# --- the chart ---


def values() -> str:
    """Return the page of the chart's values."""
    return f"""# Values of the Helm chart

`helm install brood charts/brood -n brood-system --create-namespace --values FILE`, with what shall be otherwise than here:

```yaml title="values.yaml"
{(PROJECT / "charts/brood/values.yaml").read_text(encoding="utf-8").strip()}
```
"""


# --- kinds ---


def kind(name: str, plural: str) -> str:
    """Return the page of a kind: each field of its spec and status, from the CRD."""
    crd = yaml.safe_load((PROJECT / "crds" / f"{plural}.yaml").read_text(encoding="utf-8"))
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    known: dict[str, str] = {}
    sections = [part for top in ("spec", "status") for part in _sections(top, root["properties"][top], known)]
    return f"# {name}\n\n{root['description']} `kubectl explain {plural[:-1]}.spec` says the same.\n" + "".join(
        sections
    )


def _sections(path: str, schema: Schema, known: dict[str, str]) -> Iterator[str]:
    """Return a section for each object with fields below; of equal ones the first only, to which the others link."""
    path, schema = _element(path, schema)
    fields = schema.get("properties", {})
    if not fields or str(fields) in known:
        return
    known[str(fields)] = path
    below = [part for name, one in fields.items() for part in _sections(f"{path}.{name}", one, known)]
    required = schema.get("required", ())
    rows = ((f"`{name}`{' (required)' if name in required else ''}", _type(one, known), text(one["description"])) for name, one in fields.items())  # fmt: skip
    yield f"\n## {path}\n\n{table(('field', 'type', 'meaning'), rows)}"
    yield from below


def _element(path: str, schema: Schema) -> tuple[str, Schema]:
    return (f"{path}[]", schema["items"]) if schema.get("type") == "array" and "items" in schema else (path, schema)


def _type(schema: Schema, known: dict[str, str]) -> str:
    many, one = _element("", schema)
    word = one.get("type") or ("integer or string" if one.get("x-kubernetes-int-or-string") else "any")
    heading = known.get(str(one.get("properties", {})))
    link = f"[{word}](#{re.sub(r'[^a-z0-9_-]', '', heading.lower())})" if heading else word
    values = ", ".join(f"`{value}`" for value in one.get("enum", ()))
    return f"{link}{' list' if many else ''}{f': {values}' if values else ''}"


# --- reasons ---

SECTIONS: Final[dict[str, type[Reason]]] = {
    "A run or task waits": WaitingReason,
    "A task ended": TaskReason,
    "A run ended": RunReason,
    "A definition": DefinitionReason,
}
SEE: Final[dict[Reason, str]] = {
    TaskReason.POD_FORBIDDEN: "[Pods](how-to/pods.md)",
    TaskReason.OUTPUT_TOO_LARGE: "[files](how-to/files.md)",
    TaskReason.NOT_ROUTED: "[which task runs when](tasks.md)",
    RunReason.TASK_FAILED: "[running again](rerun.md)",
}


def troubles(page: str) -> str:
    """Return the page of reasons with its tables as the code has them; what stands around them is written by hand."""
    lines: list[str] = []
    heading = ""
    for line in page.splitlines():
        heading = line[3:] if line.startswith("## ") else heading
        if heading not in SECTIONS or not line.startswith("|"):
            lines.append(line)
        elif line.startswith("| ---"):
            rows = ((f"`{one}`", text(one.description), _to_do(one)) for one in SECTIONS[heading])
            lines += table(("reason", "what it means", "what to do"), rows).splitlines()
    return "\n".join(lines) + "\n"


def _to_do(reason: Reason) -> str:
    see = f" See {SEE[reason]}." if reason in SEE else ""
    return (remedy(reason).replace("|", "\\|") or "Nothing.") + see


PAGES: Final[dict[str, Callable[[], str]]] = {
    "reference/cli.md": clireference.page,
    "reference/metrics.md": metrics,
    "reference/values.md": values,
    "reference/jobdefinition.md": partial(kind, "JobDefinition", "jobdefinitions"),
    "reference/jobrun.md": partial(kind, "JobRun", "jobruns"),
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(_NOTE + page(), encoding="utf-8")
    (DOCS / TROUBLES).write_text(troubles((DOCS / TROUBLES).read_text(encoding="utf-8")), encoding="utf-8")
