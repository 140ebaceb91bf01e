"""A definition compiled for planning: nodes in the order of the list, with every edge resolved to a position.

Edges are those of the contract §1.2. OR: the routes that name a task. AND: ``dependsOn``, ``artifactsFrom``, ``await.tasks`` and
every task that a template of the task names; a task that routes to this one is an OR-edge only, however else it is named. A graph
is made once per revision and shared by all runs of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue
from pydantic.alias_generators import to_camel

from brood.api.container import EnvVar
from brood.api.jobdefinition import JobDefinitionSpec, LocalDefinition, Param
from brood.api.task import Task, TaskDefaults
from brood.engine.defaults import with_defaults
from brood.templating import References, compile_template, is_template

HANDLER_NAMES = ("on_success", "on_failure", "on_cancel", "on_exit")


class Body(StrEnum):
    """What a task does."""

    JUNCTION = "junction"
    CONTAINER = "container"
    RUN = "run"
    FORK = "fork"
    AWAIT = "await"


@dataclass(frozen=True, slots=True)
class Node:
    """One task and its edges, as positions in `Graph.nodes`."""

    position: int
    task: Task
    body: Body
    and_edges: tuple[int, ...]
    or_edges: tuple[int, ...]
    predecessors: tuple[int, ...]  # both kinds, ascending
    dependents: tuple[int, ...]  # tasks with an edge from this one
    upstream: tuple[int, ...]  # all tasks before it, transitively, in the order of the list
    wait_forks: tuple[int, ...]  # of an await: the forks
    handler: bool = False
    name: str = field(init=False)
    is_parallel: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.task.name)
        object.__setattr__(self, "is_parallel", self.task.parallel is not None)


@dataclass(frozen=True, slots=True)
class Graph:
    """The tasks of one definition (or local definition, or one container body as an implicit definition).

    ``implicit`` marks the last: its run has one task and sees params, env and outputs of its parent run.
    """

    revision: str
    definition: str
    local: str | None
    implicit: bool
    spec: JobDefinitionSpec
    params: tuple[Param, ...]
    env: tuple[EnvVar, ...]
    max_active_tasks: int | str | None
    nodes: tuple[Node, ...]
    handlers: tuple[Node, ...]  # positions go on behind those of the tasks
    positions: dict[str, int]
    outputs: dict[str, int]  # declared output -> position

    def node(self, name: str) -> Node | None:
        """Find a task by name."""
        position = self.positions.get(name)
        return None if position is None else self.nodes[position]


def body_of(task: Task) -> Body:
    """Say which body a task has."""
    if task.run is not None:
        return Body.RUN
    if task.fork is not None:
        return Body.FORK
    if task.await_ is not None:
        return Body.AWAIT
    if task.container is not None or task.script is not None:
        return Body.CONTAINER
    return Body.JUNCTION


def compile_graph(
    revision: str, spec: JobDefinitionSpec, *, definition: str = "", local: str | None = None, task: str | None = None
) -> Graph:
    """Compile a definition, one of its local definitions, or one container body of either as an implicit definition.

    Raises
    ------
    KeyError
        If there is no such local definition or task.
    TemplateError
        If a template does not parse; `engine.validate` finds that before a run starts.
    """
    source = spec if local is None else _local(spec, local)
    tasks = tuple(with_defaults(one, spec.task_defaults) for one in source.tasks)
    implicit = task is not None
    if implicit:
        tasks = tuple(_implicit(one) for one in tasks if one.name == task)
        if not tasks:
            raise KeyError(task)
    env = tuple(spec.env) if local is None else _merge_env(spec.env, source.env)
    nodes = connect(tasks, implicit=implicit)
    return Graph(
        revision=revision,
        definition=definition,
        local=local,
        implicit=implicit,
        spec=spec,
        params=() if implicit else tuple(source.params),  # an item's keys are params that nobody declared
        env=env,
        max_active_tasks=None if implicit else source.max_active_tasks,
        nodes=nodes,
        handlers=() if implicit or local is not None else _handlers(spec, len(nodes)),
        positions={node.name: node.position for node in nodes},
        outputs={node.task.output: node.position for node in nodes if node.task.output},
    )


def _handlers(spec: JobDefinitionSpec, first: int) -> tuple[Node, ...]:
    """Return handlers as tasks of their own: `taskDefaults` gives them container, env and podTemplate, never retries or time."""
    if spec.handlers is None:
        return ()
    defaults = spec.task_defaults
    if defaults is not None:
        kept = {"container", "env", "pod_template"} & defaults.model_fields_set
        defaults = TaskDefaults(**{name: getattr(defaults, name) for name in kept})
    found: list[Node] = []
    for name in HANDLER_NAMES:
        handler = getattr(spec.handlers, name)
        if handler is None:
            continue
        own = {one: getattr(handler, one) for one in handler.model_fields_set}
        task = with_defaults(Task(name=to_camel(name), **own), defaults)
        found.append(Node(first + len(found), task, Body.CONTAINER, (), (), (), (), (), (), handler=True))
    return tuple(found)


def _local(spec: JobDefinitionSpec, name: str) -> LocalDefinition:
    for one in spec.definitions:
        if one.name == name:
            return one
    raise KeyError(name)


def _merge_env(base: Iterable[EnvVar], over: Iterable[EnvVar]) -> tuple[EnvVar, ...]:
    merged = {one.name: one for one in base}
    merged.update({one.name: one for one in over})
    return tuple(merged.values())


def _implicit(task: Task) -> Task:
    """Return a parallel task's container body as the only task of its items' child runs.

    What acts on the task as a whole (its edges, routes, retries, time-out) stays with the parent.
    """
    return task.model_copy(
        update={
            "parallel": None, "depends_on": (), "on_succeeded": None, "on_failed": None, "on_exit_code": (), "when": None,
            "continue_on": None, "retry_policy": None, "timeout_seconds": None,
        }
    )  # fmt: skip


def connect(tasks: tuple[Task, ...], *, implicit: bool) -> tuple[Node, ...]:
    """Return the tasks as nodes with their edges; an implicit definition's one task has none."""
    positions = {task.name: at for at, task in enumerate(tasks)}
    routes: list[list[int]] = [[] for _ in tasks]
    for at, task in enumerate(tasks):
        for target in routes_of(task):
            if target in positions and at not in routes[positions[target]]:
                routes[positions[target]].append(at)
    outputs = {task.output: at for at, task in enumerate(tasks) if task.output}
    ands: list[tuple[int, ...]] = []
    for at, task in enumerate(tasks):
        named = set() if implicit else set(_and_names(task, positions, outputs))
        ands.append(tuple(sorted(named - set(routes[at]))))
    upstream = _transitive([sorted({*ands[at], *routes[at]}) for at in range(len(tasks))])
    dependents: list[list[int]] = [[] for _ in tasks]
    for at in range(len(tasks)):
        for before in {*ands[at], *routes[at]}:
            dependents[before].append(at)
    return tuple(
        Node(
            position=at,
            task=task,
            body=body_of(task),
            and_edges=ands[at],
            or_edges=tuple(routes[at]),
            predecessors=tuple(sorted({*ands[at], *routes[at]})),
            dependents=tuple(dependents[at]),
            upstream=upstream[at],
            wait_forks=tuple(positions[name] for name in task.await_.tasks if name in positions) if task.await_ else (),
        )
        for at, task in enumerate(tasks)
    )


