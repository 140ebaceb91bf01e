"""What files must agree on among each other: definitions that runs and tasks name, and the params that they are given.

Contract §4: "anything invalid in them, params included, or a definition that is in none, refuses them whole".
"""

from collections.abc import Iterable, Iterator, Mapping

from brood.api.jobdefinition import JobDefinitionSpec, LocalDefinition, Param
from brood.api.task import ChildCall, Task
from brood.cli.bundle import Bundle, Definition, Run, finding
from brood.cli.findings import Finding
from brood.engine.params import InvalidParams, differing_params, resolve
from brood.templating import is_template

Graph = JobDefinitionSpec | LocalDefinition


def check_references(bundle: Bundle, *, complete: bool = True) -> Iterator[Finding]:
    """Yield what does not fit together.

    Parameters
    ----------
    complete
        Whether every definition must be in the files; ``brood lint`` may be given some of them.
    """
    for run in bundle.runs:
        yield from _check_run(bundle, run, complete=complete)
    for definition in bundle.definitions:
        yield from _check_calls(bundle, definition, definition.spec, "spec", complete=complete)
        for at, local in enumerate(definition.spec.definitions):
            yield from _check_calls(bundle, definition, local, f"spec.definitions[{at}]", complete=complete)


def _check_run(bundle: Bundle, run: Run, *, complete: bool) -> Iterator[Finding]:
    reference = run.spec.definition_ref
    found, problem = _lookup(
        bundle, run.namespace, name=reference.name, type_=reference.type, version=reference.version
    )
    if problem and complete:
        yield finding(run.document, run.subject, "spec.definitionRef", problem, rule="unknown-definition")
    if found is not None:
        problem = params_problem(found.spec.params, run.spec.params or {}, found.subject)
        if problem:
            yield finding(run.document, run.subject, "spec.params", problem, rule="invalid-params")
    if run.spec.rerun_of is not None and (problem := _rerun_problem(bundle, run, found, complete=complete)):
        yield finding(run.document, run.subject, "spec.rerunOf", problem, rule="unfit-rerun")


def _rerun_problem(bundle: Bundle, run: Run, definition: Definition | None, *, complete: bool) -> str:
    """Say why a run cannot take over from the one that it names, as far as files can tell; "" where nothing speaks against it."""
    name = run.spec.rerun_of.name if run.spec.rerun_of else ""
    before = bundle.runs[: bundle.runs.index(run)]
    old = next((one for one in before if (one.namespace, one.name) == (run.namespace, name)), None)
    if old is None:
        return (
            f"no JobRun {name} stands before it in the files, and a local run knows no earlier ones" if complete else ""
        )
    ref = old.spec.definition_ref
    other, _ = _lookup(bundle, old.namespace, name=ref.name, type_=ref.type, version=ref.version)
    if definition is None or other is None:
        return ""
    if definition is not other:
        return f"{name} follows {other.subject}, this run {definition.subject}"
    try:
        return differing_params(definition.spec.params, (run.spec.params, old.spec.params), name)
    except InvalidParams:
        return ""  # is told of the params


def _lookup(
    bundle: Bundle, namespace: str, *, name: str | None, type_: str | None, version: str | None
) -> tuple[Definition | None, str]:
    """Return the definition that is meant, or why there is none."""
    if name is not None:
        found = bundle.named(namespace, name)
        if found is not None or (namespace, name) in bundle.unreadable:
            return found, ""
        return None, f"JobDefinition {name} is in none of the files; {_offer(bundle, namespace)}"
    if type_ is None or version is None:
        return None, ""
    typed = bundle.typed(namespace, type_, version)
    if len(typed) == 1:
        return typed[0], ""
    if typed:
        names = ", ".join(one.name for one in typed)
        return None, f"type {type_}, version {version} is ambiguous: {names}; name one of them"
    if bundle.unreadable:
        return None, ""
    return None, f"no JobDefinition of type {type_}, version {version} is in the files; {_offer(bundle, namespace)}"


def _offer(bundle: Bundle, namespace: str) -> str:
    there = ", ".join(
        f"{one.name} (type {one.spec.type}, version {one.spec.version})" if one.spec.type else one.name
        for one in bundle.definitions
        if one.namespace == namespace
    )
    return f"add its file, or name one of these: {there}" if there else "add its file"


def params_problem(declared: Iterable[Param], given: Mapping[str, str | int], subject: str) -> str:
    """Say what is wrong with the params of a run, naming the definition, or ""."""
    try:
        resolve(declared, given)
    except InvalidParams as error:
        return f"{error} ({subject})"
    return ""


def _check_calls(
    bundle: Bundle, definition: Definition, graph: Graph, path: str, *, complete: bool
) -> Iterator[Finding]:
    for at, task in enumerate(graph.tasks):
        call, word = (task.run, "run") if task.run is not None else (task.fork, "fork")
        if call is None:
            continue
        here, subject = f"{path}.tasks[{at}].{word}", f"{definition.subject}: task {task.name}"
        target, name, problem = _target(bundle, definition, call)
        if problem and complete:
            yield finding(definition.document, subject, f"{here}.definitionRef", problem, rule="unknown-definition")
        if target is None:
            continue
        problem = _call_problem(task, call, target, name)
        if problem:
            yield finding(definition.document, subject, f"{here}.params", problem, rule="invalid-params")


def _target(bundle: Bundle, definition: Definition, call: ChildCall) -> tuple[Graph | None, str, str]:
    """Return what a call leads to, its name for messages, and why there is none. "A local definition first"."""
    reference = call.definition_ref
    local = definition.spec.local(reference.name) if reference.name is not None else None
    if local is not None:
        return local, f"local definition {local.name}", ""
    found, problem = _lookup(
        bundle, definition.namespace, name=reference.name, type_=reference.type, version=reference.version
    )
    return (None, "", problem) if found is None else (found.spec, found.subject, "")


def _call_problem(task: Task, call: ChildCall, target: Graph, name: str) -> str:
    """Check what can be known of a call's params before it runs: their names, and values without templates."""
    given = call.params or {}
    if task.parallel is not None and not given:
        return ""  # the items are the params
    checked = [
        param.model_copy(update={"enum": None, "pattern": None}) if _rendered_later(given.get(param.name)) else param
        for param in target.params
    ]
    return params_problem(checked, given, name)


def _rendered_later(value: str | int | None) -> bool:
    return isinstance(value, str) and is_template(value)
