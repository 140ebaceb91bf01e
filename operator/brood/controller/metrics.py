"""What the operator counts, in Prometheus' format.

Nothing is counted for its own sake: what the controller holds anyway is read when somebody asks. Labels are words of
a fixed set (phases, reasons, verbs, kinds, status codes), never names of objects, so that the number of series is
bounded.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from brood import __version__
from brood.api.phases import RunPhase
from brood.cluster.port import Kind
from brood.controller.controller import Controller
from brood.views import PodView

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

QUEUE: Final = "runs"
"""The work queue's name in generic metrics."""

WAITING_REASONS: Final = frozenset(
    {
        "ContainerCreating",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "PodInitializing",
        "RegistryUnavailable",
        "RunContainerError",
        "SetupContainerError",
    }
)
"""The kubelet's reasons that are counted by name; any other is ``Other``."""

disable_created_metrics()  # type: ignore[no-untyped-call] # samples that nobody asked for

_Family = CounterMetricFamily | GaugeMetricFamily | SummaryMetricFamily


class Metrics:
    """All metrics of one operator.

    Parameters
    ----------
    controller
        Returns the controller while this process leads, else None.
    leading
        Whether this process leads.
    lease
        Name of the Lease.
    """

    def __init__(self, *, controller: Callable[[], Controller | None], leading: Callable[[], bool], lease: str) -> None:
        self._registry = CollectorRegistry()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._seconds = Histogram(
            "brood_api_request_duration_seconds",
            "Seconds from sending a request to the API server to the end of its answer; of a watch to its beginning.",
            ["verb"],
            registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._registry.register(_Collected(lambda: self._collect(controller(), leading=leading(), lease=lease)))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def observe(self, *, verb: str, kind: Kind, code: int, seconds: float) -> None:
        """Count a request to the API server; ``code`` is 0 where there was no answer."""
        self._requests[verb, kind.value, str(code) if code else "<error>"] += 1
        self._seconds.labels(verb).observe(seconds)

    def text(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self._registry)

    def _collect(self, controller: Controller | None, *, leading: bool, lease: str) -> Iterator[_Family]:
        yield _gauge("brood_build_info", "Always 1; the label is the version.", {"version": __version__}, 1)
        yield _gauge(
            "leader_election_master_status",
            "1 if this process leads, 0 if it stands by; the label is the Lease.",
            {"name": lease},
            int(leading),
        )
        yield self._api_requests()
        if controller is not None:
            yield from _queue(controller)
            yield from _objects(controller)

    def _api_requests(self) -> _Family:
        family = CounterMetricFamily(
            "brood_api_requests_total",
            "Requests to the API server by Kubernetes verb, kind and HTTP status; <error> where there was no answer.",
            labels=["verb", "kind", "code"],
        )
        for labels, count in self._requests.items():
            family.add_metric(labels, count)
        return family


class _Collected(Collector):
    """Metrics that are made when they are asked for."""

    def __init__(self, collect: Callable[[], Iterator[_Family]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[_Family]:
        return self._collect()

    def describe(self) -> Iterator[_Family]:
        return iter(())  # else the registry collects once to learn the names


def _queue(controller: Controller) -> Iterator[_Family]:
    figures, labels = controller.queue.figures, {"name": QUEUE}
    yield _gauge("workqueue_depth", "Keys that are ready and wait for a worker.", labels, figures.depth)
    yield _gauge("workqueue_delayed", "Keys that are due later: deadlines, back-off, resync.", labels, figures.delayed)
    yield _gauge(
        "workqueue_longest_waiting_key_seconds",
        "For how long the first ready key has waited; it grows when the operator cannot keep up.",
        labels,
        figures.oldest_seconds,
    )
    yield _count(
        "workqueue_retries_total", "Passes that failed and were put back to be tried again.", labels, figures.failed
    )
    yield _sum(
        "workqueue_queue_duration_seconds",
        "Seconds that keys waited for a worker.",
        labels,
        count=figures.processed,
        total=figures.waited_seconds,
    )
    yield _sum(
        "workqueue_work_duration_seconds",
        "Seconds that passes over a key took.",
        labels,
        count=figures.processed,
        total=figures.worked_seconds,
    )
    yield _gauge(
        "controller_runtime_active_workers",
        "Keys that are worked on now.",
        {"controller": QUEUE},
        figures.in_flight,
    )
    family = CounterMetricFamily(
        "controller_runtime_reconcile_total", "Passes over a key by result.", labels=["controller", "result"]
    )
    family.add_metric([QUEUE, "success"], figures.processed - figures.failed)
    family.add_metric([QUEUE, "error"], figures.failed)
    yield family


def _objects(controller: Controller) -> Iterator[_Family]:
    phases: Counter[str] = Counter({phase.value: 0 for phase in RunPhase})
    pods: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    for run in controller.cache.family.all():
        phases[(run.status.phase or RunPhase.PENDING).value] += 1
    for owner in controller.cache.pods.owners():
        for pod in controller.cache.pods.of(owner).all():
            pods[pod.phase] += 1
            if pod.phase == "Pending":
                pending[pending_reason(pod)] += 1
    yield _by("brood_runs", "JobRuns, roots and children, that exist now, by phase.", "phase", phases)
    yield _by("brood_pods", "Pods that brood made and that exist now, by phase.", "phase", pods)
    yield _by("brood_pods_pending", "Pods that have not started, by what they wait for.", "reason", pending)
    malformed = len(controller.cache.malformed)
    yield _gauge(
        "brood_malformed_runs", "JobRuns that cannot be read; their condition Stalled says why.", {}, malformed
    )


def pending_reason(pod: PodView) -> str:
    """Return what a pending Pod waits for, as one of a fixed set of words."""
    if pod.unschedulable:
        return "Unschedulable"
    if not pod.node:
        return "Scheduling"
    if not pod.waiting_reason:
        return "Starting"
    return pod.waiting_reason if pod.waiting_reason in WAITING_REASONS else "Other"


def _gauge(name: str, text: str, labels: dict[str, str], value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[*labels])
    family.add_metric([*labels.values()], value)
    return family


def _count(name: str, text: str, labels: dict[str, str], value: float) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[*labels])
    family.add_metric([*labels.values()], value)
    return family


def _sum(name: str, text: str, labels: dict[str, str], *, count: int, total: float) -> SummaryMetricFamily:
    family = SummaryMetricFamily(name, text, labels=[*labels])
    family.add_metric([*labels.values()], count_value=count, sum_value=total)
    return family


def _by(name: str, text: str, label: str, counts: Counter[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, count in counts.items():
        family.add_metric([word], count)
    return family
