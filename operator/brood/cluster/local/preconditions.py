"""What a writer may demand of the object that it changes."""

from collections.abc import Mapping
from typing import Any

from brood.cluster.local.admission import RESOURCES, invalid
from brood.cluster.port import Conflict, Kind, Manifest


def _conflict(kind: Kind, name: str, why: str) -> str:
    return f'Operation cannot be fulfilled on {RESOURCES[kind]} "{name}": {why}'


def check_preconditions(kind: Kind, old: Manifest, wanted: Mapping[str, Any]) -> None:
    """Compare name, namespace, uid and resourceVersion with what is wanted; raises `Conflict` or `Invalid`."""
    meta = old["metadata"]
    for field in ("name", "namespace"):
        if wanted.get(field, meta[field]) != meta[field]:
            raise invalid(kind, meta["name"], f"metadata.{field}: Invalid value: field is immutable")
    if wanted.get("uid") not in (None, meta["uid"]):
        raise Conflict(
            _conflict(
                kind,
                meta["name"],
                f"Precondition failed: UID in precondition: {wanted['uid']}, UID in object meta: {meta['uid']}",
            )
        )
    if wanted.get("resourceVersion") not in (None, meta["resourceVersion"]):
        raise Conflict(
            _conflict(
                kind,
                meta["name"],
                "the object has been modified; please apply your changes to the latest version and try again",
            )
        )
