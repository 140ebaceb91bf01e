"""What is wrong with a definition that no schema can see: cycles, awaits of no fork, templates that name nothing (§1.1).

The operator writes the findings into `Ready=False, InvalidSpec`; `brood lint` and `brood run` print them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import JsonValue

from brood.api.container import EnvVar
from brood.api.jobdefinition import JobDefinitionSpec, Param
from brood.api.task import Task
from brood.engine.defaults import with_defaults
from brood.engine.graph import HANDLER_NAMES, Body, body_of, connect, container_strings, templates_of
from brood.engine.params import InvalidParams, resolve
from brood.templating import PatternError, References, TemplateError, check_pattern, compile_template, is_template


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: the path of the field, such as ``spec.tasks[2].when``, and one line that says what to do.

    ``rule`` is the kind of finding, one word for machines; messages may change, rules do not.
    """

    path: str
    message: str
    rule: str = "invalid-definition"

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def problems(spec: JobDefinitionSpec) -> tuple[Problem, ...]:
    """Return everything that is wrong with a definition, in the order of its fields; empty for a valid one."""
    found = list(_params(spec.params, "spec"))
    found += _run_templates(spec)
    if spec.task_defaults is not None:
        found += check_pod_template(spec.task_defaults.pod_template, "spec.taskDefaults.podTemplate")
    found += _graph(spec, spec.tasks, spec.params, "spec")
    for at, local in enumerate(spec.definitions):
        path = f"spec.definitions[{at}]"
        found += _params(local.params, path)
        found += _own_templates(local.env, local.max_active_tasks, local.params, path)
        found += _graph(spec, local.tasks, local.params, path)
    found += _handlers(spec)
    found += _time_zone(spec)
    return tuple(found)


def _params(params: Iterable[Param], path: str) -> Iterator[Problem]:
    for at, param in enumerate(params):
        if param.pattern is not None:
            try:
                check_pattern(param.pattern)
            except PatternError as error:
                yield Problem(f"{path}.params[{at}].pattern", str(error), "bad-pattern")
                continue
        if param.default is not None:
            try:
                resolve([param], {param.name: param.default})
            except (InvalidParams, TemplateError) as error:
                yield Problem(f"{path}.params[{at}].default", str(error), "bad-default")


def _run_templates(spec: JobDefinitionSpec) -> Iterator[Problem]:
    """Check the templates that are evaluated before any task: they see params and the run only."""
    if spec.concurrency is not None and spec.concurrency.key is not None:
        yield from _early("spec.concurrency.key", spec.concurrency.key, spec.params)
    yield from _own_templates(spec.env, spec.max_active_tasks, spec.params, "spec")
    defaults = spec.task_defaults.env if spec.task_defaults else ()
    for at, one in enumerate(defaults):
        if isinstance(one.value, str):
            yield from _syntax(f"spec.taskDefaults.env[{at}].value", one.value)


def _own_templates(
    env: Iterable[EnvVar], limit: int | str | None, params: Sequence[Param], path: str
) -> Iterator[Problem]:
    if isinstance(limit, str):
        yield from _early(f"{path}.maxActiveTasks", limit, params)
    for at, one in enumerate(env):
        if isinstance(one.value, str):
            yield from _early(f"{path}.env[{at}].value", one.value, params)


def _syntax(path: str, source: str) -> Iterator[Problem]:
    if is_template(source):
        try:
            compile_template(source, field="")
        except TemplateError as error:
            yield Problem(path, str(error), "bad-template")


def _early(path: str, source: str, params: Sequence[Param]) -> Iterator[Problem]:
    if not is_template(source):
        return
    try:
        references = compile_template(source, field="").references
    except TemplateError as error:
        yield Problem(path, str(error), "bad-template")
        return
    if references.tasks or references.outputs:
        yield Problem(path, "is evaluated before any task has run: only params and run exist here", "unknown-name")
    yield from _item(path, references, allowed=False)
    yield from _unknown_params(path, references, params)


def _graph(spec: JobDefinitionSpec, tasks: Sequence[Task], params: Sequence[Param], path: str) -> Iterator[Problem]:
    """Check one list of tasks."""
    for at, task in enumerate(tasks):
        yield from check_pod_template(task.pod_template, f"{path}.tasks[{at}].podTemplate")
    merged = [with_defaults(task, spec.task_defaults) for task in tasks]
    broken = False
    for at, task in enumerate(merged):
        for problem in _task(merged, task, params, f"{path}.tasks[{at}]"):
            broken = True
            yield problem
    if not broken:
        yield from _cycles(merged, path)


def check_pod_template(template: Mapping[str, JsonValue] | None, path: str) -> Iterator[Problem]:
    """Yield what no API server sees, because only ``metadata`` and ``spec`` reach the Pod."""
    for field, value in (template or {}).items():
        if field not in {"metadata", "spec"}:
            yield Problem(f"{path}.{field}", "unknown field; a podTemplate has metadata and spec", "unknown-field")
        elif value is not None and not isinstance(value, dict):
            yield Problem(f"{path}.{field}", f"must be an object, as in core/v1: {value!r:.40}", "wrong-type")


