"""The objects of an ended ``brood run``, beside its logs and files: so that it can be looked at again."""

import gzip
import zlib
from pathlib import Path
from typing import Final

import orjson

from brood.cli.findings import CommandError
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind, Manifest, Port

OBJECTS: Final = "objects.json.gz"
_KINDS: Final = (Kind.JOB_DEFINITION, Kind.REVISION, Kind.CONFIG_MAP, Kind.JOB_RUN, Kind.POD)


async def save(port: Port, directory: Path) -> None:
    """Write every object that tells of the runs, as a ``List``; of a Pod only what became of it."""
    items = [_slim(one) for kind in _KINDS for one in (await port.list(kind)).items]
    text = orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    (directory / OBJECTS).write_bytes(gzip.compress(text, compresslevel=1))


def load(directory: Path) -> LocalCluster:
    """Return a cluster of those objects in which nothing moves; raises `CommandError`."""
    try:
        items = orjson.loads(gzip.decompress((directory / OBJECTS).read_bytes()))["items"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError) as error:
        message = f"{directory} holds no ended run: {OBJECTS} cannot be read; brood run prints the directory at its end"
        raise CommandError(message) from error
    cluster = LocalCluster(directory, run_pods=False)
    for item in items:
        cluster.store.restore(Kind(item["kind"]), item)
    return cluster


def _slim(manifest: Manifest) -> Manifest:
    return {**manifest, "spec": {}} if manifest["kind"] == Kind.POD else manifest
