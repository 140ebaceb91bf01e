"""OpenTelemetry traces, made of a run's timestamps when it ends: a span for the run and one for each task that started.

Nothing is kept while a run goes on. The ids come from uids, so a trace is found by its root run's (without the dashes), the
spans of children meet those of their parents whoever sends them, and a run that is told twice is the same span.
Where to send is up to the variables of OpenTelemetry (``OTEL_EXPORTER_OTLP_ENDPOINT``, …); needs ``brood-operator[otel]``.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from brood.api.phases import RunPhase, TaskPhase
from brood.controller.news import News
from brood.views import RunView

_BAD: Final = frozenset({RunPhase.FAILED, RunPhase.REJECTED, TaskPhase.FAILED})


class Traces:
    """Hands the spans of each run that ends to a processor.

    Parameters
    ----------
    processor
        What sends them.
    root_of
        Returns the root of a run, None where it is gone: then there is no trace to belong to.
    """

    def __init__(self, processor: SpanProcessor, *, root_of: Callable[[RunView], RunView | None]) -> None:
        self._processor = processor
        self._root_of = root_of
        self._resource = Resource.create({"service.name": "brood"})

    def wrote(self, news: News) -> None:
        """Send the spans of a run that ended."""
        root = self._root_of(news.run) if news.ended else None
        if root is not None:
            for span in self._spans(news, UUID(root.meta.uid).int):
                self._processor.on_end(span)

    def stop(self) -> None:
        """Send what has not been sent; takes up to some seconds."""
        self._processor.shutdown()

    def _spans(self, news: News, trace: int) -> Iterator[ReadableSpan]:
        run, status = news.run, news.status
        parent = run.spec.parent_ref
        above = None if parent is None else _context(trace, parent.uid, parent.task)
        about = {"k8s.namespace.name": run.meta.namespace, "brood.run": run.meta.name, "brood.root": run.root}
        ref = run.spec.definition_ref
        name = ref.local or ref.task or ref.name or ref.type or "run"
        times = status.start_time or run.meta.created_at, status.completion_time
        phase = status.phase or ""
        yield self._span(name, _context(trace, run.meta.uid), above, times, {**about, "brood.phase": phase})
        for row in (*status.tasks, *status.handlers):
            words = {**about, "brood.task": row.name, "brood.phase": row.phase, "brood.reason": row.reason}
            if row.start_time is not None:
                context = _context(trace, run.meta.uid, row.name)
                times = row.start_time, row.completion_time
                yield self._span(
                    row.name, context, _context(trace, run.meta.uid), times, {**words, "brood.attempt": row.attempt}
                )

    def _span(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        times: tuple[datetime, datetime | None],
        about: dict[str, str | int],
    ) -> ReadableSpan:
        start, end = times
        return ReadableSpan(
            name=name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=about,
            status=Status(StatusCode.ERROR if about["brood.phase"] in _BAD else StatusCode.OK),
            start_time=_nanoseconds(start),
            end_time=_nanoseconds(end or start),
        )


def open_traces(*, root_of: Callable[[RunView], RunView | None]) -> Traces:
    """Return traces that are sent by OTLP over HTTP, in batches, from a thread of its own."""
    return Traces(BatchSpanProcessor(OTLPSpanExporter()), root_of=root_of)


def _context(trace: int, uid: str, task: str = "") -> SpanContext:
    span = int.from_bytes(sha256(f"{uid}/{task}".encode()).digest()[:8])
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000) * 1000
