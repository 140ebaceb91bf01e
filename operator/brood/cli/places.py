"""Where in a tree of runs a Pod belongs, in words."""

from collections.abc import Mapping
from typing import Any

from brood.cli.reach import Reach
from brood.cluster.port import Kind, NotFound
from brood.views import PodView


class Places:
    """Where the runs below a run stand: ``encode[3]/sub``, "" for the run itself."""

    def __init__(self, reach: Reach, top: str) -> None:
        self._reach = reach
        self._paths: dict[str, str | None] = {top: ""}
        self._specs: dict[str, Mapping[str, Any]] = {}

    async def learn(self, labels: str) -> None:
        """Read which run is whose child, all at once."""
        async for page in self._reach.port.pages(Kind.JOB_RUN, namespace=self._reach.namespace, labels=labels):
            self._specs.update((one["metadata"]["name"], one["spec"]) for one in page.items)

    async def of(self, pod: PodView) -> str | None:
        """Return the path of a Pod's task or item; None where it is not below the run, or its run is gone."""
        above = await self._run(pod.run)
        if above is None:
            return None
        reference = self._specs.get(pod.run, {}).get("definitionRef") or {}
        path = above if reference.get("task") else f"{above}/{pod.task}".lstrip("/")
        return f"{path}#{pod.attempt}" if pod.attempt > 1 else path

    async def _run(self, name: str) -> str | None:
        if name not in self._paths:
            if name not in self._specs:  # it is younger than the listing
                try:
                    self._specs[name] = (await self._reach.port.get(Kind.JOB_RUN, self._reach.namespace, name))["spec"]
                except NotFound:
                    self._specs[name] = {}
            parent = self._specs[name].get("parentRef") or {}
            above = await self._run(parent["name"]) if parent else None
            index = f"[{parent['index']}]" if parent.get("index") is not None else ""
            self._paths[name] = None if above is None else f"{above}/{parent['task']}{index}".lstrip("/")
        return self._paths[name]
