"""Manifests and scripts as users write them, and what is read of finished ones."""

import textwrap
from typing import Any

from brood.cluster.port import Manifest

PATIENCE = 30.0
"""Seconds after which a test gives up; only a failing one takes that long."""


def definition(*spec: str, name: str = "main") -> str:
    """Return a JobDefinition; ``spec`` is what stands below ``spec:``, each part indented as it likes."""
    return _manifest("JobDefinition", name, *spec)


def job_run(name: str, of: str = "main", spec: str = "") -> str:
    """Return a JobRun of a definition, with more of its spec."""
    return _manifest("JobRun", name, f"definitionRef: {{name: {of}}}", spec)


def _manifest(kind: str, name: str, *spec: str) -> str:
    head = f"---\napiVersion: brood.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"
    text = "\n".join(textwrap.dedent(part).strip("\n") for part in spec)
    return head + textwrap.indent(text.rstrip() + "\n", "  ")


def meet(count: int, place: str = "@DIR@") -> str:
    """Return a line of shell that goes on when ``count`` scripts have got there: proof that they ran at one instant."""
    return (
        f'touch "{place}/met-$BROOD_RUN-$BROOD_TASK"; n=0; '
        f"until [ $(ls {place} | grep -c ^met-) -ge {count} ]; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.05; done"
    )


def wait_for(file: str) -> str:
    """Return a line of shell that waits until a file of the shared directory is there."""
    return f"n=0; until [ -e @DIR@/{file} ]; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.05; done"


def rows(run: Manifest, field_: str = "tasks") -> dict[str, dict[str, Any]]:
    """Return the rows of a run by name."""
    return {row["name"]: row for row in run["status"].get(field_, [])}


def phases(run: Manifest) -> dict[str, str]:
    """Return the phase of each task."""
    return {name: row["phase"] for name, row in rows(run).items()}


def condition(run: Manifest, type_: str) -> dict[str, Any]:
    """Return a condition, or nothing."""
    found = [one for one in run.get("status", {}).get("conditions", []) if one["type"] == type_]
    return found[0] if found else {}


def ended(run: Manifest) -> bool:
    """Whether a run has ended."""
    return "completionTime" in run.get("status", {})


def admitted(run: Manifest) -> bool:
    """Whether a run has been admitted."""
    return condition(run, "Admitted").get("status") == "True"
