"""Which tasks a task waits for, from the definitions of the files."""

from collections.abc import Iterable, Mapping, Sequence

from brood.cli.bundle import Definition
from brood.cli.rows import Predecessors
from brood.engine.graph import Graph, compile_graph
from brood.views import RunView


def waits_in(definitions: Iterable[Definition]) -> Predecessors:
    """Return a lookup by run; each definition is compiled once, when somebody asks."""
    known = list(definitions)
    compiled: dict[tuple[str, str | None, str | None], Mapping[str, Sequence[str]]] = {}

    def predecessors(run: RunView) -> Mapping[str, Sequence[str]]:
        definition = _definition(known, run)
        if definition is None:
            return {}
        reference = run.spec.definition_ref
        key = (definition.name, reference.local, reference.task)
        if key not in compiled:
            compiled[key] = _names(
                compile_graph(
                    "", definition.spec, definition=definition.name, local=reference.local, task=reference.task
                )
            )
        return compiled[key]

    return predecessors


def _definition(known: Sequence[Definition], run: RunView) -> Definition | None:
    reference = run.spec.definition_ref
    here = (one for one in known if one.namespace == run.meta.namespace)
    if reference.name is not None:
        return next((one for one in here if one.name == reference.name), None)
    typed = (reference.type, reference.version)
    return next((one for one in here if (one.spec.type, one.spec.version) == typed), None)


def _names(graph: Graph) -> Mapping[str, Sequence[str]]:
    return {node.name: [graph.nodes[at].name for at in node.predecessors] for node in graph.nodes}
