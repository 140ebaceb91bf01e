"""The pages of docs/ as what a reader does with them: files to write, commands to type, output to expect.

- A ```yaml block with `title="NAME"` is a file of that name.
- A ```sh block is typed, line by line, in the directory of these files.
- A ```text block right after it is what the reader then sees: each line is somewhere in the output; … stands for anything.
"""

import fnmatch
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).parents[1] / "docs"
BROOD: Final = f'#!/bin/sh\nexec {sys.executable} -m brood "$@"\n'
README: Final = PAGES.parent / "README.md"
ON_A_CLUSTER: Final = ("kubectl", "helm", "docker")
INSTALLS: Final = ("helm", "docker")
ELSEWHERE: Final = (*INSTALLS, "make")
"""What a reader who has no registry leaves out: an operator runs already. And all tests."""

_BLOCK = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|\$\(|&& )(?:kubectl )?brood ([^\n]*)", re.MULTILINE)
SECONDS = 240


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str
    line: int


def pages() -> list[Path]:
    """Return all pages that have something to try."""
    return sorted(page for page in PAGES.rglob("*.md") if "decisions" not in page.parts and blocks(page))


def blocks(page: Path, registry: str = "") -> list[Block]:
    """Return the blocks of a page in their order, for a reader who has this registry."""
    text = page.read_text(encoding="utf-8").replace("REGISTRY", registry or "REGISTRY")
    found = []
    for one in _BLOCK.finditer(text):
        title = re.search(r'title="([^"]+)"', one[3])
        body = re.sub(f"^{one[1]}", "", one[4], flags=re.MULTILINE)
        found.append(Block(one[2], title[1] if title else "", body, text.count("\n", 0, one.start()) + 1))
    return found


def needs_cluster(page: Path) -> bool:
    """Whether a page speaks to a cluster."""
    return any(one.language == "sh" and _speaks_to_a_cluster(one) for one in blocks(page))


def _speaks_to_a_cluster(block: Block) -> bool:
    return re.search(rf"^({'|'.join(ON_A_CLUSTER)}) ", block.text, re.MULTILINE) is not None


def installs(page: Path) -> bool:
    """Whether a page installs the operator."""
    return any(one.language == "sh" and one.text.startswith(INSTALLS) for one in blocks(page))


def follow(
    page: Path, directory: Path, environment: Mapping[str, str], *, cluster: bool = True, registry: str = ""
) -> None:
    """Do what a page says; beside what is in the environment there is `brood`, also for kubectl, and without a cluster only what needs none.

    Who has a `registry` installs the operator as the page says.
    """
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("brood", "kubectl-brood"):
        (programs / name).write_text(BROOD)
        (programs / name).chmod(0o755)
    more = {"PATH": f"{programs}:{environment['PATH']}", "NO_COLOR": "1", "COLUMNS": "200"}
    output = ""
    for one in blocks(page, registry):
        if one.language == "yaml" and one.title:
            file = directory / one.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(one.text)
        elif one.language == "sh" and one.text.startswith(ELSEWHERE) and not registry:
            output = ""
        elif one.language == "sh" and (cluster or not _speaks_to_a_cluster(one)):
            output = _type(page, one, directory, {**environment, **more})
        elif one.language == "text":
            _expect(page, one, output)


def _type(page: Path, block: Block, directory: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-ec", block.text], cwd=directory, env=dict(environment), capture_output=True, text=True, timeout=SECONDS, check=False
    )  # fmt: skip
    said = done.stdout + done.stderr
    wanted = int(found[1]) if (found := re.search(r"# exit code (\d+)", block.text)) else 0
    assert done.returncode == wanted, f"{page.name}:{block.line}: exit code {done.returncode}\n{block.text}\n{said}"
    return said


def _expect(page: Path, block: Block, output: str) -> None:
    seen = [" ".join(line.split()) for line in output.splitlines()]
    for line in block.text.splitlines():
        pattern = re.sub(r"([\[\]*?])", r"[\1]", " ".join(line.split())).replace("…", "*")
        assert fnmatch.filter(seen, pattern), f"{page.name}:{block.line}: nobody said {line!r}\n{output}"


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the words behind each `brood` of a page, in blocks and in prose, up to the end of that command."""
    spans = re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    for found in _COMMAND.findall("\n".join([*(one.text for one in blocks(page)), *spans])):
        words = re.split(r"[|>;&`#]", found)[0].split()
        if words and not words[0].startswith(("-", "…", "[", "{")):
            yield [word.rstrip(".,:)") for word in words]
