"""The CustomResourceDefinitions, generated from the models: ``python -m brood.api.crd --out crds [--check]``."""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from brood.api.base import GROUP, NAME_LENGTH, VERSION
from brood.api.jobdefinition import JobDefinition
from brood.api.jobrun import JobRun
from brood.api.schema import Schema, structural_schema

Manifest = dict[str, Any]

SIZE_LIMIT: Final = 200_000
"""Bytes per file: client-side ``kubectl apply`` writes the whole object into an annotation of at most 256 KiB."""

HEADER: Final = "# Generated from operator/brood/api by `make crds`; do not edit.\n"

CHART: Final = "charts/brood/files/crds"
"""A chart cannot read files outside of itself, and GitOps tools do not follow symbolic links."""

_AGE: Final = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _column(
    name: str, path: str, *, kind: str = "string", description: str, priority: int | None = None
) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column if priority is None else {**column, "priority": priority}


RUN_COLUMNS: Final = [
    _column("Phase", ".status.phase", description="Where the run is"),
    _column("Progress", ".status.progress", description="Ended tasks of all tasks"),
    _column("Definition", ".spec.definitionRef.name", description="The definition it follows"),
    _AGE,
    _column("Message", ".status.message", description="Why it waits, or how it ended", priority=1),
]
DEFINITION_COLUMNS: Final = [
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it can be run"),
    _column("Revision", ".status.revision", description="What a run started now would follow"),
    _column("Active", ".status.activeRuns", kind="integer", description="Runs that have not ended"),
    _AGE,
]


def job_definition_crd() -> Manifest:
    """Return the CRD of JobDefinition."""
    return _crd(JobDefinition, short="jd", columns=DEFINITION_COLUMNS)


def job_run_crd() -> Manifest:
    """Return the CRD of JobRun; ``status.phase`` can be selected by, so that a watch can leave ended runs out."""
    return _crd(JobRun, short="jr", columns=RUN_COLUMNS, selectable=[".status.phase"])


def _crd(
    model: type[BaseModel], *, short: str, columns: list[dict[str, Any]], selectable: Sequence[str] = ()
) -> Manifest:
    kind = model.__name__
    plural = f"{kind.lower()}s"
    version: Manifest = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }
    if selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    version["schema"] = {"openAPIV3Schema": _root(model)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["brood"],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _root(model: type[BaseModel]) -> Schema:
    """Return the schema of the whole object: metadata is the server's own affair, but for the length of the name."""
    schema = structural_schema(model)
    properties = schema["properties"]
    properties["metadata"] = {"type": "object"}
    # kstatus takes an object whose observedGeneration is absent for up to date; -1 says that nobody has seen it yet.
    properties["status"]["default"] = {"observedGeneration": -1}
    return {
        "description": (model.__doc__ or "").strip(),
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": [
            {
                "rule": f"self.metadata.name.size() <= {NAME_LENGTH}",
                "message": f"metadata.name has at most {NAME_LENGTH} characters",
            }
        ],
        "properties": properties,
    }


class _PlainDumper(yaml.SafeDumper):
    """Writes shared parts out each time, because kubectl's YAML is read without anchors by some tools."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class gives the signature
        return True


def render(crd: Manifest) -> str:
    """Return the text of a CRD file."""
    return HEADER + yaml.dump(crd, Dumper=_PlainDumper, sort_keys=False, width=1000, allow_unicode=True)


def files() -> dict[str, str]:
    """Return name and text of every generated file."""
    return {"jobdefinitions.yaml": render(job_definition_crd()), "jobruns.yaml": render(job_run_crd())}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with ``--check`` say which of them are not current (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m brood.api.crd", description="Write the CRDs that the models give.")
    parser.add_argument("--out", type=Path, default=Path("crds"), help="directory of the files")
    parser.add_argument("--chart", type=Path, default=Path(CHART), help="directory of the Helm chart's copy of them")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    options = parser.parse_args(arguments)
    stale = []
    for directory, (name, text) in itertools.product((options.out, options.chart), files().items()):
        path: Path = directory / name
        if options.check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(str(path))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"not current: {', '.join(stale)}; run `make crds`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
