"""``brood run``: check the files, run them on the local cluster, follow them, tell how they ended."""

import asyncio
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from brood.cli.display import display_on
from brood.cli.follow import Follower, StuckError
from brood.cli.kept import save
from brood.cli.options import Format, RunOptions
from brood.cli.prepare import Plan, prepare
from brood.cli.result import EXIT_NOT_SUCCEEDED, exit_code, json_lines, text_lines
from brood.cli.statedir import LOG_FILE, state_directory
from brood.cli.stopping import Stopping
from brood.cli.streams import write_nowhere
from brood.cluster.port import Port


def run(options: RunOptions) -> int:
    """Run to the end and return the exit code; raises `InputRefusedError` if nothing was run."""
    plan = prepare(options)
    with state_directory(options.keep, name=plan.title, now=_now()) as directory:
        try:
            return asyncio.run(_run(plan, options, directory))
        except StuckError as error:
            sys.stderr.write(f"{error}\nThis is a defect of brood; {directory / LOG_FILE} tells more.\n")
            return EXIT_NOT_SUCCEEDED


async def _run(plan: Plan, options: RunOptions, directory: Path) -> int:
    from brood.cli.embedded import embedded_operator  # noqa: PLC0415  # bad input is refused without loading an operator

    stopping = Stopping()
    with stopping.listening():
        async with embedded_operator(directory) as operator:
            stream = sys.stderr if options.output is Format.JSON else sys.stdout  # which is left to the result then
            display = display_on(stream, plan.graphs.predecessors, no_color=options.no_color)
            follower = Follower(operator.port, display, stopping=stopping, clock=_now)
            try:
                await follower.begin(plan.definitions, plan.runs)
                await follower.to_the_end()
                await follower.refresh()
            finally:
                follower.close()
            forest = follower.forest
            await _keep(operator.port, directory)
            if options.output is Format.JSON:
                _write(await json_lines(operator.port, forest, children=options.children))
            else:
                lines = [
                    *await text_lines(operator.port, forest, operator.port.layout),
                    "",
                    *_places(directory, forest.roots[0][1] if forest.roots else plan.title),
                ]
                _write("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
            return exit_code(forest) if follower.complete else EXIT_NOT_SUCCEEDED


async def _keep(port: Port, directory: Path) -> None:
    try:
        await save(port, directory)
    except OSError as error:  # a full disk; the result is known and is told all the same
        sys.stderr.write(f"{directory}: the objects of the run could not be kept: {error.strerror}\n")


def _places(directory: Path, name: str) -> list[str]:
    again = f"brood report {name} --kept {shlex.quote(str(directory))} > report.html; also tree, why, logs, graph"
    return [f"logs: {directory / 'logs'}", f"everything of this run: {directory}", f"look again: {again}"]


def _write(data: bytes) -> None:
    """Write the result. Where nobody reads it any more, the exit code still tells."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        write_nowhere()


def _now() -> datetime:
    return datetime.now(UTC)
