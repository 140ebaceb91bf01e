"""Where the objects of one kind are kept: as they are while they live, packed once they have ended."""

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import orjson

from brood.cluster.port import Manifest

Key = tuple[str, str]
"""Namespace and name."""

WARM = 256
"""So many ended objects stay unpacked, because a result is read and a finalizer released soon after an end."""

_MAKES = 256
"""For so many tasks an ended object is kept whole, as the pattern of those that follow."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """An object as deflated JSON; ``like`` is the JSON of a similar one: items of a task differ in little."""

    data: bytes
    like: bytes


class Shelf:
    """Objects by key, in the order of their creation.

    An ended Pod takes some 0.5 KB instead of 15 KB, so that a fan-out of 100,000 items fits into memory.
    """

    def __init__(self, warm: int = WARM) -> None:
        self._objects: dict[Key, Manifest | _Packed] = {}
        self._cooling: deque[Key] = deque()
        self._warm = warm
        self._likes: dict[tuple[str, str], bytes] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, key: Key) -> bool:
        return key in self._objects

    def __iter__(self) -> Iterator[Key]:
        return iter(self._objects)

    def get(self, key: Key) -> Manifest | None:
        """Return the object; it is shared and must not be changed."""
        found = self._objects.get(key)
        return self._unpack(found) if isinstance(found, _Packed) else found

    def put(self, key: Key, manifest: Manifest, *, ended: bool) -> None:
        """Keep an object in place of the one before; ``ended``: it will hardly change any more."""
        self._objects[key] = manifest
        if not ended:
            return
        self._cooling.append(key)
        if len(self._cooling) > self._warm:
            coldest = self._cooling.popleft()
            found = self._objects.get(coldest)
            if isinstance(found, dict):
                self._objects[coldest] = self._pack(found)

    def remove(self, key: Key) -> None:
        """Forget an object."""
        del self._objects[key]

    def _pack(self, manifest: Manifest) -> _Packed:
        raw = orjson.dumps(manifest)
        labels = manifest["metadata"].get("labels") or {}
        make = (labels.get("brood.dev/definition", ""), labels.get("brood.dev/task", ""))
        like = self._likes.get(make)
        if like is None:
            like = raw if len(self._likes) < _MAKES else b""
            self._likes[make] = like
        return _Packed(_deflate(raw, like), like)

    @staticmethod
    def _unpack(packed: _Packed) -> Manifest:
        inflater = zlib.decompressobj(wbits=-15, zdict=packed.like)
        return cast("Manifest", orjson.loads(inflater.decompress(packed.data) + inflater.flush()))


def _deflate(raw: bytes, like: bytes) -> bytes:
    deflater = zlib.compressobj(level=1, wbits=-15, zdict=like)
    return deflater.compress(raw) + deflater.flush()
