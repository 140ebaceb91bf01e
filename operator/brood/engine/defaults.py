"""`taskDefaults`: objects merge by key, `env` by name, other lists are replaced; for container tasks only (§1)."""

from pydantic import JsonValue

from brood.api.task import Task, TaskDefaults
from brood.engine.render import not_set_by

JsonObject = dict[str, JsonValue]


def with_defaults(task: Task, defaults: TaskDefaults | None) -> Task:
    """Return the task with the definition's defaults under its own fields."""
    if defaults is None or (task.container is None and task.script is None):
        return task
    if defaults.env:
        defaults = defaults.model_copy(update={"env": tuple(not_set_by(task.container, defaults.env))})
    base = defaults.model_dump(mode="json", by_alias=True, exclude_unset=True)
    own = task.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return _validate(merge(base, own))


def _validate(merged: JsonObject) -> Task:
    return Task.model_validate(merged)


def merge(base: JsonObject, over: JsonObject) -> JsonObject:
    """Merge two JSON objects: objects by key, a list named `env` by its entries' names, everything else from ``over``."""
    result = dict(base)
    for key, value in over.items():
        under = result.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            result[key] = merge(under, value)
        elif key == "env" and isinstance(under, list) and isinstance(value, list):
            result[key] = _merge_by_name(under, value)
        else:
            result[key] = value
    return result


def _merge_by_name(base: list[JsonValue], over: list[JsonValue]) -> list[JsonValue]:
    named: dict[JsonValue, JsonValue] = {}
    for one in (*base, *over):
        if isinstance(one, dict):
            named[one.get("name")] = one
    return list(named.values())
