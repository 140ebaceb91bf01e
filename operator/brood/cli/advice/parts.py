"""What rules look at: the tasks of a definition or local definition, with their defaults and edges."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_

from pydantic import JsonValue
from pydantic.alias_generators import to_camel

from brood.api.container import EnvVar
from brood.api.jobdefinition import Concurrency, JobDefinitionSpec, LocalDefinition, Param
from brood.api.task import Task
from brood.cli.findings import Severity
from brood.engine.graph import HANDLER_NAMES, Graph, Node, compile_graph, references_of, templates_of
from brood.templating import References, is_template
from brood.templating.references import NOTHING


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice; ``offset`` is a place in the text at ``path``."""

    path: str
    message: str
    rule: str
    severity: Severity = Severity.WARNING
    task: str = ""
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One list of tasks. ``root`` tells the definition itself from its local definitions; only it has handlers."""

    path: str
    spec: JobDefinitionSpec
    source: JobDefinitionSpec | LocalDefinition
    graph: Graph
    references: References  # all that its templates name

    @property
    def root(self) -> bool:
        """Whether it is the definition itself."""
        return self.source is self.spec

    @property
    def params(self) -> tuple[Param, ...]:
        """The declared params."""
        return self.graph.params

    @property
    def env(self) -> tuple[EnvVar, ...]:
        """The variables of all tasks."""
        return self.graph.env

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The tasks, with `taskDefaults` under them, and their edges."""
        return self.graph.nodes

    def bodies(self) -> Iterator[tuple[str, Node]]:
        """Yield (path, node) of all tasks and handlers with a Pod."""
        for node in (*self.graph.nodes, *self.graph.handlers):
            if node.task.is_container:
                yield self.path_of(node), node

    def path_of(self, node: Node) -> str:
        """Return the path of a task or handler."""
        return f"{self.path}.handlers.{node.name}" if node.handler else f"{self.path}.tasks[{node.position}]"

    def place(self, node: Node, field: str) -> str:
        """Return the path of a container's field: the task's own, or that of `taskDefaults` where it comes from there."""
        if field in self._own(node) or not _given(self.spec, field):
            return f"{self.path_of(node)}.container.{field}"
        return f"spec.taskDefaults.container.{field}"

    def _own(self, node: Node) -> dict[str, JsonValue]:
        if not node.handler:
            return self.source.tasks[node.position].container or {}
        handler = next(getattr(self.spec.handlers, one) for one in HANDLER_NAMES if to_camel(one) == node.name)
        return handler.container or {}


def _given(spec: JobDefinitionSpec, field: str) -> bool:
    defaults = spec.task_defaults
    return defaults is not None and defaults.container is not None and field in defaults.container


def parts_of(spec: JobDefinitionSpec) -> Iterator[Part]:
    """Yield the definition itself, then its local definitions."""
    graph = compile_graph("", spec)
    yield Part("spec", spec, spec, graph, _references(graph, spec.concurrency))
    for at, local in enumerate(spec.definitions):
        graph = compile_graph("", spec, local=local.name)
        yield Part(f"spec.definitions[{at}]", spec, local, graph, _references(graph, None))


def _references(graph: Graph, concurrency: Concurrency | None) -> References:
    sources = [source for node in (*graph.nodes, *graph.handlers) for _, source in templates_of(node.task)]
    others = [one.value for one in graph.env]
    others += [graph.max_active_tasks, concurrency.key if concurrency else None]
    sources += [one for one in others if isinstance(one, str) and is_template(one)]
    return reduce(or_, map(references_of, sources), NOTHING)


def named(task: Task) -> str:
    """Return how messages name a task."""
    return f"task {task.name}"