def routes_of(task: Task) -> Iterator[str]:
    """Yield the tasks that this one's routes name."""
    if task.on_succeeded:
        yield task.on_succeeded
    if task.on_failed:
        yield task.on_failed
    for route in task.on_exit_code:
        yield route.task


def _and_names(task: Task, positions: dict[str, int], outputs: dict[str, int]) -> Iterator[int]:
    named = [*task.depends_on, *task.artifacts_from, *(task.await_.tasks if task.await_ else ())]
    yield from (positions[name] for name in named if name in positions)
    for _, source in templates_of(task):
        references = references_of(source)
        yield from (positions[name] for name in references.tasks if name in positions)
        yield from (outputs[name] for name in references.outputs if name in outputs)


def references_of(source: str) -> References:
    """Return what a template names (cached by the compiler of templates)."""
    return compile_template(source, field="").references


def templates_of(task: Task) -> Iterator[tuple[str, str]]:
    """Yield (field path below the task, source) of every string of a task in which templates are evaluated."""
    if task.when:
        yield "when", task.when
    if task.parallel and task.parallel.items_from:
        yield "parallel.itemsFrom", task.parallel.items_from
    for body, call in (("run", task.run), ("fork", task.fork)):
        if call is not None:
            for name, value in call.params.items():
                if isinstance(value, str) and is_template(value):
                    yield f"{body}.params.{name}", value
    for name, value in _env_values(task.env):
        yield f"env[{name}].value", value
    for path, value in container_strings(task.container or {}):
        yield f"container.{path}", value
    for at, value in enumerate(task.artifacts.paths if task.artifacts else ()):
        if is_template(value):
            yield f"artifacts.paths[{at}]", value
    for at, value in enumerate(task.pools):
        if is_template(value):
            yield f"pools[{at}]", value


def _env_values(env: Iterable[EnvVar]) -> Iterator[tuple[str, str]]:
    for one in env:
        if isinstance(one.value, str) and is_template(one.value):
            yield one.name, one.value


def container_strings(container: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield the templates in `image`, `command`, `args` and `env[].value` of a core/v1 Container."""
    image = container.get("image")
    if isinstance(image, str) and is_template(image):
        yield "image", image
    for key in ("command", "args"):
        values = container.get(key)
        for at, value in enumerate(values if isinstance(values, list) else ()):
            if isinstance(value, str) and is_template(value):
                yield f"{key}[{at}]", value
    env = container.get("env")
    for at, one in enumerate(env if isinstance(env, list) else ()):
        value = one.get("value") if isinstance(one, dict) else None
        if isinstance(value, str) and is_template(value):
            yield f"env[{at}].value", value


def _transitive(predecessors: list[list[int]]) -> list[tuple[int, ...]]:
    """Return the transitive predecessors of each node; a cycle is no error here (`engine.validate` names it)."""
    known: list[set[int] | None] = [None] * len(predecessors)

    for start in range(len(predecessors)):
        stack, seen = list(predecessors[start]), set[int]()
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            done = known[at]
            if done is not None:
                seen |= done
            else:
                stack.extend(predecessors[at])
        known[start] = seen - {start}
    return [tuple(sorted(one or ())) for one in known]
