"""Traces of whole runs: one tree of spans, made of what the statuses say."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from brood.cluster.port import Kind
from brood.controller.controller import Controller
from brood.controller.operator import TRACES_TO, _traces
from brood.controller.traces import Traces
from brood.views import RunView
from tests import manifests
from tests.unit.controller.world import controlled, ended, local

TASKS = [
    {"name": "plan", "script": "echo a b", "output": "ITEMS"},
    {"name": "each", "script": 'echo canary >&2; test "$1" = a', "parallel": {"itemsFrom": "{{ outputs.ITEMS }}"}},
    {"name": "never", "script": "true", "dependsOn": ["each"]},
]


async def test_a_tree_of_runs_is_one_trace_with_the_id_of_its_root(tmp_path: Path) -> None:
    exporter, made = InMemorySpanExporter(), list[Controller]()

    def root_of(run: RunView) -> RunView | None:
        return made[0].cache.family.root(run)

    traces = Traces(SimpleSpanProcessor(exporter), root_of=root_of)
    async with local(tmp_path) as cluster, controlled(cluster, on_news=[traces.wrote]) as controller:
        made.append(controller)
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=TASKS))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        done = await ended(cluster, "run-1")
    traces.stop()
    spans = exporter.get_finished_spans()
    assert {span.context.trace_id for span in spans} == {UUID(done["metadata"]["uid"]).int}
    tree = sorted(path(span, spans) for span in spans)
    assert tree == [
        "hello ERROR",
        "hello/each ERROR",
        "hello/each/each ERROR",
        "hello/each/each OK",
        "hello/each/each/each ERROR",
        "hello/each/each/each OK",
        "hello/plan OK",
    ], "a task that never started has no span"
    assert "canary" in str(done["status"])
    assert "canary" not in "".join(span.to_json() for span in spans), "messages may hold what a script printed"
    for span in spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time


def path(span: ReadableSpan, spans: tuple[ReadableSpan, ...]) -> str:
    """Return the names from the root to a span, and its status."""

    def upwards(one: ReadableSpan) -> Iterator[str]:
        yield one.name
        if one.parent is not None:
            [above] = [other for other in spans if other.context.span_id == one.parent.span_id]
            yield from upwards(above)

    return f"{'/'.join(reversed([*upwards(span)]))} {span.status.status_code.name}"


def test_without_an_endpoint_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(run: RunView) -> None:
        raise AssertionError(run)

    for name in TRACES_TO:
        monkeypatch.delenv(name, raising=False)
    assert _traces(nowhere) is None
    monkeypatch.setenv(TRACES_TO[0], "http://127.0.0.1:9/v1/traces")
    made = _traces(nowhere)
    assert made is not None
    made.stop()
