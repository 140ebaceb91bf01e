"""Where a command looks: at an API server, or into the directory that an ended ``brood run`` left."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Protocol

import structlog

from brood.api.labels import ROOT_RUN
from brood.cli.findings import EXIT_INTERRUPTED, CommandError
from brood.cli.options import ClusterOptions, Where
from brood.cluster.port import ApiError, Forbidden, Kind, Manifest, NotFound, Port, Unavailable

_NAMES_SHOWN: Final = 8
_UNAUTHORIZED: Final = "Unauthorized"
"""The whole message of a 401."""
_UNKNOWN_KIND: Final = ("could not find the requested resource", "404 page not found")


class Cluster(Port, Protocol):
    """A port that people look through."""

    def log_lines(
        self, namespace: str, pod: str, *, follow: bool, tail_lines: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the lines of the log of container ``main``; with ``follow`` until it ends."""


@dataclass(frozen=True, slots=True)
class Reach:
    """An open port, and the namespace that is meant."""

    port: Cluster
    namespace: str

    async def run(self, name: str) -> Manifest:
        """Return a JobRun; raises `CommandError`, naming those that are there."""
        return await self._one(Kind.JOB_RUN, name, labels=f"!{ROOT_RUN}", hint="brood submit makes one")

    async def definition(self, name: str) -> Manifest:
        """Return a JobDefinition; raises `CommandError`, naming those that are there."""
        return await self._one(Kind.JOB_DEFINITION, name, labels=None, hint="brood submit FILE creates one")

    async def _one(self, kind: Kind, name: str, *, labels: str | None, hint: str) -> Manifest:
        try:
            return await self.port.get(kind, self.namespace, name)
        except NotFound as error:
            if any(words in error.message for words in _UNKNOWN_KIND):
                raise
        listing = await self.port.list(kind, namespace=self.namespace, labels=labels)
        names = [one["metadata"]["name"] for one in listing.items]
        raise CommandError(f"{kind} {name} is not in namespace {self.namespace}; {there_are(names, name, none=hint)}")


def there_are(names: Iterable[str], wanted: str, *, none: str) -> str:
    """Say which names are there: those that are near to the one that was wanted, else the first."""
    known = sorted(names)
    if not known:
        return f"there is none; {none}"
    if near := get_close_matches(wanted, known):
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
    return f"there are: {', '.join(known[:_NAMES_SHOWN])}{more}"


def at(options: ClusterOptions, work: Callable[[Reach], Awaitable[int]]) -> int:
    """Do a command's work where its options say, and return its exit code; raises `CommandError`."""

    async def worked() -> int:
        async with _reached(options) as reach:
            return await work(reach)

    try:
        return asyncio.run(worked())
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ApiError as error:
        raise CommandError(_explained(error)) from error


@asynccontextmanager
async def _reached(options: ClusterOptions) -> AsyncIterator[Reach]:
    with _logging_to_stderr():
        async with _opened(options) as reach:
            yield reach


@asynccontextmanager
async def _opened(options: ClusterOptions) -> AsyncIterator[Reach]:
    if isinstance(options, Where) and options.kept is not None:
        from brood.cli.kept import load  # noqa: PLC0415 - a cluster needs no local one, nor the other way round

        port = load(options.kept)
        roots = port.store.list(Kind.JOB_RUN, labels=f"!{ROOT_RUN}").items
        yield Reach(port, options.namespace or (roots[0]["metadata"]["namespace"] if roots else "default"))
        return
    from brood.cluster.kubernetes.access import AccessError  # noqa: PLC0415
    from brood.cluster.kubernetes.client import connect  # noqa: PLC0415

    try:
        port_there = await connect(kubeconfig=options.kubeconfig, context=options.context)
    except AccessError as error:
        raise CommandError(f"{error}; name a cluster with --kubeconfig or --context, or run here: brood run") from error
    async with port_there:
        yield Reach(port_there, options.namespace or port_there.access.namespace)


def _explained(error: ApiError) -> str:
    if isinstance(error, NotFound) and any(words in error.message for words in _UNKNOWN_KIND):
        return (
            "the API server does not know JobRuns: install brood's CustomResourceDefinitions (kubectl apply -f crds/)"
        )
    if isinstance(error, Forbidden):
        return f"{error.message}; ask for that right, or choose a namespace with -n"
    if error.message == _UNAUTHORIZED:
        return "the API server does not accept the credentials (401): log in again, or see --kubeconfig and --context"
    if isinstance(error, Unavailable):
        return f"the API server gives no answer: {error.message}; see --kubeconfig and --context"
    return error.message


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Tell of a lost watch and the like, which is tried again, where results are not."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.reset_defaults()
