"""kopf as this operator uses it: a door that rings, and nothing that writes."""

import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import kopf

from brood.api.base import GROUP
from brood.api.labels import ROOT_RUN

JOB_RUNS: Final = (GROUP, "jobruns")
JOB_DEFINITIONS: Final = (GROUP, "jobdefinitions")

NEW: Final = "status.phase="
"""Field selector of runs that nobody has looked at yet; what becomes of them the informer hears, for a tenth of the CPU."""

ROOTS: Final = f"!{ROOT_RUN}"
"""Label selector of root runs: "children carry `brood.dev/root-run`"."""

PAGE: Final = 500


class Endless(Iterable[float]):
    """Waits between tries that never end: an API server that is away for an hour must not end the operator.

    kopf begins the iteration anew for each request.
    """

    def __iter__(self) -> Iterator[float]:
        """Return the waits in seconds."""
        return itertools.chain((0.2, 1, 2, 5, 10), itertools.repeat(30))


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing of objects: we compare nothing, and nothing of ours is written into users' annotations."""

    def build(self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None) -> kopf.BodyEssence:  # noqa: ARG002
        """Return no essence."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002
        """Return nothing: nothing is stored."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Store nothing."""


def door_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: it lists and watches two kinds, and does nothing else."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.error_backoffs = Endless()
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.watching.server_timeout = 300
    settings.watching.chunk_size = PAGE
    settings.watching.label_selectors[JOB_RUNS] = ROOTS
    settings.watching.field_selectors[JOB_RUNS] = NEW
    settings.queueing.idle_timeout = 0.5
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.process.ultimate_exiting_timeout = 60
    return settings


def where(namespaces: Collection[str] | None) -> dict[str, Any]:
    """Return the arguments with which kopf serves these namespaces, or all of them."""
    return {"namespaces": tuple(namespaces)} if namespaces else {"clusterwide": True}
