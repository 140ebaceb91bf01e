"""Pinned revisions: specs that never change, stored as ControllerRevisions and kept compiled.

Contract §2: "When it starts, a run pins an immutable ``apps/v1 ControllerRevision``"; brood "verifies the hash of one
that it is given" and "collects revisions that no run names".
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from brood.api.jobdefinition import JobDefinitionSpec
from brood.cluster.port import AlreadyExists, Conflict, Kind, Manifest, NotFound, Port
from brood.cluster.revision import revision_name
from brood.controller import objects
from brood.controller.lru import Lru
from brood.controller.workqueue import RetryLater
from brood.controller.writer import Writer
from brood.engine.graph import Graph, compile_graph
from brood.engine.snapshot import DefinitionProblem
from brood.engine.validate import problems
from brood.views import DefinitionView, RevisionView

PROBLEM_SECONDS = 60.0
"""A revision that could not be used is read again after so long."""

PINNED_SECONDS = 600.0
"""So long a revision that a run asked for is not collected, although no run that is known names it yet."""

Name = tuple[str, str]  # namespace, name of the ControllerRevision


@dataclass(frozen=True, slots=True)
class _Spec:
    """A spec under the name that its hash gives; ``stored`` says that its ControllerRevision is known to exist."""

    definition: str
    spec: JobDefinitionSpec
    problem: DefinitionProblem | None
    stored: bool


@dataclass(frozen=True, slots=True)
class _Bad:
    """A revision that cannot be used, until ``until`` on the monotonic clock."""

    problem: DefinitionProblem
    until: float
    gone: bool = False  # it is not stored: what a definition holds may be stored under that name again


class Revisions:
    """Specs and graphs by the name of their revision."""

    def __init__(self, port: Port, *, kept: int) -> None:
        self._port = port
        self._specs: Lru[Name, _Spec | _Bad] = Lru(kept)
        self._writing: dict[Name, asyncio.Lock] = {}
        self._pinned: Lru[Name, float] = Lru(4 * kept)  # when it was last asked for
        self._graphs: Lru[tuple[str, str, str | None, str | None], Graph | DefinitionProblem] = Lru(4 * kept)

    def problem(self, view: DefinitionView) -> DefinitionProblem | None:
        """Say why the definition as it is now cannot be run, or None."""
        return self._remember(view).problem

    def graph_of(self, view: DefinitionView) -> Graph | DefinitionProblem:
        """Return the graph of a definition as it is now, whether it is stored or not."""
        known = self._remember(view)
        if isinstance(known, _Bad):
            return known.problem
        return known.problem or self._compile((view.meta.namespace, view.revision), known, local=None, task=None)

    def graph(
        self, namespace: str, revision: str, *, local: str | None = None, task: str | None = None
    ) -> Graph | DefinitionProblem | None:
        """Return the graph of a pinned revision, None while its spec is not in memory: `load` it."""
        known = self._known((namespace, revision))
        if known is None or isinstance(known, _Bad):
            return None if known is None else known.problem
        return self._compile((namespace, revision), known, local=local, task=task)

    async def load(self, namespace: str, revision: str) -> None:
        """Read a revision; one that is gone, cannot be read or is not what its name says is kept as a problem."""
        name = (namespace, revision)
        if self._known(name) is not None:
            return
        try:
            found = _read(revision, await self._port.get(Kind.REVISION, *name))
        except NotFound:
            told = f"ControllerRevision {revision} does not exist any more: restore it, or delete the run"
            found = replace(_bad("DefinitionNotFound", told), gone=True)
        self._specs.put(name, found)

    def is_gone(self, view: DefinitionView) -> bool:
        """Whether somebody has deleted the ControllerRevision of this very spec, so that no run can follow it."""
        known = self._known((view.meta.namespace, view.revision))
        return isinstance(known, _Bad) and known.gone

    async def store(self, view: DefinitionView, writer: Writer) -> None:
        """See that the ControllerRevision of this very spec exists.

        Raises
        ------
        RetryLater
            There is one of that name which holds something else. It is never used, and `problem` says so from now on.
        """
        name = (view.meta.namespace, view.revision)
        self._pinned.put(name, time.monotonic())
        if self._is_stored(view):
            return
        async with self._alone(name):  # runs that start at once ask for it at once
            if not self._is_stored(view):
                await self._store(view, writer)

    async def collect(self, revision: RevisionView, writer: Writer) -> bool:
        """Delete a stored revision that no run names; False where one may be about to, so that it has to stay for now."""
        name = (revision.meta.namespace, revision.meta.name)
        async with self._alone(name):
            pinned = self._pinned.get(name)
            if pinned is not None and time.monotonic() - pinned < PINNED_SECONDS:
                return False
            self.forget(revision)
            with contextlib.suppress(NotFound, Conflict):
                await writer.delete(Kind.REVISION, name, uid=revision.meta.uid)
        return True

    def forget(self, revision: RevisionView) -> None:
        """Take note that a revision is not stored any more, so that the next run that pins it has it stored again."""
        name = (revision.meta.namespace, revision.meta.name)
        known = self._specs.get(name)
        if isinstance(known, _Spec):
            self._specs.put(name, replace(known, stored=False))

    @contextlib.asynccontextmanager
    async def _alone(self, name: Name) -> AsyncIterator[None]:
        """Keep others from writing the same revision at the same time."""
        try:
            async with self._writing.setdefault(name, asyncio.Lock()):
                yield
        finally:
            self._writing.pop(name, None)

    def _is_stored(self, view: DefinitionView) -> bool:
        known = self._remember(view)
        return isinstance(known, _Spec) and known.stored

    async def _store(self, view: DefinitionView, writer: Writer) -> None:
        name = (view.meta.namespace, view.revision)
        try:
            await writer.create(Kind.REVISION, objects.revision(view))
        except AlreadyExists:
            found = _read(view.revision, await self._port.get(Kind.REVISION, *name))
            if isinstance(found, _Bad):
                self._specs.put(name, found)
                raise RetryLater(found.problem.message) from None
        self._specs.put(name, _checked(view.meta.name, view.spec, stored=True))

    def _remember(self, view: DefinitionView) -> _Spec | _Bad:
        name = (view.meta.namespace, view.revision)
        known = self._known(name)
        if known is None or (isinstance(known, _Bad) and known.gone):
            known = self._specs.put(name, _checked(view.meta.name, view.spec, stored=False))
        return known

    def _known(self, name: Name) -> _Spec | _Bad | None:
        """Return what is in memory; what is bad only for a while, because somebody may mend it."""
        known = self._specs.get(name)
        if isinstance(known, _Bad) and time.monotonic() > known.until:
            self._specs.pop(name)
            return None
        return known

    def _compile(self, name: Name, known: _Spec, *, local: str | None, task: str | None) -> Graph | DefinitionProblem:
        key = (*name, local, task)
        graph = self._graphs.get(key)
        if graph is None:
            try:
                graph = compile_graph(name[1], known.spec, definition=known.definition, local=local, task=task)
            except KeyError as missing:
                graph = DefinitionProblem("DefinitionNotFound", f"revision {name[1]} has no {missing.args[0]}")
            self._graphs.put(key, graph)
        return graph


def _checked(definition: str, spec: JobDefinitionSpec, *, stored: bool) -> _Spec:
    found = problems(spec)
    problem = DefinitionProblem("InvalidSpec", f"{definition}: {found[0].path}: {found[0].message}") if found else None
    return _Spec(definition, spec, problem, stored=stored)


def _bad(reason: str, message: str) -> _Bad:
    return _Bad(DefinitionProblem(reason, message), time.monotonic() + PROBLEM_SECONDS)


def _read(revision: str, manifest: Manifest) -> _Spec | _Bad:
    definition = revision.rpartition("-")[0]
    data: Any = manifest.get("data")
    try:
        spec = JobDefinitionSpec.from_json(data.get("spec") if isinstance(data, dict) else None)
    except ValidationError as error:
        return _bad("InvalidSpec", f"ControllerRevision {revision} cannot be read: {error.errors()[0]['msg']}")
    if revision_name(definition, spec) != revision:
        return _bad("InvalidSpec", f"ControllerRevision {revision} is not what its name says: refused")
    return _checked(definition, spec, stored=True)