def _task(tasks: Sequence[Task], task: Task, params: Sequence[Param], path: str) -> Iterator[Problem]:
    names = {one.name: one for one in tasks}
    outputs = {one.output for one in tasks if one.output}
    if task.await_ is not None:
        for at, name in enumerate(task.await_.tasks):
            if name in names and body_of(names[name]) is not Body.FORK:
                yield Problem(
                    f"{path}.await.tasks[{at}]",
                    f"task {task.name} awaits {name}, which is no fork",
                    "await-without-fork",
                )
    if task.output is not None and body_of(task) in {Body.JUNCTION, Body.AWAIT}:
        yield Problem(
            f"{path}.output", f"task {task.name} has no output: it has no body that makes one", "output-without-body"
        )
    for field, source in templates_of(task):
        where = f"{path}.{field}"
        try:
            references = compile_template(source, field="").references
        except TemplateError as error:
            yield Problem(where, str(error), "bad-template")
            continue
        in_params = task.parallel is not None and field.startswith(("run.params", "fork.params"))
        yield from _item(where, references, allowed=in_params)
        yield from _unknown_params(where, references, params)
        yield from _unknown_tasks(where, references, names, outputs, task.name)


def _item(path: str, references: References, *, allowed: bool) -> Iterator[Problem]:
    if (references.item or references.index) and not allowed:
        yield Problem(path, "item and index exist only in params of a parallel task's run or fork", "unknown-name")


def _unknown_params(path: str, references: References, params: Sequence[Param]) -> Iterator[Problem]:
    declared = {param.name for param in params}
    if declared:
        for name in sorted(references.params - declared):
            yield Problem(
                path,
                f"names the param {name}, which is not declared; there are {', '.join(sorted(declared))}",
                "unknown-name",
            )


def _unknown_tasks(
    path: str, references: References, names: dict[str, Task], outputs: set[str], own: str
) -> Iterator[Problem]:
    for name in sorted(references.tasks):
        if name == own:
            yield Problem(path, f"task {own} names itself", "task-cycle")
        elif name not in names:
            yield Problem(
                path,
                f"names the task {name}, which does not exist; there are {', '.join(sorted(names))}",
                "unknown-name",
            )
    for name in sorted(references.outputs - outputs):
        listed = ", ".join(sorted(outputs)) or "none"
        yield Problem(
            path,
            f"names the output {name}, which no task declares (output: {name}); there are: {listed}",
            "unknown-name",
        )
    for name, detail in sorted(references.details):
        if name in names and detail == "output" and names[name].output is None:
            yield Problem(path, f"names the output of task {name}, which declares none", "unknown-name")


def _cycles(tasks: Sequence[Task], path: str) -> Iterator[Problem]:
    nodes = connect(tuple(tasks), implicit=False)
    state = [0] * len(nodes)  # 0 unseen, 1 on the path, 2 done
    for start in nodes:
        stack = [(start.position, iter(start.predecessors))] if not state[start.position] else []
        trail = [start.position]
        while stack:
            at, rest = stack[-1]
            state[at] = 1
            following = next(rest, None)
            if following is None:
                state[at] = 2
                stack.pop()
                trail.pop()
            elif state[following] == 1:
                circle = [*trail[trail.index(following) :], following]
                names = " <- ".join(nodes[one].name for one in circle)
                yield Problem(
                    f"{path}.tasks[{following}]", f"tasks wait for each other in a circle: {names}", "task-cycle"
                )
                return
            elif not state[following]:
                stack.append((following, iter(nodes[following].predecessors)))
                trail.append(following)


def _time_zone(spec: JobDefinitionSpec) -> Iterator[Problem]:
    zone = spec.schedule.time_zone if spec.schedule is not None else None
    if zone is None:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Problem("spec.schedule.timeZone", f"{zone!r} is no time zone of the IANA database, such as Europe/Berlin")


def _handlers(spec: JobDefinitionSpec) -> Iterator[Problem]:
    if spec.handlers is None:
        return
    names = {task.name: task for task in spec.tasks}
    outputs = {task.output for task in spec.tasks if task.output}
    for name in HANDLER_NAMES:
        handler = getattr(spec.handlers, name)
        if handler is None:
            continue
        path = f"spec.handlers.{name.split('_')[0]}{name.split('_')[1].title()}"
        sources = [(f"env[{at}].value", one.value) for at, one in enumerate(handler.env) if isinstance(one.value, str)]
        sources += [(f"container.{field}", source) for field, source in container_strings(handler.container or {})]
        for field, source in sources:
            if not is_template(source):
                continue
            try:
                references = compile_template(source, field="").references
            except TemplateError as error:
                yield Problem(f"{path}.{field}", str(error), "bad-template")
                continue
            yield from _item(f"{path}.{field}", references, allowed=False)
            yield from _unknown_params(f"{path}.{field}", references, spec.params)
            yield from _unknown_tasks(f"{path}.{field}", references, names, outputs, "")
