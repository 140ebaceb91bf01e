"""Manifests to models, with errors that a person can act on.

Each problem names its field as it is written in YAML (``spec.tasks[2].retryPolicy.limt``), says what is wrong with
it, and what is allowed there.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from brood.api.base import API_VERSION, ENVIRONMENT_NAME, LABEL_VALUE, Model
from brood.api.jobdefinition import COUNT_OR_TEMPLATE, QUANTITY, JobDefinition
from brood.api.jobrun import JobRun
from brood.api.metadata import OBJECT_NAME
from brood.api.rules import RULE_ERROR
from brood.api.schedule import FIVE_FIELDS

KINDS: Final[dict[str, type[JobDefinition] | type[JobRun]]] = {"JobDefinition": JobDefinition, "JobRun": JobRun}

PATTERNS: Final = {
    LABEL_VALUE: "must be letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    OBJECT_NAME: "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ENVIRONMENT_NAME: "must be letters, digits and '_', not beginning with a digit",
    COUNT_OR_TEMPLATE: "must be an integer of at least 1, or a template that renders to one",
    FIVE_FIELDS: "must be a cron expression of five fields, such as '*/5 * * * *'",
    QUANTITY: "must be a quantity such as 1Gi",
}
"""What the patterns of the models mean, in words."""

ELSEWHERE: Final = {
    ("Task", "image"): "put it into container: {image: …}",
    ("Task", "command"): "put it into container: {command: […]}, or use script",
    ("Task", "args"): "put it into container: {args: […]}",
    ("Task", "params"): "put it into run: {definitionRef: …, params: …} or fork",
    ("Task", "definitionRef"): "put it into run: {definitionRef: …} or fork",
    ("Task", "items"): "put it into parallel: {items: …}",
    ("Task", "itemsFrom"): "put it into parallel: {itemsFrom: …}",
    ("Task", "depends"): "did you mean 'dependsOn'?",
    ("JobDefinitionSpec", "steps"): "did you mean 'tasks'?",
    ("JobDefinitionSpec", "maxActiveRuns"): "put it into concurrency: {maxActiveRuns: …}",
    ("JobDefinitionSpec", "container"): "put it into a task, or into taskDefaults",
    ("JobRunSpec", "tasks"): "tasks belong to a JobDefinition",
    ("JobRunSpec", "definition"): "did you mean 'definitionRef'?",
}
"""Fields that people look for where they are not, by model: what to do instead."""

TYPES: Final = {
    "missing": "is required",
    "string_type": "must be a string; quote it",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dataclass_type": "must be an object",
    "tuple_type": "must be a list",
    "invalid-json-value": "must be text, a number, a boolean, null, a list or an object; quote it (dates too)",
}
"""What is wrong, by pydantic's type of error, where its own words do not speak of manifests."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the field as written in YAML (empty for the whole object), and why."""

    path: str
    message: str

    def __str__(self) -> str:
        """Return both on one line."""
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidManifest(ValueError):
    """A manifest that is refused.

    Attributes
    ----------
    kind, name
        Of the object, as far as it says; may be empty.
    problems
        All that is wrong with it, at least one.
    """

    def __init__(self, kind: str, name: str, problems: tuple[Problem, ...]) -> None:
        self.kind = kind
        self.name = name
        self.problems = problems
        subject = " ".join(part for part in (kind or "object", f"{name!r}" if name else "") if part)
        super().__init__(f"{subject}: {'; '.join(map(str, problems))}")


def parse_manifest(obj: object) -> JobDefinition | JobRun:
    """Read one object as decoded from YAML or JSON.

    Raises
    ------
    InvalidManifest
        With every problem that was found.
    """
    if not isinstance(obj, Mapping):
        raise InvalidManifest(
            "", "", (Problem("", "a manifest is an object with apiVersion, kind, metadata and spec"),)
        )
    kind, name = _identity(obj)
    problems = []
    if obj.get("apiVersion") != API_VERSION:
        problems.append(Problem("apiVersion", f"must be {API_VERSION}, not {obj.get('apiVersion')!r}"))
    if kind not in KINDS:
        problems.append(Problem("kind", f"must be JobDefinition or JobRun, not {obj.get('kind')!r}"))
    if problems:
        raise InvalidManifest(kind, name, tuple(problems))
    try:
        parsed = KINDS[kind].from_json(dict(obj))
    except ValidationError as error:
        raise InvalidManifest(kind, name, problems_of(error, KINDS[kind])) from error
    if parsed.metadata.name is None and parsed.metadata.generate_name is None:
        raise InvalidManifest(kind, name, (Problem("metadata.name", "is required"),))
    return parsed


