"""The runs that a command follows, as they are now: root runs and everything below them."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from brood.api.labels import ATTEMPT
from brood.api.phases import RunPhase
from brood.cluster.parse import parse_run
from brood.cluster.port import Manifest
from brood.views import RunView

Key = tuple[str, str]
"""Namespace and name of a run."""


def key_of(manifest: Manifest) -> Key:
    """Return namespace and name of an object."""
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


class Forest:
    """Objects as they were last seen, read into views only when one looks at them.

    A fan-out has thousands of children that nobody looks at one by one; taking over a change costs O(1). A run that was
    deleted stays as it was last seen, so that its end can still be told.
    """

    def __init__(self, roots: Iterable[Key] = ()) -> None:
        self.roots: list[Key] = [*roots]
        self._manifests: dict[Key, Manifest] = {}
        self._views: dict[Key, RunView] = {}
        self.gone: set[Key] = set()

    def add_root(self, key: Key) -> None:
        """Follow one more root run, behind those before."""
        self.roots.append(key)

    def put(self, manifest: Manifest) -> None:
        """Take over a run that was created or changed."""
        key = key_of(manifest)
        self._manifests[key] = manifest
        self._views.pop(key, None)

    def mark_gone(self, key: Key) -> None:
        """Note that a run was deleted."""
        self.gone.add(key)

    def manifest(self, key: Key) -> Manifest | None:
        """Return a run as stored."""
        return self._manifests.get(key)

    def view(self, key: Key) -> RunView | None:
        """Return a run, or None where there is none or none that can be read."""
        view = self._views.get(key)
        manifest = self._manifests.get(key)
        if view is None and manifest is not None:
            parsed = parse_run(manifest)
            view = parsed if isinstance(parsed, RunView) else None
            if view is not None:
                self._views[key] = view
        return view

    def child(self, parent: RunView, name: str) -> RunView | None:
        """Return the child run that a row names."""
        return self.view((parent.meta.namespace, name))

    def views(self) -> Iterator[RunView]:
        """Yield all runs."""
        for key in self._manifests:
            view = self.view(key)
            if view is not None:
                yield view

    def ended(self, key: Key) -> bool:
        """Whether a run has ended or is gone."""
        view = self.view(key)
        return key in self.gone or (view is not None and view.status.phase is not None and view.status.phase.ended)

    def manifests(self) -> Iterator[Manifest]:
        """Yield all runs as stored."""
        yield from self._manifests.values()

    def below(self, key: Key) -> Iterator[Manifest]:
        """Yield every run below a root, parents first, oldest first: O(runs)."""
        children: dict[str, list[Manifest]] = {}
        for manifest in self._manifests.values():
            parent = manifest.get("spec", {}).get("parentRef")
            if isinstance(parent, Mapping):
                children.setdefault(str(parent.get("uid")), []).append(manifest)
        root = self._manifests.get(key)
        level = [root] if root is not None else []
        while level:
            found = [child for parent in level for child in children.get(parent["metadata"]["uid"], ())]
            found.sort(key=_age)
            yield from found
            level = found


class Children:
    """The child runs of a forest by parent, task and item, as they are now; of several attempts the newest."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._newest: dict[tuple[str, str], dict[int, Manifest]] = {}
        for manifest in forest.manifests():
            parent = manifest["spec"].get("parentRef")
            if parent is None:
                continue
            places = self._newest.setdefault((parent["uid"], parent["task"]), {})
            index = parent.get("index", -1)
            if index not in places or _attempt(manifest) > _attempt(places[index]):
                places[index] = manifest

    def of(self, run: RunView, task: str, *, phases: Collection[RunPhase] = ()) -> Iterator[RunView]:
        """Yield the child run of a task, or of each of its items in their order; with ``phases`` those in one of them.

        Views of all of 10,000 items would take seconds.
        """
        places = self._newest.get((run.meta.uid, task), {})
        for index in sorted(places):
            if phases and (places[index].get("status") or {}).get("phase") not in phases:
                continue
            view = self._forest.view(key_of(places[index]))
            if view is not None:
                yield view


def _attempt(manifest: Manifest) -> int:
    return int((manifest["metadata"].get("labels") or {}).get(ATTEMPT, 1))


def _age(manifest: Manifest) -> tuple[str, int, str]:
    metadata = manifest["metadata"]
    index = manifest["spec"]["parentRef"].get("index")
    return str(metadata.get("creationTimestamp", "")), -1 if index is None else int(index), str(metadata["name"])
