"""Which runs the command line asks for: those of the files, or one of a definition with ``-p``."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from brood.api.base import API_VERSION, reserved_name_problem
from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.jobrun import JobRunSpec
from brood.cli.bundle import NAME_LENGTH, Bundle, Definition, Run, name_problem
from brood.cli.findings import refuse
from brood.cli.references import params_problem

_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line beside the files."""

    params: Mapping[str, str]
    name: str | None = None
    definition: str | None = None


def parse_params(given: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=value`` arguments; raises `InputRefusedError`."""
    params: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise refuse(f"{one!r} has no '='; write -p NAME=value", subject="-p")
        problem = reserved_name_problem(name)
        if problem:
            raise refuse(problem, subject="-p")
        if name in params:
            raise refuse(f"{name} is given twice; give each param once", subject="-p")
        if "\0" in value or not _is_text(value):
            raise refuse(f"the value of {name} is not UTF-8 text", subject="-p")
        params[name] = value
    return params


def _is_text(value: str) -> bool:
    """Whether the bytes of an argument were UTF-8; Python keeps others as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def apply_wishes(bundle: Bundle, wishes: Wishes) -> None:
    """Put the params and the name of the command line over those of the only JobRun; raises `InputRefusedError`.

    It comes before params are checked, so that a run may leave open what ``-p`` gives.
    """
    if wishes.name is not None and (problem := name_problem(wishes.name)):
        raise refuse(problem, subject="--name")
    if not bundle.runs:
        return
    if wishes.definition is not None:
        raise refuse("the files hold JobRuns, which name their definitions; leave it out", subject="--definition")
    if len(bundle.runs) > 1 and (wishes.params or wishes.name):
        option = "-p" if wishes.params else "--name"
        names = ", ".join(run.name for run in bundle.runs)
        raise refuse(f"the files hold several JobRuns: {names}; set it in the one that is meant", subject=option)
    if len(bundle.runs) == 1:
        run = bundle.runs[0]
        spec = run.spec
        if wishes.params:
            spec = _checked({**spec.to_json(), "params": {**(spec.params or {}), **wishes.params}})
        bundle.runs = [replace(run, name=wishes.name or run.name, spec=spec)]


def choose_runs(bundle: Bundle, wishes: Wishes) -> list[dict[str, Any]]:
    """Return the manifests of the root runs to create, in the order of the files; raises `InputRefusedError`."""
    if not bundle.runs:
        chosen = choose_definition(bundle, wishes.definition)
        return [run_of(chosen.name, chosen.spec, wishes, namespace=chosen.namespace)]
    return [_of_run(bundle, run) for run in bundle.runs]


def _of_run(bundle: Bundle, run: Run) -> dict[str, Any]:
    manifest = bundle.manifest(run.document)
    if run.spec.params:
        manifest["spec"]["params"] = dict(run.spec.params)
    if not run.name.endswith("-"):
        manifest["metadata"]["name"] = run.name
    return manifest


def choose_definition(bundle: Bundle, wanted: str | None) -> Definition:
    """Return the definition to run: the one named, the only one, or the only one that no other one calls."""
    if not bundle.definitions:
        raise refuse("the files hold neither a JobRun nor a JobDefinition")
    names = ", ".join(one.name for one in bundle.definitions)
    if wanted is not None:
        found = next((one for one in bundle.definitions if one.name == wanted), None)
        if found is None:
            raise refuse(f"JobDefinition {wanted} is in none of the files; there are: {names}", subject="--definition")
        return found
    roots = _uncalled(bundle.definitions) if len(bundle.definitions) > 1 else bundle.definitions
    if len(roots) != 1:
        message = f"the files hold no JobRun and several JobDefinitions: {names}; choose one with --definition NAME"
        raise refuse(message)
    return roots[0]


def _uncalled(definitions: Sequence[Definition]) -> list[Definition]:
    called: set[tuple[str | None, ...]] = set()
    for one in definitions:
        local = {local.name for local in one.spec.definitions}
        tasks = [*one.spec.tasks, *(task for inner in one.spec.definitions for task in inner.tasks)]
        for reference in (task.call.definition_ref for task in tasks if task.call is not None):
            if reference.name not in local:
                called.add((one.namespace, reference.name, reference.type, reference.version))
    return [
        one
        for one in definitions
        if (one.namespace, one.name, None, None) not in called
        and (one.namespace, None, one.spec.type, one.spec.version) not in called
    ]


def run_of(definition: str, asked: JobDefinitionSpec, wishes: Wishes, *, namespace: str) -> dict[str, Any]:
    """Return a run of a definition with the params of the command line; raises `InputRefusedError`."""
    problem = params_problem(asked.params, wishes.params, f"JobDefinition {definition}")
    if problem:
        raise refuse(f"{problem}; params are given as -p NAME=value", subject="-p" if wishes.params else "")
    spec: dict[str, Any] = {"definitionRef": {"name": definition}}
    if wishes.params:
        spec["params"] = dict(wishes.params)
    _checked(spec)
    metadata = {"name": wishes.name or fresh_name(definition), "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "JobRun", "metadata": metadata, "spec": spec}


def fresh_name(stem: str) -> str:
    """Return a name that nothing has, which begins like that."""
    suffix = "".join(secrets.choice(_SUFFIX) for _ in range(_SUFFIX_LENGTH))
    return f"{stem[: NAME_LENGTH - _SUFFIX_LENGTH - 1].rstrip('-.')}-{suffix}"


def _checked(spec: dict[str, Any]) -> JobRunSpec:
    """Read a spec with params of the command line: their number and their lengths are limited."""
    try:
        return JobRunSpec.from_json(spec)
    except ValidationError as error:
        first = error.errors()[0]
        raise refuse(f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}", subject="-p") from error
