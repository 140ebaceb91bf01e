"""A cluster that looks at every write of an operator: what must never happen is noted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from brood.api import labels
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest, NotFound
from brood.controller.mergepatch import difference
from brood.engine.ranges import IndexRanges
from tests.local.faults.clock import utc_now

ENDED = ("Succeeded", "Failed")


def live(pod: Manifest) -> bool:
    """Whether a Pod may still run."""
    gone = "deletionTimestamp" in pod["metadata"] and not pod["metadata"].get("deletionGracePeriodSeconds")
    return pod["status"].get("phase") not in ENDED and not gone


def finished(run: Manifest) -> bool:
    return "completionTime" in run.get("status", {})


def is_admitted(run: Manifest) -> bool:
    conditions = run.get("status", {}).get("conditions", [])
    return any(one["type"] == "Admitted" and one["status"] == "True" for one in conditions)


class Watched(LocalCluster):
    """A cluster that looks at every write of an operator: what must never happen is noted in ``broken``."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, run_pods=False, clock=utc_now)
        self.broken: list[str] = []
        self.max_active: int | None = None
        self.checks = True
        self._made: set[tuple[Any, ...]] = set()

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Create an object, and note what is wrong with that."""
        owned = self.checks and not dry_run and kind in (Kind.POD, Kind.JOB_RUN)
        owned = owned and bool(manifest["metadata"].get("ownerReferences"))
        if owned:
            self._check(kind, manifest)
        stored = await super().create(kind, manifest, dry_run=dry_run)
        if owned:
            self._made.add((*_slot(kind, stored), stored["metadata"]["labels"].get(labels.ATTEMPT)))
        return stored

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """Change an object, and note what is wrong with that."""
        before = self.store.get(kind, namespace, name)
        stored = await super().patch(kind, namespace, name, patch, subresource=subresource)
        if self.checks and kind is Kind.JOB_RUN and subresource == "status":
            if finished(before) and difference(before["status"], stored["status"]):
                self.broken.append(
                    f"{name} was changed after its end: {difference(before['status'], stored['status'])}"
                )
            holders = [one for one in self.store.list(kind).items if _holds(one)]
            if self.max_active is not None and len(holders) > self.max_active:
                self.broken.append(f"{len(holders)} runs hold the key at once")
        return stored

    def _check(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        meta = manifest["metadata"]
        name, slot = meta["name"], _slot(kind, manifest)
        if self._exists(kind, meta["namespace"], name):
            return
        if (*slot, meta["labels"].get(labels.ATTEMPT)) in self._made:
            self.broken.append(f"{kind} {name} was made twice")
        for one in self.store.list(kind).items:
            going = live(one) if kind is Kind.POD else not finished(one)
            if going and one["metadata"].get("ownerReferences") and _slot(kind, one) == slot:
                self.broken.append(f"{kind} {name} was made beside {one['metadata']['name']}, which goes on")
        owner = next((one for one in self.store.list(Kind.JOB_RUN).items if one["metadata"]["uid"] == slot[1]), None)
        if owner is None:
            return  # somebody has deleted it meanwhile: what is made goes after it
        if finished(owner):
            self.broken.append(f"{kind} {name} was made for a run that has ended")
        row: dict[str, Any] = next((one for one in owner["status"].get("tasks", []) if one["name"] == slot[2]), {})
        done = IndexRanges.parse(row.get("items", {}).get("completedIndexes", ""))
        if kind is Kind.JOB_RUN and slot[3] is not None and int(slot[3]) in done:
            self.broken.append(f"{name} was made for an item that has succeeded")
        pools = json.loads(meta.get("annotations", {}).get(labels.POOLS, "[]"))
        for pool in pools:
            for one in self.store.list(Kind.POD).items:
                if live(one) and pool in json.loads(one["metadata"].get("annotations", {}).get(labels.POOLS, "[]")):
                    self.broken.append(f"{name} took the only slot of {pool} beside {one['metadata']['name']}")

    def _exists(self, kind: Kind, namespace: str, name: str) -> bool:
        try:
            self.store.get(kind, namespace, name)
        except NotFound:
            return False
        return True


def _slot(kind: Kind, manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return for what an object was made: kind, uid of the run, task, item, and whether that is a handler."""
    meta = manifest["metadata"]
    owner = next(one["uid"] for one in meta["ownerReferences"] if one.get("controller"))
    found = meta["labels"]
    return (kind, owner, found.get(labels.TASK), found.get(labels.INDEX), found.get(labels.HANDLER))


def _holds(run: Manifest) -> bool:
    return "parentRef" not in run["spec"] and is_admitted(run) and not finished(run)
