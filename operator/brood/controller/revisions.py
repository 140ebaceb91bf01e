"""Pinned revisions: specs that never change, stored as ControllerRevisions and kept compiled.

Contract §2: "When it starts, a run pins an immutable ``apps/v1 ControllerRevision`` […] and verifies the hash of one
that it is given."
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from brood.api.jobdefinition import JobDefinitionSpec
from brood.cluster.parse import revision_name
from brood.cluster.port import AlreadyExists, Kind, Manifest, NotFound, Port
from brood.controller import objects
from brood.controller.lru import Lru
from brood.controller.writer import Writer
from brood.engine.graph import Graph, compile_graph
from brood.engine.snapshot import DefinitionProblem
from brood.engine.validate import problems
from brood.views import DefinitionView


@dataclass(frozen=True, slots=True)
class _Stored:
    """A spec under the name that its hash gives; ``stored`` says that its ControllerRevision is known to exist."""

    definition: str
    spec: JobDefinitionSpec
    problem: DefinitionProblem | None
    stored: bool


class Revisions:
    """Specs and graphs by the name of their revision."""

    def __init__(self, port: Port, *, kept: int) -> None:
        self._port = port
        self._specs: Lru[tuple[str, str], _Stored | DefinitionProblem] = Lru(kept)
        self._graphs: Lru[tuple[str, str, str | None, str | None], Graph | DefinitionProblem] = Lru(4 * kept)

    def problem(self, view: DefinitionView) -> DefinitionProblem | None:
        """Say why the definition as it is now cannot be run, or None."""
        return self._remember(view).problem

    def graph_of(self, view: DefinitionView) -> Graph | DefinitionProblem:
        """Return the graph of a definition as it is now, whether it is stored or not."""
        known = self._remember(view)
        return known.problem or self._compile(view.meta.namespace, view.revision, known, local=None, task=None)

    def graph(
        self, namespace: str, revision: str, *, local: str | None = None, task: str | None = None
    ) -> Graph | DefinitionProblem | None:
        """Return the graph of a pinned revision, None while its spec is not in memory: `load` it."""
        known = self._specs.get((namespace, revision))
        if known is None or isinstance(known, DefinitionProblem):
            return known
        return self._compile(namespace, revision, known, local=local, task=task)

    async def load(self, namespace: str, revision: str) -> None:
        """Read a revision; one that is gone, cannot be read or is not what its name says is kept as a problem."""
        if (namespace, revision) in self._specs:
            return
        try:
            manifest = await self._port.get(Kind.REVISION, namespace, revision)
        except NotFound:
            self._specs.put((namespace, revision), _gone(revision))
            return
        self._specs.put((namespace, revision), _read(revision, manifest))

    async def store(self, view: DefinitionView, writer: Writer) -> None:
        """See that the ControllerRevision of this very spec exists.

        One that exists already is taken if its data is what its name says; if not it is remembered as a problem, which
        the next pass tells its run.
        """
        key = (view.meta.namespace, view.revision)
        known = self._remember(view)
        if known.stored:
            return
        try:
            await writer.create(Kind.REVISION, objects.revision(view))
        except AlreadyExists:
            found = _read(view.revision, await self._port.get(Kind.REVISION, *key))
            self._specs.put(key, found)
            if isinstance(found, DefinitionProblem):
                return
        self._specs.put(key, _Stored(known.definition, known.spec, known.problem, stored=True))

    def forget(self, namespace: str, revision: str) -> None:
        """Read a revision anew when it is needed next."""
        self._specs.pop((namespace, revision))

    def _remember(self, view: DefinitionView) -> _Stored:
        key = (view.meta.namespace, view.revision)
        known = self._specs.get(key)
        if isinstance(known, _Stored):
            return known
        return _keep(self._specs, key, _checked(view.meta.name, view.spec, stored=False))

    def _compile(
        self, namespace: str, revision: str, known: _Stored, *, local: str | None, task: str | None
    ) -> Graph | DefinitionProblem:
        key = (namespace, revision, local, task)
        graph = self._graphs.get(key)
        if graph is None:
            try:
                graph = compile_graph(revision, known.spec, definition=known.definition, local=local, task=task)
            except KeyError as missing:
                graph = DefinitionProblem("DefinitionNotFound", f"revision {revision} has no {missing.args[0]}")
            self._graphs.put(key, graph)
        return graph


def _keep(specs: Lru[tuple[str, str], _Stored | DefinitionProblem], key: tuple[str, str], stored: _Stored) -> _Stored:
    specs.put(key, stored)
    return stored


def _checked(definition: str, spec: JobDefinitionSpec, *, stored: bool) -> _Stored:
    found = problems(spec)
    problem = DefinitionProblem("InvalidSpec", f"{definition}: {found[0].path}: {found[0].message}") if found else None
    return _Stored(definition, spec, problem, stored=stored)


def _gone(revision: str) -> DefinitionProblem:
    return DefinitionProblem("DefinitionNotFound", f"ControllerRevision {revision} does not exist any more")


def _read(revision: str, manifest: Manifest) -> _Stored | DefinitionProblem:
    definition = revision.rpartition("-")[0]
    data: Any = manifest.get("data")
    try:
        spec = JobDefinitionSpec.from_json(data.get("spec") if isinstance(data, dict) else None)
    except ValidationError as error:
        return DefinitionProblem(
            "InvalidSpec", f"ControllerRevision {revision} cannot be read: {error.errors()[0]['msg']}"
        )
    if revision_name(definition, spec) != revision:
        return DefinitionProblem("InvalidSpec", f"ControllerRevision {revision} is not what its name says: refused")
    return _checked(definition, spec, stored=True)
