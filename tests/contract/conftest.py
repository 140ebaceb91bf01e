"""The ports that the contract is held against; a test asks for `bench` and runs on each of them."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind, Manifest, Port


@dataclass(frozen=True, slots=True)
class Bench:
    """A port and a namespace of the test's own."""

    port: Port
    namespace: str

    def here(self, manifest: Manifest) -> Manifest:
        """Put an object into the namespace of the test."""
        manifest["metadata"]["namespace"] = self.namespace
        return manifest

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        return await self.port.create(kind, self.here(manifest))

    async def get(self, kind: Kind, name: str) -> Manifest:
        return await self.port.get(kind, self.namespace, name)

    async def delete(self, kind: Kind, manifest: Manifest, *, grace_seconds: int | None = None) -> None:
        meta = manifest["metadata"]
        await self.port.delete(kind, self.namespace, meta["name"], uid=meta["uid"], grace_seconds=grace_seconds)


@pytest.fixture(params=["local"])
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Yield each port in turn, opened."""
    async with LocalCluster(tmp_path / "state") as cluster:
        yield Bench(cluster, f"test-{uuid.uuid4().hex[:8]}")
