"""Where caches and clusters live, and how progress is told."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


class Missing(Exception):
    """Something that this machine lacks, so that the cluster cannot be made here; the message names it."""


def cache() -> Path:
    """Return the directory of what is slow to make: ``$BROOD_CACHE_DIR``, else ``~/.cache/brood``."""
    return Path(os.environ.get("BROOD_CACHE_DIR") or Path.home() / ".cache" / "brood")


def default_cluster() -> Path:
    """Return the directory of `make cluster-up`'s cluster: ``$BROOD_CLUSTER_DIR``, else one in the cache."""
    return Path(os.environ.get("BROOD_CLUSTER_DIR") or cache() / "cluster")


def say(text: str) -> None:
    """Tell the person at the terminal what is going on."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Tell that `title` begins, and how long it took."""
    began = time.monotonic()
    yield
    say(f"  {title} ({time.monotonic() - began:.1f} s)")
