"""Every metric by name: what it counts and which labels it has. docs/reference/metrics.md is made from this.

Names that controller-runtime and client-go use mean here what they mean there, so that dashboards made for those fit.
Labels are words of a fixed set (phases, reasons, verbs, kinds, status codes), never names of objects, so that the number
of series is bounded; the one exception, namespaces, is there only where the operator's configuration sets a limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Family = CounterMetricFamily | GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class Series:
    """One metric; ``buckets`` are the upper bounds of a histogram."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def family(self, values: Mapping[tuple[str, ...], float]) -> Family:
        """Return the values by their labels, for a collector."""
        make = CounterMetricFamily if self.type == "counter" else GaugeMetricFamily
        family = make(self.name, self.text, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """Return a histogram that is observed as things happen."""
        return Histogram(self.name, self.text, self.labels, registry=registry, buckets=self.buckets)


_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)

BUILD_INFO: Final = Series("brood_build_info", "gauge", "Always 1; the label is the version.", ("version",))
LEADER: Final = Series(
    "leader_election_master_status",
    "gauge",
    "1 if this process leads, 0 if it stands by; the label is the Lease.",
    ("name",),
)

RUNS: Final = Series("brood_runs", "gauge", "JobRuns, roots and children, that exist now.", ("phase",))
RUN_QUEUE_SECONDS: Final = Series(
    "brood_run_queue_seconds",
    "histogram",
    "From the creation of a root run to its admission: what it waited for its key, its definition and limits.",
    buckets=_LONG,
)
RUN_DURATION_SECONDS: Final = Series(
    "brood_run_duration_seconds",
    "histogram",
    "From admission to the end of a run, by how it ended; level is root or child.",
    ("level", "phase"),
    _LONG,
)
TASK_DURATION_SECONDS: Final = Series(
    "brood_task_duration_seconds",
    "histogram",
    "From the start of a task's first attempt to the task's end, retries and the waits between them included.",
    ("phase",),
    _LONG,
)
PODS: Final = Series("brood_pods", "gauge", "Pods that brood made and that exist now.", ("phase",))
PODS_PENDING: Final = Series("brood_pods_pending", "gauge", "Pods that have not started, by what for.", ("reason",))
SLOTS_USED: Final = Series(
    "brood_slots_used",
    "gauge",
    "What a namespace holds of each limit: runs, pods, volumes, pool/NAME; pool/* is all pools without a set size.",
    ("namespace", "limit"),
)
SLOTS_LIMIT: Final = Series(
    "brood_slots_limit", "gauge", "Each limit that the operator's configuration sets for a namespace.", ("limit",)
)
MALFORMED_RUNS: Final = Series(
    "brood_malformed_runs", "gauge", "JobRuns that cannot be read; their condition Stalled says why."
)

API_REQUESTS: Final = Series(
    "brood_api_requests_total",
    "counter",
    "Requests to the API server by Kubernetes verb, kind and HTTP status; <error> where there was no answer.",
    ("verb", "kind", "code"),
)
API_SECONDS: Final = Series(
    "brood_api_request_duration_seconds",
    "histogram",
    "From sending a request to the API server to the end of its answer; of a watch to its beginning.",
    ("verb",),
    _QUICK,
)

QUEUE_DEPTH: Final = Series("workqueue_depth", "gauge", "Keys that are ready and wait for a worker.", ("name",))
QUEUE_ADDS: Final = Series(
    "workqueue_adds_total", "counter", "Keys that became ready; one that waits already is not added.", ("name",)
)
QUEUE_RETRIES: Final = Series(
    "workqueue_retries_total", "counter", "Passes that failed and were put back to be tried again.", ("name",)
)
QUEUE_SECONDS: Final = Series(
    "workqueue_queue_duration_seconds", "histogram", "For how long a key waited for a worker.", ("name",), _QUICK
)
WORK_SECONDS: Final = Series(
    "workqueue_work_duration_seconds", "histogram", "How long a pass over a key took.", ("name",), _QUICK
)
UNFINISHED_SECONDS: Final = Series(
    "workqueue_unfinished_work_seconds",
    "gauge",
    "Sum of how long the passes that are under way have taken so far.",
    ("name",),
)
LONGEST_SECONDS: Final = Series(
    "workqueue_longest_running_processor_seconds",
    "gauge",
    "How long the longest pass that is under way has taken so far.",
    ("name",),
)
DELAYED_KEYS: Final = Series(
    "brood_delayed_keys", "gauge", "Keys that are due later: deadlines, back-off, the slow look at everything."
)
OLDEST_KEY_SECONDS: Final = Series(
    "brood_oldest_key_seconds",
    "gauge",
    "For how long the first ready key has waited; it grows when the operator cannot keep up.",
)
RECONCILES: Final = Series(
    "controller_runtime_reconcile_total",
    "counter",
    "Passes over a key by result: success or error.",
    ("controller", "result"),
)
RECONCILE_ERRORS: Final = Series(
    "controller_runtime_reconcile_errors_total", "counter", "Passes that failed.", ("controller",)
)
RECONCILE_SECONDS: Final = Series(
    "controller_runtime_reconcile_time_seconds", "histogram", "How long a pass took.", ("controller",), _QUICK
)
ACTIVE_WORKERS: Final = Series(
    "controller_runtime_active_workers", "gauge", "Keys that are worked on now.", ("controller",)
)
MAX_WORKERS: Final = Series(
    "controller_runtime_max_concurrent_reconciles", "gauge", "Keys that may be worked on at once.", ("controller",)
)

ALL: Final = tuple(one for one in dict(globals()).values() if isinstance(one, Series))
