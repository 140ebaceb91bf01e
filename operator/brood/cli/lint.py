"""``brood lint``: everything that `brood run` and the operator would find wrong with files, and advice, without running them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from brood.cli.advice import advise
from brood.cli.advice.parts import Advice
from brood.cli.bundle import Definition, read_bundle
from brood.cli.findings import Finding, InputRefusedError, Severity
from brood.cli.positions import locate, locate_in_text
from brood.cli.references import check_references
from brood.cli.sift import sift
from brood.cli.wording import plural

EXIT_FINDINGS: Final = 1
EXIT_UNREADABLE: Final = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, sorted by place, in how many objects; ``readable`` is False where the files could not even be read.

    ``skipped`` says in a few words what is not brood's.
    """

    findings: Sequence[Finding]
    objects: int
    readable: bool = True
    skipped: str = ""

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(one.severity is severity for one in self.findings)

    def exit_code(self, *, strict: bool) -> int:
        """Return 0, 1 for errors (with ``strict``: warnings too), or 2."""
        if not self.readable:
            return EXIT_UNREADABLE
        bad = self.count(Severity.ERROR) + (self.count(Severity.WARNING) if strict else 0)
        return EXIT_FINDINGS if bad else 0


def lint(sources: Sequence[str]) -> Report:
    """Check files. Definitions that they name may be elsewhere, and kinds of others are skipped."""
    try:
        sifted = sift(sources)
    except InputRefusedError as refused:
        return Report(sorted(refused.findings), 0, readable=False)
    bundle = read_bundle(sifted.documents)
    found = {*bundle.findings, *check_references(bundle, complete=False)}
    for definition in bundle.definitions:
        if definition.sound:
            found.update(_advice(definition))
    return Report(sorted(found), len(sifted.documents), skipped=sifted.told)


def _advice(definition: Definition) -> Iterator[Finding]:
    for one in advise(definition.spec):
        line, column = _place(definition, one)
        subject = f"{definition.subject}: {one.task}" if one.task else definition.subject
        yield Finding(
            definition.document.file, line, column, subject, one.path, one.message, one.rule, severity=one.severity
        )


def _place(definition: Definition, advice: Advice) -> tuple[int, int]:
    node = definition.document.node
    if advice.offset is None:
        return locate(node, advice.path)
    return locate_in_text(node, advice.path, advice.offset)


def as_text(report: Report) -> str:
    """Return lines ``file:line:column: object: field: message [severity: rule]``, and a last one that counts them."""
    lines = [f"{one} [{one.severity}: {one.rule}]" for one in report.findings]
    counts = [
        plural(count, noun) if noun != "advice" else f"{count} advice"
        for noun, severity in (("error", Severity.ERROR), ("warning", Severity.WARNING), ("advice", Severity.ADVICE))
        if (count := report.count(severity))
    ]
    told = ", ".join(counts) if counts else f"{plural(report.objects, 'object')}, nothing wrong"
    lines.append(f"{told}; {report.skipped}" if report.skipped else told)
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """Return one JSON object on one line."""
    skipped = {"skipped": report.skipped} if report.skipped else {}
    findings = [one.to_json() for one in report.findings]
    return orjson.dumps({"objects": report.objects, **skipped, "findings": findings}).decode()
