"""``brood logs``: what the Pods of a run wrote, each line with the task or item that wrote it."""

import asyncio
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from brood.cli.display import console_on
from brood.cli.findings import CommandError
from brood.cli.following import below, following
from brood.cli.places import Places
from brood.cli.reach import Reach, there_are
from brood.cli.wording import printable
from brood.cluster.informer import Informer
from brood.cluster.parse import parse_pod
from brood.cluster.port import ApiError, Kind, Manifest
from brood.views import Malformed, PodView

STREAMS: Final = 100
"""Logs that are read at once."""

_COLOURS: Final = ("cyan", "green", "yellow", "blue", "magenta", "bright_cyan", "bright_green", "bright_blue")
_WIDEST: Final = 40


async def logs(reach: Reach, name: str, task: str | None, *, follow: bool, tail: int | None, no_color: bool) -> int:
    """Print the logs of a run's Pods: one after the other, or with ``follow`` as they come, to the end of the run."""
    run = await reach.run(name)
    _check_task(run, task)
    reader = _Reader(reach, Places(reach, name), task, _Printer(console_on(sys.stdout, no_color=no_color)), tail)
    await reader.places.learn(below(run, items=True))
    if follow:
        await _follow(reader, run)
    for pod in await reader.rest(run):
        await reader.take(pod, follow=False)
    if not reader.taken:
        _explain_nothing(run, task)
    return 0


async def _follow(reader: "_Reader", run: Manifest) -> None:
    """Read what starts, as it starts, until the run has ended and the streams with it."""
    streams: dict[str, asyncio.Task[None]] = {}

    def see(_: PodView | Malformed | None, pod: PodView | Malformed | None) -> None:
        if isinstance(pod, PodView) and (pod.started_at or pod.ended) and pod.meta.uid not in streams:
            streams[pod.meta.uid] = asyncio.create_task(reader.take(pod, follow=True))

    pods = Informer(
        reader.reach.port,
        Kind.POD,
        parse=parse_pod,
        on_change=see,
        namespace=reader.reach.namespace,
        labels=below(run, items=True),
    )
    watching = asyncio.create_task(pods.run())
    try:
        async with following(reader.reach, [run["metadata"]["name"]], tree=False) as live:
            await pods.synced.wait()
            while not live.finished:
                await live.change()
        await asyncio.gather(*streams.values())
    finally:
        for one in (watching, *streams.values()):
            one.cancel()
        await asyncio.gather(watching, *streams.values(), return_exceptions=True)


class _Reader:
    """Takes the log of each Pod that is asked for, once."""

    def __init__(self, reach: Reach, places: Places, task: str | None, printer: "_Printer", tail: int | None) -> None:
        self.reach = reach
        self.places = places
        self.taken: set[str] = set()
        self._wanted = re.sub(r"/(\d+)$", r"[\1]", task) if task else ""
        self._printer = printer
        self._tail = tail
        self._slots = asyncio.Semaphore(STREAMS)

    async def rest(self, run: Manifest) -> list[PodView]:
        """Return the Pods of the tree that are wanted and not taken yet, oldest first."""
        listing = await self.reach.port.list(Kind.POD, namespace=self.reach.namespace, labels=below(run, items=True))
        views = [view for one in listing.items if isinstance(view := parse_pod(one), PodView)]
        wanted = [one for one in views if (one.started_at or one.ended) and await self._path(one) is not None]
        self._printer.widen([await self._path(one) or "" for one in wanted])
        return sorted(wanted, key=lambda one: (one.meta.created_at, one.meta.name))

    async def take(self, pod: PodView, *, follow: bool) -> None:
        """Print the log of a Pod, if it is wanted."""
        path = await self._path(pod)
        if path is None:
            return
        self.taken.add(pod.meta.uid)
        async with self._slots:
            try:
                async for line in self._lines(pod, follow=follow):
                    self._printer.line(path, line)
            except ApiError as error:
                print(f"{path}: {error.message}", file=sys.stderr)

    async def _path(self, pod: PodView) -> str | None:
        """Return where a Pod's lines come from; None where they are not wanted, or were taken."""
        path, wanted = await self.places.of(pod), self._wanted
        if path is None or pod.meta.uid in self.taken:
            return None
        here = path.partition("#")[0]
        return path if not wanted or here == wanted or here.startswith((f"{wanted}/", f"{wanted}[")) else None

    async def _lines(self, pod: PodView, *, follow: bool) -> AsyncIterator[bytes]:
        """Yield the lines that the script wrote, without the result that the runner may put behind them."""
        mark, framed = pod.nonce.encode(), False
        last: deque[bytes] = deque(maxlen=self._tail)
        tail = self._tail if follow else None  # else it is counted here, because the result counts for nothing
        async for line in self.reach.port.log_lines(pod.meta.namespace, pod.meta.name, follow=follow, tail_lines=tail):
            if mark and line == (mark + b"." if framed else mark):
                framed = not framed
            elif framed:
                continue
            elif follow or self._tail is None:
                yield line
            else:
                last.append(line)
        for line in last:
            yield line


class _Printer:
    """Writes lines with their origin in front; on a terminal it has a colour, and nothing steers the terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = 0
        self._seen: dict[str, str] = {}

    def widen(self, paths: Sequence[str]) -> None:
        """Make room for these origins, so that lines stand below each other."""
        self._width = min(_WIDEST, max([self._width, *map(len, paths)]))

    def line(self, path: str, line: bytes) -> None:
        """Write one line."""
        self.widen([path])
        origin, text = f"{path.ljust(self._width)} | ", line.decode(errors="replace")
        if not self._console.is_terminal:
            sys.stdout.write(f"{origin}{text}\n")
            sys.stdout.flush()
            return
        colour = self._seen.setdefault(path, _COLOURS[len(self._seen) % len(_COLOURS)])
        self._console.print(Text.assemble((origin, colour), printable(text)), soft_wrap=True)


def _check_task(run: Manifest, task: str | None) -> None:
    """Refuse a task that the run has not; one that has not begun has no rows yet."""
    status = run.get("status") or {}
    names = [row["name"] for row in (*(status.get("tasks") or ()), *(status.get("handlers") or ()))]
    if names and task is not None and task.split("/")[0].split("[")[0] not in names:
        told = there_are(names, task, none="")
        raise CommandError(f"JobRun {run['metadata']['name']} has no task {task}; {told}")


def _explain_nothing(run: Manifest, task: str | None) -> None:
    name = run["metadata"]["name"]
    which = f"task {task} of JobRun {name}" if task else f"JobRun {name}"
    print(f"{which} has no Pods: none has started, or podRetention let them go; see brood why {name}", file=sys.stderr)
