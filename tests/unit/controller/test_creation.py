"""Creating objects side by side."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest
from brood.controller.creation import Creator
from brood.controller.objects import config_map
from brood.controller.writer import Writer
from brood.views import ConfigMapRequest


class Counting(Writer):
    """Counts creates, each of which takes a turn of the loop."""

    creates = 0

    async def create(self, kind: Kind, manifest: Mapping[str, Any]) -> Manifest:
        self.creates += 1
        await asyncio.sleep(0)
        return await super().create(kind, manifest)


async def test_a_config_map_that_many_pods_share_is_created_once(tmp_path: Path) -> None:
    wanted = (Kind.CONFIG_MAP, config_map(ConfigMapRequest("default", "shared", "run", "uid", {"BIG": "x"})))
    async with LocalCluster(tmp_path, run_pods=False) as port:
        writer = Counting(port, seen=lambda *_: None)
        creator = Creator(port, writer, in_flight=2)
        answers = await asyncio.gather(*(creator.create([wanted]) for _ in range(5)))
        assert answers == [[]] * 5
        assert writer.creates == 1
