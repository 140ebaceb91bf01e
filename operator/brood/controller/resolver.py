"""What names of definitions mean to one plan; it remembers what it could not answer."""

from brood.api.jobrun import RunDefinitionRef
from brood.api.task import DefinitionRef
from brood.controller.catalog import Catalog
from brood.controller.revisions import Revisions
from brood.engine.graph import Graph
from brood.engine.snapshot import DefinitionProblem
from brood.views import DefinitionView


class Resolver:
    """`engine.snapshot.Definitions` of one namespace, for one pass.

    ``missing`` are the revisions that the plan asked for and that are not in memory; ``unresolved`` says that a
    definition was asked for that cannot be used now, so that a change of definitions may help.
    """

    def __init__(self, namespace: str, *, catalog: Catalog, revisions: Revisions) -> None:
        self._namespace = namespace
        self._catalog = catalog
        self._revisions = revisions
        self.missing: set[str] = set()
        self.unresolved = False

    def resolve(self, ref: DefinitionRef | RunDefinitionRef) -> DefinitionView | DefinitionProblem:
        """Find the one definition that a name, or a type and version, means now."""
        found = self._catalog.find(self._namespace, name=ref.name, type_=ref.type, version=ref.version)
        if isinstance(found, DefinitionView):
            found = self._revisions.problem(found) or found
        if isinstance(found, DefinitionProblem):
            self.unresolved = True
        return found

    def graph(self, ref: RunDefinitionRef) -> Graph | None:
        """Return the compiled graph of a pinned revision, None while it is being read."""
        if ref.revision is None:
            return None
        graph = self._revisions.graph(self._namespace, ref.revision, local=ref.local, task=ref.task)
        if graph is None:
            self.missing.add(ref.revision)
        return graph if isinstance(graph, Graph) else None
