"""What exists, indexed, and which keys a change wakes. Each event costs what it changes, never the number of items.

| change | wakes |
|---|---|
| a run | itself; its parent, if it says something new; its tree, if its shutdown, suspension or deletion changed |
| a Pod | its run; where that is gone, or its labels are, the Pod's own key |
| a claim | the unfinished runs of the trees that use it |
| a definition | itself; the runs that wait for one; the runs that have not started |
| a revision, or that no run names it any more | its definition, where there are more than are kept |
| the holders of a key | the runs that wait for it: the first at once, the others, whose position changed, later |
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from brood.api.labels import RESULT_FINALIZER
from brood.controller.activeruns import ActiveRuns
from brood.controller.admission import Admission, admitted
from brood.controller.catalog import Catalog
from brood.controller.claims import Claims
from brood.controller.config import Config
from brood.controller.family import Family
from brood.controller.keys import Key, Subject, definition_key, run_key
from brood.controller.lru import Lru
from brood.controller.podindex import PodIndex
from brood.controller.revisionindex import RevisionIndex
from brood.controller.slots import Slots
from brood.controller.strays import Strays, is_unrecorded
from brood.views import ClaimView, DefinitionView, Malformed, PodView, RevisionView, RunView

POSITION_SECONDS = 0.2
"""A waiting run learns of a change of its position after so many seconds for each that is before it: few writes, and
the first ones, whom it concerns most, soon."""

DEFINITION_SECONDS = 5.0
"""`activeRuns` of a definition follows so much later."""

RUNS_REMEMBERED = 1_000
"""Runs that are known to be gone; of one that was forgotten a Pod that is left costs a request to ask for it."""


class Cache:
    """All views, and their indexes.

    ``wake(key)`` and ``wake_after(key, seconds)`` are the work queue's.
    """

    def __init__(
        self, *, wake: Callable[[Key], None], wake_after: Callable[[Key, float], None], config: Config | None = None
    ) -> None:
        self._wake = wake
        self._wake_after = wake_after
        self.family = Family()
        self.pods = PodIndex()
        self.catalog = Catalog()
        self.claims = Claims()
        self.revisions = RevisionIndex()
        self.admission = Admission(alive=self._alive, changed=self._queue_moved)
        self._config = config or Config()
        self.slots = Slots(self._config, changed=self._wake_all)
        self.malformed: dict[tuple[str, str], Malformed] = {}  # runs that cannot be read
        self.orphans: dict[tuple[str, str], PodView] = {}  # Pods with a finalizer whose run is not there
        self.strays = Strays(wake)
        self.gone: Lru[str, None] = Lru(RUNS_REMEMBERED)  # uids of runs that are known to be gone
        self._active = ActiveRuns()

    # --- changes ---

    def on_run(self, new: RunView | Malformed | None, name: tuple[str, str]) -> None:
        """Take a change of the JobRun of that (namespace, name); None: it is gone.

        Of a run that cannot be read any more the last version that could is kept, so that its key and its tree stay
        held.
        """
        known = self.family.get(*name)
        if known is not None and (new is None or new.meta.uid != known.meta.uid):
            self.family.remove(known)
            self.admission.remove(known)
            self.slots.remove_run(known)
            self.slots.forget(known)
            self.claims.forget(known.meta.uid)
            self.pods.forget(known.meta.uid)
            self.slots.wait(run_key(*name), waiting=False)
            self._count_active(known, None)
            self._follow(known, None)
            self.gone.put(known.meta.uid, None)
            self._wake_relatives(known, None)
            claim = self.claims.of(known)
            self._wake_owners(claim.owners if claim is not None else ())
            known = None
        self.malformed.pop(name, None)
        if isinstance(new, Malformed):
            self.malformed[name] = new
        elif new is not None:
            self.family.put(new)
            self.admission.put(new)
            self.slots.put_run(new)
            if new.status.finished:
                self.claims.forget(new.meta.uid)
            self._count_active(known, new)
            self._follow(known, new)
            self._wake_relatives(known, new)
        self._wake(run_key(*name))

    def on_pod(self, old: PodView | Malformed | None, new: PodView | Malformed | None) -> None:
        """Take a change of a Pod; what cannot be read is no Pod of ours."""
        found = self.strays.sift(old, new)
        if found is None:
            return
        known, pod = found
        if known is not None and (pod is None or _owned(pod) != _owned(known)):
            run = self.family.by_uid(known.meta.owner_uid or "")
            self.pods.remove(known, unrecorded=run is not None and is_unrecorded(run, known))
            self.admission.remove_pod(known)
            self.slots.remove_pod(known)
            self.orphans.pop((known.meta.namespace, known.meta.name), None)
            if run is not None:
                self._wake(run_key(run.meta.namespace, run.meta.name))
        if pod is None or (known is not None and _same_pod(known, pod)):
            return
        self.pods.put(pod)
        self.admission.put_pod(pod)
        self.slots.put_pod(pod)
        if known is None or not _same_pod(replace(known, node=pod.node), pod):  # that it has a node now changes no plan
            self._wake_run_of(pod)

    def on_claim(self, old: ClaimView | Malformed | None, new: ClaimView | Malformed | None) -> None:
        """Take a change of a claim; what cannot be read is no artifact volume."""
        known = old if isinstance(old, ClaimView) else None
        claim = new if isinstance(new, ClaimView) else None
        users = set[str]()
        if known is not None:
            users.update(self.claims.users(known))
            self.claims.remove(known)
        if claim is not None:
            self.claims.put(claim)
            users.update(self.claims.users(claim))
        if claim is not None and claim.made:
            self.slots.put_claim(claim)
        elif claim is None and known is not None and known.made:
            self.slots.remove_claim(known)
        if known is None or claim is None or replace(known, meta=claim.meta) != claim:
            self._wake_owners(users)

    def _wake_owners(self, uids: Iterable[str]) -> None:
        for uid in uids:
            root = self.family.by_uid(uid)
            if root is not None:
                self._wake(run_key(root.meta.namespace, root.meta.name))
                self._wake_tree(root)

    def on_definition(self, old: DefinitionView | Malformed | None, new: DefinitionView | Malformed | None) -> None:
        """Take a change of a JobDefinition."""
        view = new or old
        if view is None:
            return
        if new is not None:
            self.catalog.put(new)
        else:
            self.catalog.remove(view)
        self._wake(definition_key(view.meta.namespace, view.meta.name))
        if isinstance(old, DefinitionView) and isinstance(new, DefinitionView) and old.revision == new.revision:
            return
        for key in self.catalog.waiting(view.meta.namespace):
            run = self.family.get(key.namespace, key.name)
            if run is not None:
                self.admission.doubt(run)
            self._wake(key)

    def on_revision(self, old: RevisionView | Malformed | None, new: RevisionView | Malformed | None) -> None:
        """Take a change of a stored revision; one that cannot be read is left to whoever made it so."""
        if isinstance(old, RevisionView):
            self.revisions.remove(old)
        if isinstance(new, RevisionView):
            self.revisions.put(new)
            self._wake_collection(new.meta.namespace, new.definition)

    def _wake_all(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._wake(key)

    # --- questions ---

    def find_orphans(self) -> Iterable[tuple[str, str]]:
        """Look through all Pods for those whose run is not there; return their names."""
        self.orphans.clear()
        for uid in self.pods.owners():
            if self.family.by_uid(uid) is None:
                for pod in self.pods.of(uid).all():
                    if RESULT_FINALIZER in pod.meta.finalizers:
                        self.orphans[pod.meta.namespace, pod.meta.name] = pod
        return (*self.orphans, *self.strays.copies)

    def active_runs(self, namespace: str, definition: str) -> int:
        """Return how many unfinished runs follow a definition."""
        return self._active.count(namespace, definition)

    # --- who wakes ---

    def _wake_relatives(self, old: RunView | None, new: RunView | None) -> None:
        run = new or old
        if run is None:
            return
        parent = self.family.parent(run)
        if parent is not None and (old is None or new is None or _says_new(old, new)):
            self._wake(run_key(parent.meta.namespace, parent.meta.name))
        leads = run.is_root or self.family.has_children(run.meta.uid)
        if leads and old is not None and (new is None or _steered(old, new)):
            self._wake_tree(run)
        if new is None:
            for pod in self.pods.of(run.meta.uid).all():
                self._wake_run_of(pod)

    def _wake_tree(self, run: RunView) -> None:
        for name in self.family.live_below(run):
            self._wake(run_key(run.meta.namespace, name))

    def _wake_run_of(self, pod: PodView) -> None:
        run = self.family.by_uid(pod.meta.owner_uid or "")
        if run is not None:
            self._wake(run_key(run.meta.namespace, run.meta.name))
        elif RESULT_FINALIZER in pod.meta.finalizers:
            self.orphans[pod.meta.namespace, pod.meta.name] = pod
            self._wake(Key(Subject.ORPHAN, pod.meta.namespace, pod.meta.name))
        else:
            self.orphans.pop((pod.meta.namespace, pod.meta.name), None)

    def _queue_moved(self, waiters: list[RunView]) -> None:
        for position, run in enumerate(waiters):
            self._wake_after(run_key(run.meta.namespace, run.meta.name), position * POSITION_SECONDS)

    def _alive(self, pod: PodView) -> bool:
        """Whether the root of a Pod's tree is there; where the run between is gone, by its name, and older than the Pod."""
        run = self.family.by_uid(pod.meta.owner_uid or "")
        if run is not None:
            return self.family.root(run) is not None
        root = self.family.get(pod.meta.namespace, pod.root)
        return pod.run != pod.root and root is not None and root.meta.created_at <= pod.meta.created_at

    def _follow(self, old: RunView | None, new: RunView | None) -> None:
        run, left = new or old, self.revisions.follow(old, new)
        if run is not None and left is not None:
            self._wake_collection(run.meta.namespace, left.rpartition("-")[0])

    def _wake_collection(self, namespace: str, definition: str) -> None:
        stored = len(self.revisions.of(namespace, definition))
        if stored > self._config.revision_history or (stored and self.catalog.get(namespace, definition) is None):
            self._wake_after(definition_key(namespace, definition), DEFINITION_SECONDS)

    def _count_active(self, old: RunView | None, new: RunView | None) -> None:
        for name in self._active.change(old, new):
            if self.catalog.get(*name) is not None:
                self._wake_after(definition_key(*name), DEFINITION_SECONDS)


def _says_new(old: RunView, new: RunView) -> bool:
    """Whether a child's change concerns its parent: its counters do not."""
    return (
        old.status.phase != new.status.phase
        or old.status.finished != new.status.finished
        or admitted(old) != admitted(new)
        or _steered(old, new)
    )


def _steered(old: RunView, new: RunView) -> bool:
    return (
        old.spec.shutdown != new.spec.shutdown
        or old.spec.suspend != new.spec.suspend
        or old.meta.deleting != new.meta.deleting
    )


def _owned(pod: PodView) -> tuple[str, str | None]:
    return pod.meta.uid, pod.meta.owner_uid


def _same_pod(old: PodView, new: PodView) -> bool:
    """Whether only things have changed that nobody reads."""
    meta = replace(old.meta, resource_version=new.meta.resource_version, generation=new.meta.generation)
    return meta == new.meta and replace(old, meta=new.meta) == new
