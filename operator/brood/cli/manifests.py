"""From the arguments of the command line to YAML documents: files, directories, standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
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
    findings: list[Finding] = []
    read: set[Path] = set()
    for source in sources:
        try:
            files = _files_of(source)
        except InputRefusedError as refused:
            findings += refused.findings
            continue
        for file in files:
            if file != STDIN and Path(file).resolve() in read:
                continue
            read.add(Path(file).resolve())
            try:
                documents += _flattened(_documents_of(file))
            except InputRefusedError as refused:
                findings += refused.findings
    if findings:
        raise InputRefusedError(findings)
    return documents


def _files_of(source: str) -> list[str]:
    path = Path(source)
    if source == STDIN:
        return [source]
    if not path.exists():
        raise InputRefusedError([Finding(source, 0, 0, "", "", "no such file or directory")])
    return [str(file) for file in _manifests_in(path)] if path.is_dir() else [source]


def _manifests_in(directory: Path) -> list[Path]:
    files = sorted(
        file
        for file in directory.iterdir()
        if file.suffix in SUFFIXES and not file.name.startswith(".") and not file.is_dir()
    )
    if not files:
        message = f"no {', '.join(SUFFIXES)} file in this directory"
        raise InputRefusedError([Finding(str(directory), 0, 0, "", "", message)])
    return files


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
