"""The templates of a container: which strings of it are evaluated, and to what type (§1.3)."""

from collections.abc import Iterable, Mapping
from itertools import chain

from pydantic import JsonValue

from brood.api.container import EnvVar
from brood.templating import Context, compile_template, is_template


def text(value: str, ctx: Context, *, field: str) -> str:
    """Render one string to text."""
    return compile_template(value, field=field).render_text(ctx, field=field) if is_template(value) else value


def text_list(values: Iterable[str], ctx: Context, *, field: str) -> tuple[str, ...]:
    """Render a list of strings."""
    return tuple(text(value, ctx, field=f"{field}[{at}]") for at, value in enumerate(values))


def render_env(env: Iterable[EnvVar], ctx: Context, *, field: str) -> tuple[Mapping[str, JsonValue], ...]:
    """Render variables to core/v1 EnvVar objects; of equal names the last stays."""
    return merged_env(_rendered(one, ctx, field=field) for one in {one.name: one for one in env}.values())


def not_set_by(container: Mapping[str, JsonValue] | None, env: Iterable[EnvVar]) -> list[EnvVar]:
    """Return the variables of what is around a container that its own `env` does not set: the nearer one wins."""
    own = (container or {}).get("env")
    names = {one.get("name") for one in own if isinstance(one, dict)} if isinstance(own, list) else set()
    return [one for one in env if one.name not in names]


def merged_env(*parts: Iterable[Mapping[str, JsonValue]]) -> tuple[Mapping[str, JsonValue], ...]:
    """Put EnvVar objects together; of equal names the last stays, in its place."""
    merged: dict[JsonValue, Mapping[str, JsonValue]] = {}
    for one in chain(*parts):
        merged.pop(one["name"], None)
        merged[one["name"]] = one
    return tuple(merged.values())


def _rendered(one: EnvVar, ctx: Context, *, field: str) -> Mapping[str, JsonValue]:
    if one.value_from is not None:
        return {"name": one.name, "valueFrom": one.value_from}
    return {"name": one.name, "value": text(one.text or "", ctx, field=f"{field}.env[{one.name}].value")}


def render_container(container: Mapping[str, JsonValue], ctx: Context, *, field: str) -> dict[str, JsonValue]:
    """Render `image`, `command`, `args` and `env[].value` of a core/v1 Container; everything else stays as it is.

    Every `$` of a rendered text is doubled, because the kubelet expands `$(…)` and `$$` in these fields: what a param holds arrives
    byte-exact. Texts without a template keep the meaning that core/v1 gives them.
    """
    rendered = dict(container)
    image = rendered.get("image")
    if isinstance(image, str):
        rendered["image"] = text(image, ctx, field=f"{field}.image")
    for key in ("command", "args"):
        values = rendered.get(key)
        if isinstance(values, list):
            rendered[key] = [
                _exact(one, ctx, field=f"{field}.{key}[{at}]") if isinstance(one, str) else one
                for at, one in enumerate(values)
            ]
    env = rendered.get("env")
    if isinstance(env, list):
        rendered["env"] = [_variable(one, ctx, field=f"{field}.env[{at}].value") for at, one in enumerate(env)]
    return rendered


def _variable(one: JsonValue, ctx: Context, *, field: str) -> JsonValue:
    if isinstance(one, dict) and isinstance(value := one.get("value"), str):
        return {**one, "value": _exact(value, ctx, field=field)}
    return one


def _exact(value: str, ctx: Context, *, field: str) -> str:
    return text(value, ctx, field=field).replace("$", "$$") if is_template(value) else value
