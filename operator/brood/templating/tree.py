"""Templates "on leaf strings of the parsed object, one pass; never on YAML or JSON text" (contract, section 1.3)."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from brood.templating.context import Context
from brood.templating.errors import TemplateError
from brood.templating.limits import MAX_DEPTH
from brood.templating.scan import is_template
from brood.templating.template import compile_template


def walk_strings(value: object, *, field: str) -> Iterator[tuple[str, str]]:
    """Yield the path and text of every leaf string, in order; keys of objects are no leaves.

    Parameters
    ----------
    value
        A parsed object.
    field
        Its own path; the paths of leaves extend it, as in ``spec.tasks[2].container.args[0]``.
    """
    todo: list[tuple[str, object]] = [(field, value)]
    while todo:
        path, each = todo.pop()
        if isinstance(each, str):
            yield path, each
        elif isinstance(each, Mapping):
            todo.extend((_key_path(path, key), inner) for key, inner in reversed(list(each.items())))
        elif isinstance(each, Sequence):
            todo.extend((f"{path}[{index}]", each[index]) for index in reversed(range(len(each))))


def render_tree(value: JsonValue, context: Context, *, field: str, as_text: bool = False) -> JsonValue:
    """Render the leaf strings of a parsed object, once: what they render to is not looked at again.

    Parameters
    ----------
    value
        A parsed object. It is not changed; parts without templates are shared with the result.
    context
        What the names stand for.
    field
        Path of `value`, extended in messages.
    as_text
        Render every leaf to text, for fields that take text only (args, names, values of environment variables); else a
        whole ``{{ … }}`` keeps its type.

    Raises
    ------
    TemplateError
        For the first leaf that cannot be rendered, naming its path.
    """
    return _render(value, context, field=field, as_text=as_text, depth=0)


def _render(value: JsonValue, context: Context, *, field: str, as_text: bool, depth: int) -> JsonValue:
    if isinstance(value, str):
        if not is_template(value):
            return value
        template = compile_template(value, field=field)
        return template.render_text(context, field=field) if as_text else template.render(context, field=field)
    if not isinstance(value, dict | list):
        return value
    if depth >= MAX_DEPTH:
        raise TemplateError(f"the object is nested deeper than {MAX_DEPTH}", field=field)
    if isinstance(value, dict):
        return {
            key: _render(each, context, field=_key_path(field, key), as_text=as_text, depth=depth + 1)
            for key, each in value.items()
        }
    return [
        _render(each, context, field=f"{field}[{index}]", as_text=as_text, depth=depth + 1)
        for index, each in enumerate(value)
    ]


def _key_path(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
