"""From the arguments of the command line to YAML documents: files, directories, standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from brood.cli.findings import Finding, InputRefusedError
from brood.cli.yamltext import Document, read_documents

STDIN: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")
_EXAMPLE: Final = "a JobDefinition begins with `apiVersion: brood.dev/v1alpha1` and `kind: JobDefinition`"


def load_documents(sources: Sequence[str]) -> list[Document]:
    """Read every document of every source, in the order given; those of a directory by file name.

    A source is a file, a directory (its ``.yaml``, ``.yml`` and ``.json`` files, not those in directories below it, as
    with ``kubectl apply -f``), or ``-``. A file that is named twice is read once. A ``List`` counts as its items.

    Raises
    ------
    InputRefusedError
        With everything that cannot be read; it is not raised at the first of several bad files.
    """
    documents: list[Document] = []
    with refusals() as findings:
        for file, _ in files_of(sources, findings):
            with noted(findings):
                documents += documents_of(file)
    return documents


@contextmanager
def refusals() -> Iterator[list[Finding]]:
    """Give a list, and refuse the input at the end if anything is in it."""
    findings: list[Finding] = []
    yield findings
    if findings:
        raise InputRefusedError(findings)


@contextmanager
def noted(findings: list[Finding]) -> Iterator[None]:
    """Note what cannot be read, and go on."""
    try:
        yield
    except InputRefusedError as refused:
        findings += refused.findings


def files_of(sources: Sequence[str], findings: list[Finding]) -> Iterator[tuple[str, str | None]]:
    """Yield the files of the sources, each once, with the directory that stands for it if it is not named itself."""
    read: set[tuple[int, int]] = set()
    for source in sources:
        path = Path(source)
        if source == STDIN or (path.exists() and not path.is_dir()):  # a pipe too, `<(helm template …)`
            files: list[tuple[str, str | None]] = [(source, None)]
        elif path.is_dir() and (found := _manifests_in(path)):
            files = [(str(file), source) for file in found]
        else:
            missing = (
                f"no {', '.join(SUFFIXES)} file in this directory" if path.is_dir() else "no such file or directory"
            )
            findings.append(Finding(source, 0, 0, "", "", missing))
            continue
        for file, directory in files:
            if not _was_read(file, read):
                yield file, directory


def _was_read(file: str, read: set[tuple[int, int]]) -> bool:
    """Say whether a file was given before, by whatever path; from now on it was."""
    if file == STDIN:
        return False
    try:
        found = Path(file).stat()
    except OSError:  # which reading it explains
        return False
    identity = (found.st_dev, found.st_ino)
    before = identity in read
    read.add(identity)
    return before


def _manifests_in(directory: Path) -> list[Path]:
    return sorted(
        file
        for file in directory.iterdir()
        if file.suffix in SUFFIXES and not file.name.startswith(".") and not file.is_dir()
    )


def documents_of(file: str) -> list[Document]:
    """Read the documents of a file or of standard input; raises `InputRefusedError`."""
    return [*_flattened(_documents_of(file))]


def _documents_of(file: str) -> list[Document]:
    name = "<stdin>" if file == STDIN else file
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InputRefusedError([Finding(name, 0, 0, "", "", f"cannot be read: {error.strerror or error}")]) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputRefusedError([Finding(name, line, 0, "", "", f"not UTF-8 text: {error.reason}")]) from error
    documents = read_documents(text, name)
    if not documents:
        raise InputRefusedError([Finding(name, 0, 0, "", "", f"holds no object; {_EXAMPLE}")])
    return documents


def _flattened(documents: Iterable[Document]) -> Iterator[Document]:
    """Replace a ``List``, as ``kubectl get -o yaml`` writes one, by its items."""
    for document in documents:
        value, node = document.value, document.node
        items = value.get("items") if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") else None
        if not isinstance(items, list) or not isinstance(node, yaml.MappingNode):
            yield document
            continue
        nodes = next(item for key, item in node.value if key.value == "items").value
        for item, item_node in zip(items, nodes, strict=True):
            yield Document(file=document.file, value=item, node=item_node)
