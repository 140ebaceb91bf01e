"""A cluster that looks at every write of an operator: what must never happen is noted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from brood.api import labels
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest, NotFound
from brood.controller.config import Config
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
        self.config = Config()
        self.checks = True
        self._made: set[tuple[Any, ...]] = set()

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Create an object, and note what is wrong with that."""
        owned = self.checks and not dry_run and kind in (Kind.POD, Kind.JOB_RUN)
        owned = owned and bool(manifest["metadata"].get("ownerReferences"))
        if owned:
            self._check(kind, manifest)
        if kind is Kind.CLAIM and not self._exists(
            kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        ):
            self._count("volumes", self.store.list(kind).items, self.config.max_volumes)
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
            changed = difference(_said(before["status"]), _said(stored["status"]))
            if finished(before) and changed:
                self.broken.append(f"{name} was changed after its end: {changed}")
            self._check_active([one for one in self.store.list(kind).items if _holds(one)])
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
        if kind is Kind.POD:
            pods = [one for one in self.store.list(Kind.POD).items if live(one)]
            self._count("Pods", pods, self.config.max_pods)
            for pool in _pools(manifest):
                holders = [one for one in pods if pool in _pools(one)]
                self._count(f"Pods of pool {pool}", holders, self.config.pools.get(pool, 1))

    def _count(self, what: str, found: list[Manifest], most: int | None) -> None:
        """Note that there is no room for one more."""
        if most is not None and len(found) >= most:
            self.broken.append(f"one more than {most} {what}: {[one['metadata']['name'] for one in found]}")

    def _check_active(self, roots: list[Manifest]) -> None:
        """Note that too many root runs are active, in all or of one key."""
        self._count("root runs", roots[1:], self.config.max_runs)
        definitions = {one["metadata"]["name"]: one["spec"] for one in self.store.list(Kind.JOB_DEFINITION).items}
        rules: dict[str, list[tuple[int, Manifest]]] = {}
        for root in roots:
            name = root["spec"]["definitionRef"].get("name")
            rule = definitions.get(name, {}).get("concurrency")
            if rule is not None:
                rules.setdefault(rule.get("key", name), []).append((rule.get("maxActiveRuns", 1), root))
        for key, held in rules.items():
            self._count(f"runs of key {key}", [root for _, root in held][1:], min(size for size, _ in held))

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


def _said(value: Any) -> Any:
    """Return a status without the generation that it speaks of: an edit after the end is noted, and changes nothing else."""
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if key != "observedGeneration"}
    return [_said(one) for one in value] if isinstance(value, list) else value


def _pools(pod: Mapping[str, Any]) -> list[str]:
    found: list[str] = json.loads(pod["metadata"].get("annotations", {}).get(labels.POOLS, "[]"))
    return found


def _holds(run: Manifest) -> bool:
    return "parentRef" not in run["spec"] and is_admitted(run) and not finished(run)
