"""Findings as SARIF 2.1.0 (OASIS), the form in which code hosts and editors take them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from brood import __version__
from brood.cli.findings import Finding, Severity

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.ADVICE: "note",
}

RULES: Final[Mapping[str, str]] = {
    "unreadable-input": "The file cannot be read, or is no YAML that brood takes.",
    "invalid-manifest": "The object is not what the schema of JobDefinition or JobRun allows.",
    "invalid-definition": "The definition cannot be run.",
    "bad-pattern": "A param's pattern is no regular expression (RE2).",
    "bad-default": "A param's default is not among the values that it allows.",
    "bad-template": "A template cannot be read, or does what templates may not.",
    "unknown-name": "A template names a param, task, output or item that does not exist there.",
    "unknown-field": "A field that would never reach the Pod.",
    "wrong-type": "A value of the wrong type.",
    "await-without-fork": "An await names a task that is no fork.",
    "output-without-body": "An output of a task that has nothing to make one.",
    "invalid-pod": "A Pod that an API server refuses: an unknown field, a value of the wrong type.",
    "task-cycle": "Tasks wait for each other.",
    "unknown-definition": "A definition that is named does not exist, or is not the only one.",
    "unfit-rerun": "rerunOf names a run that is not there, or had another definition or other params.",
    "invalid-params": "Params are missing, unknown, or outside of what the definition allows.",
    "template-in-script": "A template in a script, which is never evaluated.",
    "shell-injection": "A template in program text: what it renders to is run as code.",
    "output-not-upstream": "A script uses the output of a task that is not before it: the variable is empty.",
    "unreachable-task": "A task that can never start.",
    "continue-on-without-effect": "A continueOn that can never match, or matters to nobody.",
    "missing-image": "A container without an image, which a cluster refuses.",
    "unpinned-image": "An image without a version.",
    "missing-resources": "A container that requests no CPU or no memory.",
    "unused-param": "A param that nothing uses.",
    "unused-output": "An output that no later task uses.",
}
"""Every rule of `brood lint`, in one sentence."""


def as_sarif(findings: Sequence[Finding]) -> str:
    """Return a SARIF log with one run."""
    rules = sorted({one.rule for one in findings})
    driver = {
        "name": "brood lint",
        "semanticVersion": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": RULES.get(rule, rule)}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules.index(one.rule)) for one in findings],
    }
    return orjson.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}).decode()


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    about = ": ".join(part for part in (finding.subject, finding.field) if part)
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    location: dict[str, Any] = {"physicalLocation": place}
    if about:
        location["logicalLocations"] = [{"fullyQualifiedName": about}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{about}: {finding.message}" if about else finding.message},
        "locations": [location],
    }


def _uri(file: str) -> str:
    """Return a relative reference as it was given, or a ``file:`` URI of an absolute path."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
