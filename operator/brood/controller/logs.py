"""What the operator says while it works: one line an event, for people or for machines.

Every line has a time, a level, the logger's name, an event in words, and what it is about as fields (``namespace``,
``run``, ``task``, …), so that ``jq 'select(.run == "encode-42")'`` is the story of a run.
"""

import logging
import sys
from contextvars import ContextVar
from enum import StrEnum
from typing import Final, TextIO

import structlog
from structlog.types import EventDict, Processor

from brood.controller.keys import Key


class LogFormat(StrEnum):
    """How lines look."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_LIBRARIES = {"kopf": logging.WARNING, "aiohttp.access": logging.WARNING, "asyncio": logging.WARNING}
"""What libraries say goes the same way, from these levels on."""


SUBJECT: Final[ContextVar[Key | None]] = ContextVar("subject", default=None)
"""The object that is worked on: every line that is written meanwhile names it."""


def add_subject(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Add the object that is worked on, where the line does not name one of its own."""
    key = SUBJECT.get()
    return line if key is None else {**key.fields, **line}


def set_up_logs(style: LogFormat, level: LogLevel, *, stream: TextIO | None = None) -> None:
    """Write log lines to stderr, or to ``stream``; those of libraries too."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        add_subject,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    ends: list[Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if style is LogFormat.JSON
        else [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends],
        )
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(least, threshold))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