def problems_of(error: ValidationError, model: type[BaseModel], *, prefix: str = "") -> tuple[Problem, ...]:
    """Return what a validation error of a model says, with fields as written in YAML below ``prefix``."""
    found: dict[Problem, None] = {}
    for details in error.errors(include_url=False):
        if _is_echo(details):
            continue
        path, message = _describe(details, model)
        found[Problem(_join(prefix, path), message)] = None
    return tuple(found)


def _is_echo(details: ErrorDetails) -> bool:
    """Say whether a list is called too short only because its elements, reported by themselves, were taken out."""
    given = details["input"]
    return details["type"] == "too_short" and isinstance(given, list) and len(given) >= details["ctx"]["min_length"]


def _identity(obj: Mapping[Any, Any]) -> tuple[str, str]:
    metadata = obj.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, Mapping) else None
    return str(obj.get("kind") or ""), str(name or "")


def _describe(details: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    loc, kind, given = details["loc"], details["type"], details["input"]
    path = field_path(loc)
    context = details.get("ctx", {})
    if kind == RULE_ERROR:
        return _join(path, context["path"]), context["message"]
    if kind == "extra_forbidden":
        return path, _unknown_field(str(loc[-1]), _model_at(model, loc[:-1]))
    if loc and loc[-1] == "[key]":
        return field_path(loc[:-2]), _bad_key(given, str(context.get("error", "")))
    if kind == "invalid_key":
        return field_path(loc[:-1]), _bad_key(given, "")
    if kind == "too_short":
        return path, f"needs at least {context['min_length']}, has {context['actual_length']}"
    if kind == "too_long":
        return path, f"can have at most {context['max_length']}, has {context['actual_length']}"
    if kind == "value_error":
        return path, str(context["error"])
    if kind == "string_pattern_mismatch":
        return path, f"{PATTERNS.get(context['pattern'], 'must match ' + context['pattern'])}, not {_short(given)}"
    if kind in ("enum", "literal_error"):
        return path, f"must be {context['expected']}, not {_short(given)}"
    if kind in TYPES:
        suffix = "" if kind == "missing" else f", not {_short(given)}"
        return path, TYPES[kind] + suffix
    return path, details["msg"].replace("Input should", "must").replace("String should", "must").replace(
        "Tuple should", "must"
    )


def _bad_key(key: object, problem: str) -> str:
    if not isinstance(key, str):
        return f"the key {_short(key)} is no string; quote it (YAML reads y, n, yes, no, on and off as booleans)"
    return problem or f"{key!r} is no allowed key"


def _unknown_field(name: str, model: type[BaseModel] | None) -> str:
    if model is None:
        return "unknown field"
    elsewhere = ELSEWHERE.get((model.__name__, name))
    if elsewhere:
        return f"unknown field; {elsewhere}"
    allowed = [field.alias or attribute for attribute, field in model.model_fields.items()]
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    close = difflib.get_close_matches(name.lower().replace("_", "").replace("-", ""), by_lower, n=1, cutoff=0.7)
    if close:
        return f"unknown field; did you mean {by_lower[close[0]]!r}?"
    return f"unknown field; allowed are {', '.join(allowed)}"


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the model that is found at a location below another."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            continue
        field = next((f for n, f in current.model_fields.items() if (f.alias or n) == part), None) if current else None
        current = _model_in(field.annotation) if field is not None else None
    return current


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model inside of an annotation such as ``tuple[Task, ...]`` or ``Parallel | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


def field_path(loc: tuple[int | str, ...]) -> str:
    """Return a location as it is written in YAML: ``spec.tasks[2].name``."""
    path = ""
    for part in loc:
        if part == "[key]":
            continue
        path = f"{path}[{part}]" if isinstance(part, int) and not isinstance(part, bool) else _join(path, str(part))
    return path


def _join(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path and rest and not rest.startswith("[") else f"{path}{rest}"


def _short(value: object) -> str:
    text = {True: "true", False: "false", None: "null"}.get(value) if isinstance(value, bool | None) else repr(value)
    text = text or ""
    limit = 60
    return text if len(text) <= limit else f"{text[:limit]}…"
