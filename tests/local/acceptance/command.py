"""`brood run` as a user has it: a process in a directory of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brood.cluster.port import Manifest
from tests.local.acceptance.manifests import PATIENCE, phases, rows

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one `brood run -o json --children` left behind."""

    code: int
    lines: list[dict[str, Any]]
    stderr: str
    seconds: float
    directory: Path
    state: Path

    @property
    def run(self) -> Manifest:
        """The only root run."""
        [line] = self.lines
        run: Manifest = line["run"]
        return run

    @property
    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self.run["status"]
        return status

    @property
    def phase(self) -> str:
        """Its phase."""
        return str(self.status["phase"])

    @property
    def outputs(self) -> dict[str, str]:
        """Its outputs, in full."""
        [line] = self.lines
        outputs: dict[str, str] = line["outputs"]
        return outputs

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Its tasks by name."""
        return rows(self.run)

    @property
    def phases(self) -> dict[str, str]:
        """The phase of each of its tasks."""
        return phases(self.run)

    @property
    def children(self) -> list[Manifest]:
        """Every run below the roots."""
        return [child for line in self.lines for child in line["children"]]

    def children_of(self, task: str) -> list[Manifest]:
        """Return the children that a task made, in the order of their items."""
        made = [child for child in self.children if child["spec"]["parentRef"]["task"] == task]
        return sorted(made, key=lambda child: int(child["spec"]["parentRef"].get("index", 0)))

    def written(self, file: str) -> list[str]:
        """Return the lines that scripts left in a file of the shared directory."""
        path = self.directory / file
        return path.read_text().splitlines() if path.exists() else []


class Command:
    """`brood run` in a directory of its own. ``@DIR@`` in a manifest is a directory that all scripts share."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shared = path / "shared"
        self.state = path / "state"
        self.shared.mkdir()
        self.environment = {**os.environ, "XDG_STATE_HOME": str(path / "home"), "TERM": "dumb"}

    def write(self, text: str, name: str = "a.yaml") -> Path:
        """Write a manifest."""
        file = self.path / name
        file.write_text(text.replace("@DIR@", str(self.shared)), encoding="utf-8", errors="surrogateescape")
        return file

    def start(self, text: str, *args: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Begin a run."""
        return self.popen(
            ["run", "-o", "json", "--children", "--keep", str(self.state), *args, str(self.write(text))], **options
        )

    def popen(self, args: Iterable[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start the command with any arguments."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*BROOD, *args],
            stdout=pipe,
            stderr=pipe,
            env=self.environment,
            cwd=self.path,
            start_new_session=True,
            **options,
        )

    def finish(self, process: "subprocess.Popen[bytes]", *, began: float, send: bytes | None = None) -> Result:
        """Wait for the end of a run."""
        try:
            out, err = process.communicate(send, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"did not end:\n{err.decode(errors='replace')}") from None
        seconds = time.monotonic() - began
        lines = [json.loads(line) for line in out.splitlines()]
        return Result(process.returncode, lines, err.decode(errors="replace"), seconds, self.shared, self.state)

    def __call__(self, text: str, *args: str) -> Result:
        """Run a manifest to its end."""
        began = time.monotonic()
        return self.finish(self.start(text, *args), began=began)

    def cli(self, *args: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
        """Run the command with any arguments to its end."""
        process = self.popen(args, stdin=subprocess.PIPE)
        out, err = process.communicate(stdin, timeout=PATIENCE)
        decoded = [text.decode(errors="replace") for text in (out, err)]
        return subprocess.CompletedProcess(list(args), process.returncode, *decoded)

    def processes(self) -> list[str]:
        """Return the command lines of every process that still has this directory in its environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{self.path}/".encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found


def until(holds: Callable[[], Any], what: str = "") -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what or "it did not happen"
        time.sleep(0.02)
