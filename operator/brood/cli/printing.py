"""Objects and rows on stdout, as ``-o`` asks."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import yaml

from brood.api.base import GROUP
from brood.cli.options import ObjectFormat
from brood.cluster.port import Manifest


def name_of(manifest: Manifest) -> str:
    """Return ``jobrun.brood.dev/encode-42``, which kubectl takes."""
    return f"{manifest['kind'].lower()}.{GROUP}/{manifest['metadata']['name']}"


def print_objects(manifests: Sequence[Manifest], output: ObjectFormat, *, text: Iterable[str]) -> None:
    """Print objects: one alone as it is, several as a ``List``; or the lines that tell of them."""
    match output:
        case ObjectFormat.TEXT:
            lines = list(text)
        case ObjectFormat.NAME:
            lines = [name_of(one) for one in manifests]
        case _:
            many = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
            print_data(manifests[0] if len(manifests) == 1 else many, output)
            return
    print("\n".join(lines), flush=True)


def print_data(data: Any, output: ObjectFormat) -> None:
    """Print data as JSON or YAML."""
    text = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
    if output is ObjectFormat.YAML:
        text = yaml.safe_dump(orjson.loads(text), sort_keys=False, allow_unicode=True).rstrip("\n")
    print(text, flush=True)
