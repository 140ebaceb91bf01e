"""Who owns what, for garbage collection: an object all of whose owners are gone is deleted."""

from collections.abc import Mapping
from typing import Any

from brood.cluster.local.shelf import Key
from brood.cluster.port import Kind

Owned = tuple[Kind, Key, str]
"""Kind, key and uid."""


class Owners:
    """The owner references of all objects, by the uid of the owner."""

    def __init__(self) -> None:
        self._alive: set[str] = set()
        self._owned: dict[str, dict[str, tuple[Kind, Key]]] = {}  # owner uid -> uid of what it owns -> where that is
        self._owners: dict[str, tuple[str, ...]] = {}  # uid -> uids of its owners

    def enter(self, kind: Kind, key: Key, meta: Mapping[str, Any]) -> bool:
        """Take over an object's references; return whether it has owners and all of them are gone."""
        uid = meta["uid"]
        self._alive.add(uid)
        owners = tuple(reference["uid"] for reference in meta.get("ownerReferences") or ())
        if not owners:
            return False
        self._owners[uid] = owners
        for owner in owners:
            self._owned.setdefault(owner, {})[uid] = (kind, key)
        return self._abandoned(uid)

    def leave(self, _kind: Kind, _key: Key, meta: Mapping[str, Any]) -> None:
        """Forget an object's references."""
        uid = meta["uid"]
        for owner in self._owners.pop(uid, ()):
            owned = self._owned.get(owner)
            if owned is not None:
                owned.pop(uid, None)
                if not owned:
                    del self._owned[owner]

    def leave_for_good(self, kind: Kind, key: Key, meta: Mapping[str, Any]) -> list[Owned]:
        """Forget an object that is gone; return what no one owns now."""
        uid = meta["uid"]
        self.leave(kind, key, meta)
        self._alive.discard(uid)
        children = self._owned.get(uid, {}).items()
        return [(child_kind, child_key, child) for child, (child_kind, child_key) in children if self._abandoned(child)]

    def _abandoned(self, uid: str) -> bool:
        return not any(owner in self._alive for owner in self._owners.get(uid, ()))
