"""Where the items of a parallel task come from, and which definition their children follow (§1.1, §3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from brood.api.jobdefinition import Param
from brood.api.parallel import Parallel
from brood.engine.childstart import Target, call_params, resolve
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.items import Items, TooManyItems, expand, from_rendered
from brood.engine.scope import context, own_scope
from brood.templating import compile_template


@dataclass(frozen=True, slots=True)
class Source:
    """The items that count, and the definition that all their children follow."""

    items: Items
    target: Target


def source_of(draft: Draft, node: Node) -> Source | None:
    """Return the items of a task; None while its definition is missing or being read.

    Raises
    ------
    DefinitionMissing
        If the definition did not appear in time.
    TooManyItems, InvalidItem, TemplateError
        If there are no items to speak of.
    """
    target = _target(draft, node)
    if target is None:
        return None
    ref = target[0]
    memo, key = draft.snapshot.memo, ("items", node.name, ref.revision, ref.local, ref.task)
    known = memo.get(key)
    if isinstance(known, Items):
        return Source(known, target)
    declared = _declared(draft, target)
    if declared is None or node.task.parallel is None:
        return None
    items = _expanded(draft, node, node.task.parallel, declared)
    memo[key] = items
    return Source(items, target)


def _target(draft: Draft, node: Node) -> Target | None:
    """Return the definition that all items follow: that of the children there are, else what the reference means now."""
    first = draft.snapshot.children.any(node.name)
    if first is not None:
        return first.spec.definition_ref, None
    return resolve(draft, node)


def _expanded(draft: Draft, node: Node, parallel: Parallel, declared: Sequence[Param]) -> Items:
    ctx, path = context(own_scope(draft)), f"tasks[{node.name}]"
    values: Sequence[JsonValue] = parallel.items or ()
    if parallel.items_from is not None:
        where = f"{path}.parallel.itemsFrom"
        values = from_rendered(compile_template(parallel.items_from, field=where).render(ctx, field=where))
    if len(values) > parallel.max_items:
        raise TooManyItems(len(values), parallel.max_items)
    call = node.task.run or node.task.fork
    renders = None
    if call is not None and call.params:
        body = call

        def renders(value: JsonValue, index: int) -> Mapping[str, str | int]:
            return call_params(body, ctx.with_item(value, index), field=f"{path}.{node.body}")

    rendered = parallel.items_from is not None
    return expand(values, declared=declared, call=renders, container=call is None, rendered=rendered)


def _declared(draft: Draft, target: Target) -> Sequence[Param] | None:
    """Return the params that the children's definition declares; None while it is being read."""
    ref, view = target
    if ref.task is not None:
        return ()
    if view is not None:
        return view.spec.params
    if ref.name == draft.graph.definition and ref.revision == draft.graph.revision:
        local = draft.graph.spec.local(ref.local or "")
        return draft.graph.spec.params if local is None else local.params
    graph = draft.snapshot.definitions.graph(ref) if draft.snapshot.definitions else None
    return None if graph is None else graph.params
