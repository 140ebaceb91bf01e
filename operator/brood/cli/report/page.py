"""``brood report``: gathers what the page shows, and fills the template."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from brood import __version__
from brood.cli.failures import Failure, failures
from brood.cli.following import below, read
from brood.cli.graph.palette import FILLS
from brood.cli.graph.show import of_run
from brood.cli.graph.svg import as_svg, style
from brood.cli.logtail import tail_of
from brood.cli.reach import Reach
from brood.cli.report.bars import Times
from brood.cli.report.lines import lines_of
from brood.cli.report.scale import Scale
from brood.cli.result import outputs_of
from brood.cli.rows import rows_of
from brood.cli.wording import plural, size, span
from brood.cluster.parse import parse_pod
from brood.cluster.port import ApiError, Kind, Manifest
from brood.views import PodView, RunView

FAILURES_SHOWN: Final = 50
LOG_LINES: Final = 25
_LOG_BYTES: Final = 1 << 20
_OUTPUT_SHOWN: Final = 20_000
_READS: Final = 16


async def report(reach: Reach, name: str) -> str:
    """Return the page of a run as it is now."""
    now = datetime.now(UTC)
    live, key = await read(reach, name, item_runs=lambda _: True)
    run, manifest = live.forest.view(key), live.forest.manifest(key)
    assert run is not None  # noqa: S101 - it was just read
    assert manifest is not None  # noqa: S101
    pods = [pod for one in await _pods(reach, manifest) if isinstance(pod := parse_pod(one), PodView)]
    predecessors = live.graphs.predecessors
    rows = rows_of(live.forest, run, now=now, predecessors=predecessors, items=True)
    scale = Scale(run.meta.created_at, run.status.completion_time or now)
    found = list(failures(live.forest, key))
    drawing = of_run(run, live.graphs)
    page: str = _template().render(
        run=run,
        facts=_facts(run, now),
        marks=scale.marks(),
        step=100 * scale.step / scale.seconds,
        lines=lines_of(rows, Times(live.forest, pods, predecessors, now), scale),
        graph=as_svg(drawing, styled=False) if drawing else "",
        graph_style=style(),
        fills=FILLS,
        failures=await _with_logs(reach, found[:FAILURES_SHOWN]),
        more_failures=max(0, len(found) - FAILURES_SHOWN),
        outputs=[_output(*one) for one in (await outputs_of(reach.port, manifest)).items()],
        files=[(one.task, one.path, size(one.size), one.url) for one in _files(run)],
        made=f"{now:%Y-%m-%d %H:%M:%S} UTC by brood {__version__}",
    )
    return page


async def _pods(reach: Reach, run: Manifest) -> list[Manifest]:
    return (await reach.port.list(Kind.POD, namespace=reach.namespace, labels=below(run, items=True))).items


def _facts(run: RunView, now: datetime) -> list[tuple[str, str]]:
    """Return what is said of the run at the top."""
    status, reference = run.status, run.spec.definition_ref
    took = span(status.start_time, status.completion_time or now)
    waited = span(run.meta.created_at, status.start_time or now)
    summary = status.summary
    counts = (
        [(summary.succeeded, "succeeded"), (summary.failed, "failed"), (summary.skipped, "skipped")] if summary else []
    )
    facts = [
        ("definition", reference.name or f"{reference.type} {reference.version}"),
        ("revision", status.revision or ""),
        ("namespace", run.meta.namespace),
        ("created", f"{run.meta.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("waited", waited),
        ("ran", took),
        (
            "tasks",
            ", ".join([plural(summary.total, "task"), *(f"{n} {word}" for n, word in counts if n)]) if summary else "",
        ),
        *((f"param {name}", str(value)) for name, value in (run.spec.params or {}).items()),
    ]
    return [(word, fact) for word, fact in facts if fact]


async def _with_logs(reach: Reach, found: list[Failure]) -> list[tuple[Failure, list[str]]]:
    slots = asyncio.Semaphore(_READS)

    async def tail(one: Failure) -> list[str]:
        if one.pod is None:
            return []
        async with slots:
            try:
                log = await reach.port.read_log(one.namespace, one.pod, tail_lines=10_000, limit_bytes=_LOG_BYTES)
            except ApiError:
                return []
        return tail_of(log, count=LOG_LINES)

    return list(zip(found, await asyncio.gather(*map(tail, found)), strict=True))


def _files(run: RunView) -> tuple[Any, ...]:
    return run.status.artifacts.files if run.status.artifacts is not None else ()


def _output(name: str, value: str) -> tuple[str, str, str]:
    """Return (name, text, where it is cut)."""
    if len(value) <= _OUTPUT_SHOWN:
        return name, value, ""
    return name, value[:_OUTPUT_SHOWN], f"the first {_OUTPUT_SHOWN} of {len(value)} characters"


def _template() -> Any:
    loader = PackageLoader("brood.cli.report", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")
