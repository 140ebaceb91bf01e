"""The graphs that runs follow: from the definitions of files, or from the revisions that they pinned."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from pydantic import ValidationError

from brood.api.jobdefinition import JobDefinitionSpec
from brood.cli.bundle import Definition
from brood.cluster.port import ApiError, Kind, Port
from brood.engine.graph import Graph, compile_graph
from brood.templating import TemplateError
from brood.views import RunView


class Graphs:
    """Graphs by run, compiled once; a run whose definition is not known has none."""

    def __init__(self, definitions: Iterable[Definition] = ()) -> None:
        self._files = list(definitions)
        self._revisions: dict[tuple[str, str], JobDefinitionSpec | None] = {}
        self._compiled: dict[tuple[str, str, str | None, str | None], Graph | None] = {}

    async def learn(self, port: Port, runs: Iterable[RunView]) -> None:
        """Read the revisions that runs pinned, each once."""
        for run in runs:
            name = run.status.revision
            if name is not None and (run.meta.namespace, name) not in self._revisions:
                spec = None
                with suppress(ApiError, ValidationError, KeyError):
                    stored = await port.get(Kind.REVISION, run.meta.namespace, name)
                    spec = JobDefinitionSpec.from_json(stored["data"]["spec"])
                self._revisions[run.meta.namespace, name] = spec

    def graph(self, run: RunView) -> Graph | None:
        """Return what a run follows."""
        reference = run.spec.definition_ref
        found = self._revisions.get((run.meta.namespace, run.status.revision or "")) or self._of_files(run)
        if found is None:
            return None
        key = (run.meta.namespace, str(id(found)), reference.local, reference.task)
        if key not in self._compiled:
            try:
                graph = compile_graph("", found, local=reference.local, task=reference.task)
            except (KeyError, TemplateError):
                graph = None
            self._compiled[key] = graph
        return self._compiled[key]

    def predecessors(self, run: RunView) -> Mapping[str, Sequence[str]]:
        """Return the tasks that each task waits for."""
        graph = self.graph(run)
        nodes = graph.nodes if graph else ()
        return {node.name: [nodes[at].name for at in node.predecessors] for node in nodes}

    def _of_files(self, run: RunView) -> JobDefinitionSpec | None:
        reference = run.spec.definition_ref
        here = (one for one in self._files if one.namespace == run.meta.namespace)
        if reference.name is not None:
            return next((one.spec for one in here if one.name == reference.name), None)
        typed = (reference.type, reference.version)
        return next((one.spec for one in here if (one.spec.type, one.spec.version) == typed), None)
