"""``brood operator``: the controller on a Kubernetes cluster."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from brood.cli.findings import CommandError
from brood.cli.optiongroups import with_groups

if TYPE_CHECKING:
    from brood.controller.config import Config
    from brood.controller.operator import Options

STATUS_PATIENCE = 0.5
"""Seconds; on a real API server, where a write is dear, a Pod that ends sooner is never shown as running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOptions:
    """What was asked for on the command line."""

    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace", "-n", metavar="NS", help="Serve this namespace only; may be repeated. Default: all."
        ),
    ] = None
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="How to reach the API server. Default: $KUBECONFIG, else the cluster around us, else ~/.kube/config.",
        ),
    ] = None
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address for probes and metrics; 0.0.0.0 inside a Pod.")
    ] = "127.0.0.1"
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics (Prometheus); 0: none.")] = 8080
    health_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /healthz (liveness) and /readyz (readiness); 0: none.")
    ] = 8081
    lease_name: Annotated[str, typer.Option(metavar="NAME", help="The Lease that operators elect their leader by.")] = (
        "brood-operator"
    )
    lease_namespace: Annotated[
        str | None,
        typer.Option(metavar="NS", help="Its namespace. Default: where this runs, or the kubeconfig context's."),
    ] = None
    lease_duration: Annotated[
        float,
        typer.Option(min=1.5, metavar="SECONDS", help="After so long another operator takes over from a dead one."),
    ] = 15.0
    identity: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="Who this is in the Lease. One that restarts under its name leads again at once: no two that run may "
            "share it, so let it be a Pod's uid. Default: the host's name and a random part.",
        ),
    ] = None
    workers: Annotated[int, typer.Option(min=1, help="Runs that are worked on at once.")] = 32
    max_in_flight: Annotated[int, typer.Option(min=1, help="Requests to the API server at once, watches apart.")] = 16
    max_rate: Annotated[
        float | None,
        typer.Option(
            min=1, metavar="PER_SECOND", help="Requests to the API server in a second. Default: as many as it answers."
        ),
    ] = None
    pools: Annotated[
        list[str] | None,
        typer.Option(
            "--pool", metavar="NAME=SIZE", help="Size of a pool; may be repeated. A pool not named has one slot."
        ),
    ] = None
    max_runs: Annotated[
        int | None, typer.Option(min=1, help="Active root runs of a namespace; further ones wait. Default: any number.")
    ] = None
    max_pods: Annotated[
        int | None, typer.Option(min=1, help="Live Pods of a namespace; further ones wait. Default: any number.")
    ] = None
    max_volumes: Annotated[
        int | None, typer.Option(min=1, help="Artifact volumes of a namespace. Default: any number.")
    ] = None
    max_depth: Annotated[int, typer.Option(min=1, help="So deep runs may nest.")] = 16
    definition_wait: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="So long a root run waits for a definition that is not there.")
    ] = 300
    pod_defaults: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="A core/v1 PodTemplateSpec that lies under the Pod of every task."),
    ] = None
    log_format: Annotated[
        Literal["console", "json"] | None,
        typer.Option(help="For people or for machines. Default: console on a terminal, else json."),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="Which lines are written.")
    ] = "info"


@with_groups
def operator(options: OperatorOptions) -> None:
    """Work on a Kubernetes cluster as its operator.

    It brings the JobRuns of the cluster to their end. It needs the CustomResourceDefinitions and some rights: the Helm
    chart (charts/brood) brings both, and so does kubectl apply -k deploy/. Several may run at once: one leads, the
    others stand by and take over when it stops or dies.

    For example:

      brood operator

      brood operator --namespace team-a --namespace team-b --lease-namespace team-a

      curl localhost:8081/readyz; curl localhost:8080/metrics

    TERM or Ctrl-C stops it; runs stay as they are, and the next operator goes on with them. Exit codes: 0 stopped, 1
    another one leads now or a failure (start it again), 2 the command line is wrong or there is no cluster.
    """
    import asyncio

    from brood.cluster.kubernetes.access import AccessError
    from brood.controller.logs import LogFormat, LogLevel, set_up_logs
    from brood.controller.operator import serve

    style = options.log_format or ("console" if sys.stderr.isatty() else "json")
    set_up_logs(LogFormat(style), LogLevel(options.log_level))
    try:
        asyncio.run(serve(_shell(options), _config(options)))
    except AccessError as error:
        raise CommandError(f"brood operator: {error}") from error


def _shell(options: OperatorOptions) -> "Options":
    from brood.cluster.kubernetes.lease import LeaseTimes
    from brood.controller.endpoints import Listen
    from brood.controller.operator import Options

    return Options(
        kubeconfig=options.kubeconfig,
        lease_name=options.lease_name,
        lease_namespace=options.lease_namespace,
        lease_times=LeaseTimes.of(options.lease_duration),
        identity=options.identity,
        in_flight=options.max_in_flight,
        rate=options.max_rate,
        listen=Listen(host=options.listen, health_port=options.health_port, metrics_port=options.metrics_port),
    )


def _config(options: OperatorOptions) -> "Config":
    from brood.controller.config import Config

    return Config(
        namespaces=tuple(dict.fromkeys(options.namespaces or ())) or None,
        workers=options.workers,
        status_patience=STATUS_PATIENCE,
        pools=_sizes(options.pools or ()),
        max_runs=options.max_runs,
        max_pods=options.max_pods,
        max_volumes=options.max_volumes,
        max_depth=options.max_depth,
        definition_wait=options.definition_wait,
        pod_defaults=_pod_template(options.pod_defaults or "{}"),
    )


def _sizes(pools: Iterable[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for one in pools:
        name, _, size = one.partition("=")
        if not name or not (size.isascii() and size.isdigit()) or int(size) < 1:
            raise typer.BadParameter(f"{one!r} is not NAME=SIZE with a size of at least 1", param_hint="--pool")
        sizes[name] = int(size)
    return sizes


def _pod_template(text: str) -> dict[str, Any]:
    from brood.engine.validate import check_pod_template

    try:
        template = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"no JSON: {error}", param_hint="--pod-defaults") from error
    if not isinstance(template, dict):
        raise typer.BadParameter("no JSON object", param_hint="--pod-defaults")
    for problem in check_pod_template(template, "podDefaults"):
        raise typer.BadParameter(f"{problem.path}: {problem.message}", param_hint="--pod-defaults")
    return template
