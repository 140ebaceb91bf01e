"""What is built of the answers of an API server: of runs and Pods, of which there are many, only what somebody looks at.

Half of such an object is managedFields, and most of a Pod is for its kubelet. Not to make Python objects of that takes a fifth of the
time, at every event of a watch and for each object of a listing.
"""

from typing import Any, Final, TypedDict

import msgspec
import orjson

from brood.cluster.kubernetes.resources import RESOURCES
from brood.cluster.port import Kind, Manifest, Unavailable


class _Writer(TypedDict, total=False):
    """Who wrote, and not which fields."""

    manager: Any


class _Metadata(TypedDict, total=False):
    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    generation: Any
    creationTimestamp: Any
    deletionTimestamp: Any
    deletionGracePeriodSeconds: Any
    labels: Any
    annotations: Any
    ownerReferences: Any
    finalizers: Any


class _RunMetadata(_Metadata, total=False):
    managedFields: list[_Writer]


class _Run(TypedDict, total=False):
    apiVersion: Any
    kind: Any
    metadata: _RunMetadata
    spec: Any
    status: Any


class _PodSpec(TypedDict, total=False):
    nodeName: Any


class _Container(TypedDict, total=False):
    name: Any
    state: Any


class _PodStatus(TypedDict, total=False):
    phase: Any
    reason: Any
    message: Any
    conditions: Any
    containerStatuses: list[_Container]
    initContainerStatuses: list[_Container]


class _Pod(TypedDict, total=False):
    apiVersion: Any
    kind: Any
    metadata: _Metadata
    spec: _PodSpec
    status: _PodStatus


class _Runs(TypedDict, total=False):
    metadata: Any
    items: list[_Run]


class _Pods(TypedDict, total=False):
    metadata: Any
    items: list[_Pod]


class _RunEvent(TypedDict):
    type: str
    object: _Run


class _PodEvent(TypedDict):
    type: str
    object: _Pod


_PAGES: Final[dict[Kind, msgspec.json.Decoder[Any]]] = {
    Kind.JOB_RUN: msgspec.json.Decoder(_Runs),
    Kind.POD: msgspec.json.Decoder(_Pods),
}
_EVENTS: Final[dict[Kind, msgspec.json.Decoder[Any]]] = {
    Kind.JOB_RUN: msgspec.json.Decoder(_RunEvent),
    Kind.POD: msgspec.json.Decoder(_PodEvent),
}


def decoded(body: bytes) -> dict[str, Any]:
    """Return the object that a body is in JSON; `Unavailable` where it is none: a proxy answered, not the server."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        raise Unavailable(f"the server answered with what is no JSON object: {body[:100]!r}")
    return read


def read_page(body: bytes, kind: Kind) -> tuple[dict[str, Any], list[Manifest]]:
    """Return the metadata of a page and its objects, with kind and apiVersion, which those of a built-in type lack."""
    read = _read(_PAGES.get(kind), body) or decoded(body)
    items: list[Manifest] = read.get("items") or []
    for item in items:
        item.setdefault("kind", kind.value)
        item.setdefault("apiVersion", RESOURCES[kind].api_version)
    return read.get("metadata") or {}, items


def read_event(line: bytes, kind: Kind) -> tuple[str, Any]:
    """Return the type of an event of a watch and its object, which is a Status where the type is ``ERROR``.

    Raises
    ------
    Unavailable
        If the line is no event.
    """
    read = _read(_EVENTS.get(kind), line)
    if read is None or read["type"] == "ERROR":
        try:
            read = orjson.loads(line)
            return read["type"], read["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Unavailable(f"the server sent what is no watch event: {line[:100]!r}") from error
    return read["type"], read["object"]


def _read(decoder: msgspec.json.Decoder[Any] | None, text: bytes) -> dict[str, Any] | None:
    """Return what a decoder finds; None where one object is of another shape: then all is read, and it costs only its own key."""
    try:
        return None if decoder is None else decoder.decode(text)
    except msgspec.DecodeError:
        return None
