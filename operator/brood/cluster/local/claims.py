"""Claims of the local cluster: a directory each, bound as soon as they are made."""

import contextlib

from brood.cluster.local.layout import LocalLayout
from brood.cluster.local.store import ObjectStore
from brood.cluster.local.trash import Trash
from brood.cluster.port import Expired, Kind, Manifest, NotFound


class ClaimBinder:
    """Makes the directory of every PersistentVolumeClaim, and removes it with the claim (``reclaimPolicy: Delete``)."""

    def __init__(self, store: ObjectStore, layout: LocalLayout, trash: Trash) -> None:
        self._store = store
        self._layout = layout
        self._trash = trash

    async def run(self) -> None:
        """Follow the claims until the store closes."""
        while True:
            listing = self._store.list(Kind.CLAIM)
            for claim in listing.items:
                self._bind(claim)
            with contextlib.suppress(Expired):
                async for event in self._store.watch(Kind.CLAIM, resource_version=listing.resource_version):
                    if event.type == "DELETED":
                        self._release(event.object)
                    elif event.type == "ADDED":
                        self._bind(event.object)
                return

    def _bind(self, claim: Manifest) -> None:
        meta = claim["metadata"]
        if (claim.get("status") or {}).get("phase") == "Bound":
            return
        self._layout.volume_directory(meta["namespace"], meta["name"]).mkdir(parents=True, exist_ok=True)
        spec = claim.get("spec") or {}
        status = {
            "phase": "Bound",
            "accessModes": spec.get("accessModes") or [],
            "capacity": {"storage": ((spec.get("resources") or {}).get("requests") or {}).get("storage", "0")},
        }
        patch = {"spec": {"volumeName": f"local-{meta['uid']}"}, "status": status}
        with contextlib.suppress(NotFound):
            self._store.write(Kind.CLAIM, meta["namespace"], meta["name"], patch, uid=meta["uid"])

    def _release(self, claim: Manifest) -> None:
        meta = claim["metadata"]
        with contextlib.suppress(NotFound):
            self._store.get(Kind.CLAIM, meta["namespace"], meta["name"])
            return  # made again meanwhile: the directory is the new one's
        self._trash.discard(self._layout.volume_directory(meta["namespace"], meta["name"]))
