"""The operator on the local cluster, inside this process: `brood run` without Kubernetes."""

import contextlib
import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from brood.cli.statedir import LOG_FILE
from brood.cluster.local import LocalCluster
from brood.controller.config import Config
from brood.controller.controller import Controller
from brood.controller.logs import add_subject

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running operator and the cluster that it works on."""

    port: LocalCluster
    controller: Controller


@asynccontextmanager
async def embedded_operator(state: Path) -> AsyncIterator[Embedded]:
    """Start a local cluster in a directory and an operator on it; at the end stop both, and every process with them."""
    with _logging_to(state / LOG_FILE):
        async with LocalCluster(state) as port:
            controller = Controller(port, Config())
            await controller.start()
            try:
                yield Embedded(port=port, controller=controller)
            finally:
                await controller.stop()


class _LogFile(io.FileIO):
    """A log that loses lines rather than stop who writes them, where the disk is full."""

    def write(self, data: "ReadableBuffer") -> int:
        with contextlib.suppress(OSError):
            super().write(data)
        return len(memoryview(data))


@contextmanager
def _logging_to(file: Path) -> Iterator[None]:
    with io.TextIOWrapper(
        _LogFile(file, "a"), encoding="utf-8", errors="backslashreplace", write_through=True
    ) as stream:
        structlog.configure(
            processors=[
                add_subject,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file=stream),
            cache_logger_on_first_use=False,
        )
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            structlog.reset_defaults()
