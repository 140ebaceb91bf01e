"""The snapshot of one run: first what has to be read, then, without any I/O, what is in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

import structlog

from brood.api.jobdefinition import Artifacts
from brood.controller.admission import admitted
from brood.controller.attempts import AttemptReader
from brood.controller.claimevents import ClaimEvents
from brood.controller.keys import Key, run_key
from brood.controller.mending import Mender
from brood.controller.parts import Parts
from brood.controller.podindex import RunPods
from brood.controller.resolver import Resolver
from brood.controller.values import Values, ValueStore
from brood.engine.concurrency import lock_of
from brood.engine.graph import Graph
from brood.engine.locks import Lock, LockState
from brood.engine.params import InvalidParams
from brood.engine.snapshot import ChildIndex, DefinitionProblem, Previous, Refusal, Snapshot
from brood.templating import TemplateError
from brood.views import ClaimView, DefinitionView, RunView

_LOG = structlog.get_logger("brood.gather")


class Gatherer:
    """Makes snapshots from the cache."""

    def __init__(self, parts: Parts) -> None:
        self._port = parts.port
        self._cache = parts.cache
        self._writer = parts.writer
        self._revisions = parts.revisions
        self._snapshot = partial(
            Snapshot,
            max_depth=parts.config.max_depth,
            refuse_invalid=parts.config.refuse_invalid,
            definition_wait_seconds=parts.config.definition_wait,
        )
        self._attempts = AttemptReader(parts.port)
        self._claims = ClaimEvents(parts.port)
        self._mender = Mender(parts)
        self._now = parts.now
        self._values = ValueStore(parts.config.values_kept)
        self._lacking: dict[Key, datetime] = {}  # runs that have no definition now -> since when
        self._memos: dict[Key, tuple[str, dict[object, object]]] = {}

    async def prepare(self, run: RunView) -> float | None:
        """Read what a snapshot of this run needs and memory does not hold: revisions, logs of ended Pods, why a volume waits.

        Returns
        -------
        float or None
            In how many seconds to come again, because something could not be read now.
        """
        for one in (run, self._cache.family.parent(run), self._cache.family.root(run)):
            if one is not None:
                await self._load_revision(one)
        if not run.is_root:
            await self._mender.mend_child(run)
        await self._mender.find_pods(run)
        if run.is_root and not run.status.finished:
            for one in self._cache.admission.unknown(run.meta.namespace):
                await self._load_revision(one)
        times = await self._attempts.read(run, pods := self._cache.pods.of(run.meta.uid)), await self._waits(run, pods)
        return min((one for one in times if one is not None), default=None)

    async def _waits(self, run: RunView, pods: RunPods) -> float | None:
        """Read why the artifact volume is not there yet, where a Pod waits for a node."""
        claim = self._claim(self._cache.family.root(run))
        if claim is None or claim.phase != "Pending" or not any(one.unschedulable for one in pods.all()):
            return None
        return await self._claims.read(claim, self._now())

    def values(self, run: RunView) -> Values:
        """Return the contents of ConfigMaps that a pass over this run may read."""
        return Values(run.meta.namespace, port=self._port, store=self._values)

    async def load(self, run: RunView, revisions: Iterable[str]) -> None:
        """Read the revisions that a plan asked for."""
        for revision in revisions:
            await self._revisions.load(run.meta.namespace, revision)

    def snapshot(self, run: RunView, *, values: Values, refusals: Sequence[Refusal]) -> tuple[Snapshot, Resolver]:
        """Return what exists now, and the resolver that tells what else the plan asked for."""
        namespace = run.meta.namespace
        family = self._cache.family
        resolver = Resolver(namespace, catalog=self._cache.catalog, revisions=self._revisions)
        graph, definition, problem = self._graph(run, resolver)
        root = run if run.is_root else family.root(run)
        pods = self._cache.pods.of(run.meta.uid)
        artifacts = self._artifacts(root, graph, own=root is run, resolver=resolver)
        claim = self._claim(root)
        lock, lock_state, lock_problem = self._lock(run, graph)
        parent = family.parent(run)
        return self._snapshot(
            run=run,
            graph=graph,
            definition=definition,
            problem=problem,
            problem_since=self._since(run, problem),
            pods=pods.by_task,
            handler_pods=pods.by_handler,
            children=family.children(run.meta.uid),
            definitions=resolver,
            root=None if run.is_root else root,
            parent=parent,
            around=family.around(run),
            siblings=family.children(parent.meta.uid) if parent is not None else ChildIndex(),
            previous=self._previous(run),
            artifacts=artifacts,
            claim=claim,
            claim_shared=claim is not None and self._is_shared(claim, run),
            volume_root=self._volume_root(namespace, artifacts, claim),
            values=values,
            lost=values.lost,
            refusals=refusals,
            lock=lock,
            lock_state=lock_state,
            lock_problem=lock_problem,
            lock_label=self._lock_label(root, lock if root is run else None),
            orphaned=not run.is_root and (_going(parent) or _going(root)),
            depth=family.depth(run),
            slots=self._cache.slots.state(namespace, but=run.meta.uid),
            memo=self._memo(run),
        ), resolver

    def _claim(self, root: RunView | None) -> ClaimView | None:
        claim = None if root is None else self._cache.claims.of(root)
        return None if claim is None else self._claims.explained(claim)

    def _previous(self, run: RunView) -> Previous | None:
        """Return the run that this one reruns, as long as it is there."""
        wanted, family = run.spec.rerun_of, self._cache.family
        old = None if wanted is None else family.get(run.meta.namespace, wanted.name)
        return None if old is None else Previous(old, family.children(old.meta.uid), self._cache.claims.of(old))

    def _is_shared(self, claim: ClaimView, run: RunView) -> bool:
        return any(uid != run.meta.uid and self._cache.family.by_uid(uid) is not None for uid in claim.owners)

    def forget(self, key: Key) -> None:
        """Drop what was derived for a run that has ended or is gone."""
        self._lacking.pop(key, None)
        self._memos.pop(key, None)

    def _memo(self, run: RunView) -> dict[object, object]:
        """Return what was derived for this very run, to be read and added to."""
        if run.status.finished:
            return {}
        key = run_key(run.meta.namespace, run.meta.name)
        uid, memo = self._memos.get(key, ("", {}))
        if uid != run.meta.uid:
            memo = {}
            self._memos[key] = (run.meta.uid, memo)
        return memo

    def _since(self, run: RunView, problem: DefinitionProblem | None) -> datetime | None:
        """Return since when a run that was to be had already has lacked its definition: one that is replaced is away for a moment."""
        key = run_key(run.meta.namespace, run.meta.name)
        if problem is None:
            self._lacking.pop(key, None)
            return None
        since = run.meta.created_at if run.status.phase is None else self._now()
        return self._lacking.setdefault(key, since)

    def _graph(
        self, run: RunView, resolver: Resolver
    ) -> tuple[Graph | None, DefinitionView | None, DefinitionProblem | None]:
        """Return the graph of the pinned revision, or that of the definition that would be pinned now, with it."""
        revision = run.revision
        if revision is not None:
            ref = run.spec.definition_ref
            found = self._revisions.graph(run.meta.namespace, revision, local=ref.local, task=ref.task)
            if found is None:
                resolver.missing.add(revision)
            return (None, None, found) if isinstance(found, DefinitionProblem) else (found, None, None)
        definition = resolver.resolve(run.spec.definition_ref)
        if isinstance(definition, DefinitionProblem):
            return None, None, definition
        graph = self._revisions.graph_of(definition)
        return (None, None, graph) if isinstance(graph, DefinitionProblem) else (graph, definition, None)

    def _artifacts(
        self, root: RunView | None, graph: Graph | None, *, own: bool, resolver: Resolver
    ) -> Artifacts | None:
        """Return what the root's definition says about artifacts; a claim of the user's that it names is known from then on."""
        revision = None if root is None or own else root.revision
        if root is not None and revision is not None:
            found = self._revisions.graph(root.meta.namespace, revision)
            if found is None:
                resolver.missing.add(revision)
            graph = found if isinstance(found, Graph) else None
        artifacts = None if graph is None else graph.spec.artifacts
        if root is not None and artifacts is not None and artifacts.claim_name is not None:
            self._cache.claims.use(root, artifacts.claim_name)
        return artifacts

    def _volume_root(self, namespace: str, artifacts: Artifacts | None, claim: ClaimView | None) -> str:
        """Return where any Pod of the tree sees its volume."""
        name = (artifacts.claim_name if artifacts else None) or (claim.meta.name if claim else "")
        return self._port.layout.volume_root(namespace, name) if name else ""

    def _lock(self, run: RunView, graph: Graph | None) -> tuple[Lock | None, LockState, str]:
        """Return the key of a root run, who else is at it, and why the key cannot be rendered."""
        if not run.is_root or run.status.finished or graph is None:
            return None, LockState(), ""
        admission = self._cache.admission
        for one in admission.unknown(run.meta.namespace):  # for a holder too: one of them may have begun to replace it
            admission.learn(one, self._lock_of(one))
        if admitted(run):
            lock = admission.lock(run) or self._lock_of(run)
            return lock, LockState() if lock is None else admission.state(run, lock), ""
        try:
            lock = lock_of(run, graph)
        except (TemplateError, InvalidParams) as error:
            return None, LockState(), str(error)
        return lock, LockState() if lock is None else admission.state(run, lock), ""

    def _lock_label(self, root: RunView | None, known: Lock | None) -> str:
        """Return the label of the key that a root holds: every Pod of its tree holds it for as long as it lives."""
        if root is None or root.status.finished:
            return ""
        lock = known or self._cache.admission.lock(root) or (self._lock_of(root) if admitted(root) else None)
        return "" if lock is None else lock.label

    def _lock_of(self, run: RunView) -> Lock | None:
        """Return the key of a root run; None if it has none, or cannot have one now (its plan says why)."""
        resolver = Resolver(run.meta.namespace, catalog=self._cache.catalog, revisions=self._revisions)
        graph, _, problem = self._graph(run, resolver)
        if graph is None:
            if admitted(run):
                _LOG.warning(
                    "no key is known of an admitted run: it holds none", run=run.meta.name, problem=str(problem)
                )
            return None
        try:
            return lock_of(run, graph)
        except (TemplateError, InvalidParams):
            return None

    async def _load_revision(self, run: RunView) -> None:
        revision = run.revision
        if revision is None:
            return
        await self._revisions.load(run.meta.namespace, revision)
        view = self._cache.catalog.get(run.meta.namespace, revision.rpartition("-")[0])
        if isinstance(view, DefinitionView) and view.revision == revision and self._revisions.is_gone(view):
            await self._revisions.store(view, self._writer)


def _going(owner: RunView | None) -> bool:
    """Whether "a run whose owner is gone or terminating" has this owner (contract §2)."""
    return owner is None or owner.meta.deleting
