"""`maxActiveTasks` of a run: an integer, or a template that renders to one (§2.2)."""

from collections.abc import Mapping

from brood.engine.graph import Graph
from brood.engine.params import InvalidParams
from brood.templating import Context, compile_template
from brood.views import RunView


def max_active_tasks(graph: Graph, run: RunView, params: Mapping[str, str | int]) -> int | None:
    """Return how many tasks of the run may be active, None for any number.

    Raises
    ------
    InvalidParams
        If a template renders to anything but an integer of at least 1.
    TemplateError
        If it cannot be rendered.
    """
    value = graph.max_active_tasks
    if value is None or isinstance(value, int):
        return value
    meta = run.meta
    ctx = Context(
        params=params, run={"name": meta.name, "namespace": meta.namespace, "uid": meta.uid, "root": run.root}
    )
    text = compile_template(value, field="spec.maxActiveTasks").render_text(ctx, field="spec.maxActiveTasks").strip()
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 10**9:
        msg = f"spec.maxActiveTasks: {value} renders to {text[:40]!r}, not to an integer of at least 1"
        raise InvalidParams(msg)
    return int(text)
