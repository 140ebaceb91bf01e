"""What of files is brood's: a directory of a GitOps repository holds kinds of everybody, and values of charts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from brood.api.base import GROUP
from brood.cli.bundle import KINDS
from brood.cli.findings import Finding, InputRefusedError
from brood.cli.manifests import documents_of, files_of, noted, refusals
from brood.cli.yamltext import Document

_SHOWN: Final = 5


@dataclass(slots=True)
class Sifted:
    """The documents that are brood's or were meant to be, and names of all others: kind and name, or the file."""

    documents: list[Document] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The others in a few words, "" where there are none."""
        more = len(self.others) - _SHOWN
        names = ", ".join(self.others[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"skipped what is not brood's: {names}" if self.others else ""


def sift(sources: Sequence[str]) -> Sifted:
    """Read files and directories, and leave out what is not brood's.

    A file that is named holds something of brood's: if it has nothing else, all of it is looked at, so that a mistake in
    its kind is told. Of a directory a file may be none, and one that names no version of brood's API need not be readable.

    Raises
    ------
    InputRefusedError
        With everything that cannot be read, and directories in which nothing is brood's.
    """
    sifted = Sifted()
    empty: dict[str, bool] = {}
    with refusals() as findings:
        for file, directory in files_of(sources, findings):
            if directory is None:
                with noted(findings):
                    _take(sifted, documents_of(file), named=True)
                continue
            before = len(sifted.documents)
            _take_found(sifted, file, findings)
            empty[directory] = empty.get(directory, True) and len(sifted.documents) == before
        nothing = f"no {' and no '.join(KINDS)} in this directory; {sifted.told}"
        findings += [
            Finding(one, 0, 0, "", "", nothing) for one, is_empty in empty.items() if is_empty and not findings
        ]
    return sifted


def _take_found(sifted: Sifted, file: str, findings: list[Finding]) -> None:
    try:
        _take(sifted, documents_of(file), named=False)
    except InputRefusedError as refused:
        if _mentions_us(file):
            findings += refused.findings
        else:
            sifted.others.append(file)


def _mentions_us(file: str) -> bool:
    try:
        return f"{GROUP}/".encode() in Path(file).read_bytes()
    except OSError:
        return True


def _take(sifted: Sifted, documents: Sequence[Document], *, named: bool) -> None:
    ours = [one for one in documents if _is_ours(one.value, named=named)]
    if named and not ours:
        ours = [*documents]
    sifted.documents += ours
    sifted.others += [_name(one) for one in documents if one not in ours]


def _is_ours(value: object, *, named: bool) -> bool:
    """Whether a document is ours, or is nobody's in a file that is named."""
    if not isinstance(value, dict):
        return named
    kind, version = value.get("kind"), value.get("apiVersion")
    return kind in KINDS or str(version).startswith(GROUP) or (named and kind is None)


def _name(document: Document) -> str:
    value = document.value
    if not isinstance(value, dict) or "kind" not in value:
        return document.file
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{value['kind']} {name}" if name else f"{value['kind']} in {document.file}"
