"""The shell text that runs first in a Pod, and how values are written for it."""

from functools import cache
from importlib.resources import files
from shlex import quote
from typing import Final

NAME: Final = "brood"
"""``$0`` of the runner, seen in its error messages."""

__all__ = ["NAME", "call", "quote", "runner"]


@cache
def runner(*, artifacts: bool) -> str:
    """Return ``runner.sh`` without comments and indentation, after ``artifacts.sh`` where a task has artifacts.

    The image needs ``/bin/sh cat mkfifo tee tail`` (contract §1.4), for artifacts also ``cp mkdir wc``.
    """
    return "".join(_strip(part) for part in (("artifacts.sh", "runner.sh") if artifacts else ("runner.sh",)))


def call(verb: str, *words: str) -> str:
    """Return one command of the runner's, every word quoted so that any text is only text."""
    return " ".join((verb, *map(quote, words))) + "\n"


def _strip(name: str) -> str:
    lines = (files(__package__) / name).read_text(encoding="utf-8").splitlines()
    return "".join(f"{text}\n" for line in lines if (text := line.strip()) and not text.startswith("#"))
