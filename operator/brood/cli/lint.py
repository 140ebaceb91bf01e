"""``brood lint``: everything that `brood run` and the operator would find wrong with files, without running them."""

from collections.abc import Sequence
from typing import Final

import orjson

from brood.cli.bundle import read_bundle
from brood.cli.findings import Finding, InputRefusedError
from brood.cli.manifests import load_documents
from brood.cli.references import check_references
from brood.cli.wording import plural

EXIT_FINDINGS: Final = 1


def lint(sources: Sequence[str]) -> tuple[list[Finding], int]:
    """Return what is wrong, sorted by place, and how many objects were looked at. Definitions may be in other files."""
    try:
        documents = load_documents(sources)
    except InputRefusedError as refused:
        return sorted(refused.findings), 0
    bundle = read_bundle(documents)
    return sorted({*bundle.findings, *check_references(bundle, complete=False)}), len(documents)


def report(findings: Sequence[Finding], *, objects: int, json: bool) -> str:
    """Return the report: lines ``file:line:column: object: field: message``, or one JSON object."""
    if json:
        return orjson.dumps({"objects": objects, "findings": [one.to_json() for one in findings]}).decode()
    lines = [str(one) for one in findings]
    lines.append(plural(len(findings), "problem") if findings else f"{plural(objects, 'object')}, nothing wrong")
    return "\n".join(lines)
