"""What the operator counts, in Prometheus' format; every name stands in `brood.controller.series`.

Nothing is counted for its own sake: what the controller holds anyway is read when somebody asks.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from brood import __version__
from brood.api.phases import RunPhase
from brood.cluster.port import Kind
from brood.controller import series
from brood.controller.controller import Controller
from brood.controller.news import News
from brood.controller.series import Family
from brood.views import PodView

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

QUEUE: Final = "runs"
"""The work queue's name in generic metrics."""

OTHER_POOLS: Final = "pool/*"

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
        registry = self._registry = CollectorRegistry()
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._request_seconds = series.API_SECONDS.histogram(registry)
        self._queue_seconds = series.QUEUE_SECONDS.histogram(registry).labels(QUEUE)
        self._work_seconds = series.WORK_SECONDS.histogram(registry).labels(QUEUE)
        self._pass_seconds = series.RECONCILE_SECONDS.histogram(registry).labels(QUEUE)
        self._run_queue_seconds = series.RUN_QUEUE_SECONDS.histogram(registry)
        self._run_seconds = series.RUN_DURATION_SECONDS.histogram(registry)
        self._task_seconds = series.TASK_DURATION_SECONDS.histogram(registry)
        registry.register(_Collected(lambda: self._collect(controller(), leading=leading(), lease=lease)))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def observe(self, *, verb: str, kind: Kind, code: int, seconds: float) -> None:
        """Count a request to the API server; ``code`` is 0 where there was no answer."""
        self._requests[verb, kind.value, str(code) if code else "<error>"] += 1
        self._request_seconds.labels(verb).observe(seconds)

    def passed(self, waited: float, worked: float) -> None:
        """Count a pass over a key."""
        self._queue_seconds.observe(waited)
        self._work_seconds.observe(worked)
        self._pass_seconds.observe(worked)

    def wrote(self, news: News) -> None:
        """Count what a status write of a run said."""
        if news.queued_seconds is not None and news.run.is_root:
            self._run_queue_seconds.observe(news.queued_seconds)
        for row, seconds in news.ended_tasks:
            if seconds is not None:
                self._task_seconds.labels(row.phase.value).observe(seconds)
        if news.ended is not None and news.run_seconds is not None:
            level = "root" if news.run.is_root else "child"
            self._run_seconds.labels(level, news.ended.value).observe(news.run_seconds)

    def text(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self._registry)

    def _collect(self, controller: Controller | None, *, leading: bool, lease: str) -> Iterator[Family]:
        yield series.BUILD_INFO.family({(__version__,): 1})
        yield series.LEADER.family({(lease,): leading})
        yield series.API_REQUESTS.family(self._requests)
        if controller is not None:
            yield from _queue(controller)
            yield from _objects(controller)
            yield from _slots(controller)


class _Collected(Collector):
    """Metrics that are made when they are asked for."""

    def __init__(self, collect: Callable[[], Iterator[Family]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Family]:
        return self._collect()

    def describe(self) -> Iterator[Family]:
        return iter(())  # else the registry collects once to learn the names


def _queue(controller: Controller) -> Iterator[Family]:
    figures, name = controller.queue.figures, (QUEUE,)
    yield series.QUEUE_DEPTH.family({name: figures.depth})
    yield series.QUEUE_ADDS.family({name: figures.processed + figures.in_flight + figures.depth})
    yield series.QUEUE_RETRIES.family({name: figures.failed})
    yield series.UNFINISHED_SECONDS.family({name: sum(figures.working_seconds)})
    yield series.LONGEST_SECONDS.family({name: max(figures.working_seconds, default=0.0)})
    yield series.DELAYED_KEYS.family({(): figures.delayed})
    yield series.OLDEST_KEY_SECONDS.family({(): figures.oldest_seconds})
    results = {"success": figures.processed - figures.failed, "error": figures.failed}
    yield series.RECONCILES.family({(QUEUE, result): count for result, count in results.items()})
    yield series.RECONCILE_ERRORS.family({name: figures.failed})
    yield series.ACTIVE_WORKERS.family({name: figures.in_flight})
    yield series.MAX_WORKERS.family({name: controller.config.workers})


def _objects(controller: Controller) -> Iterator[Family]:
    phases: Counter[tuple[str, ...]] = Counter({(phase.value,): 0 for phase in RunPhase})
    pods: Counter[tuple[str, ...]] = Counter()
    pending: Counter[tuple[str, ...]] = Counter()
    for run in controller.cache.family.all():
        phases[((run.status.phase or RunPhase.PENDING).value,)] += 1
    for owner in controller.cache.pods.owners():
        for pod in controller.cache.pods.of(owner).all():
            pods[(pod.phase,)] += 1
            if pod.phase == "Pending":
                pending[(pending_reason(pod),)] += 1
    yield series.RUNS.family(phases)
    yield series.PODS.family(pods)
    yield series.PODS_PENDING.family(pending)
    yield series.MALFORMED_RUNS.family({(): len(controller.cache.malformed)})


def _slots(controller: Controller) -> Iterator[Family]:
    config, slots = controller.config, controller.cache.slots
    limits = {"runs": config.max_runs, "pods": config.max_pods, "volumes": config.max_volumes}
    limits |= {f"pool/{name}": size for name, size in config.pools.items()}
    used: dict[tuple[str, ...], float] = {}
    for namespace in slots.namespaces:
        state = slots.state(namespace)
        held = {"runs": state.runs, "pods": state.pods, "volumes": len(state.volumes)}
        used |= {(namespace, name): held.get(name, 0) for name, limit in limits.items() if limit is not None}
        for pool, holders in state.holders.items():
            name = f"pool/{pool}" if pool in config.pools else OTHER_POOLS
            used[namespace, name] = used.get((namespace, name), 0) + len(holders)
    yield series.SLOTS_USED.family(used)
    yield series.SLOTS_LIMIT.family({(name,): limit for name, limit in limits.items() if limit is not None})


def pending_reason(pod: PodView) -> str:
    """Return what a pending Pod waits for, as one of a fixed set of words."""
    if pod.unschedulable:
        return "Unschedulable"
    if not pod.node:
        return "Scheduling"
    if not pod.waiting_reason:
        return "Starting"
    return pod.waiting_reason if pod.waiting_reason in WAITING_REASONS else "Other"
