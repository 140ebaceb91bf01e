"""``brood run``: check the files, run them on the local cluster, follow them, tell how they ended."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from brood.cli.bundle import manifest_of, read_bundle
from brood.cli.choose import Wishes, apply_wishes, choose_runs, parse_params
from brood.cli.embedded import embedded_operator
from brood.cli.findings import InputRefusedError
from brood.cli.follow import Follower
from brood.cli.manifests import load_documents
from brood.cli.plain import PlainDisplay
from brood.cli.references import check_references
from brood.cli.result import exit_code, json_lines, text_lines
from brood.cli.rows import Predecessors
from brood.cli.statedir import state_directory
from brood.cli.stopping import Stopping
from brood.cli.tree import Display, TreeDisplay
from brood.cli.waits import waits_in
from brood.cluster.local.layout import LocalLayout
from brood.cluster.port import Manifest


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What was asked for on the command line."""

    sources: Sequence[str]
    params: Sequence[str] = ()
    keep: Path | None = None
    json: bool = False
    children: bool = False
    name: str | None = None
    definition: str | None = None
    colour: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What is created: checked, and in order."""

    definitions: Sequence[Manifest]
    runs: Sequence[Manifest]
    predecessors: Predecessors

    @property
    def title(self) -> str:
        """A name for the whole."""
        metadata = self.runs[0]["metadata"]
        return str(metadata.get("name") or metadata["generateName"]).rstrip("-")


def prepare(options: RunOptions) -> Plan:
    """Read and check everything; raises `InputRefusedError` with all that is wrong, before anything runs."""
    bundle = read_bundle(load_documents(options.sources))
    wishes = Wishes(params=parse_params(options.params), name=options.name, definition=options.definition)
    apply_wishes(bundle, wishes)
    bundle.findings += check_references(bundle)
    if bundle.findings:
        raise InputRefusedError(bundle.findings)
    return Plan(
        definitions=[manifest_of(one.document) for one in bundle.definitions],
        runs=choose_runs(bundle, wishes),
        predecessors=waits_in(bundle.definitions),
    )


def run(options: RunOptions) -> int:
    """Run to the end and return the exit code; raises `InputRefusedError` if nothing was run."""
    plan = prepare(options)
    with state_directory(options.keep, name=plan.title, now=_now()) as directory:
        return asyncio.run(_run(plan, options, directory))


async def _run(plan: Plan, options: RunOptions, directory: Path) -> int:
    stopping = Stopping()
    layout = LocalLayout(directory)
    with stopping.listening():
        async with embedded_operator(directory) as operator:
            display = _display(options, plan.predecessors)
            follower = Follower(operator.port, display, stopping=stopping, clock=_now)
            try:
                await follower.create(plan.definitions, plan.runs)
                await follower.to_the_end(operator.failure())
                await follower.refresh()
            finally:
                follower.close()
            forest = follower.forest
            if options.json:
                _write(await json_lines(operator.port, forest, children=options.children))
            else:
                lines = [*await text_lines(operator.port, forest, layout.log), "", *_places(directory)]
                _write("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
            return exit_code(forest)


def _display(options: RunOptions, predecessors: Predecessors) -> Display:
    """Choose the tree for a terminal and lines for everything else; stdout is left to the result where that is JSON."""
    stream = sys.stderr if options.json else sys.stdout
    console = Console(file=stream, no_color=None if options.colour else True, highlight=False, soft_wrap=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return TreeDisplay(console, predecessors)
    return PlainDisplay(stream)


def _places(directory: Path) -> list[str]:
    return [f"logs: {directory / 'logs'}", f"everything of this run: {directory}"]


def _write(data: bytes) -> None:
    """Write the result. Where nobody reads it any more, the exit code still tells."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        pass


def _now() -> datetime:
    return datetime.now(UTC)
