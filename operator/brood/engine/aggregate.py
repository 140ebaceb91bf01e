"""The aggregate of a parallel task: one JSON text with the counts, every item's result, and the outputs of the good ones (§3)."""

import json

from pydantic import JsonValue

from brood.engine.children import child_outputs
from brood.engine.draft import Draft, NeedsValues
from brood.engine.graph import Node
from brood.engine.itemends import Ends
from brood.engine.items import Items


def build(draft: Draft, node: Node, items: Items, ends: Ends) -> str:
    """Return the aggregate in item order.

    Raises
    ------
    NeedsValues
        Naming every large output of the children that the snapshot lacks.
    """
    results: list[JsonValue] = []
    good: list[JsonValue] = []
    missing: list[tuple[str, str]] = []
    for item in items.items:
        status = _status(item.index, ends)
        attempts = draft.snapshot.children.of(node.name, item.index)
        output: dict[str, JsonValue] = {}
        if attempts:
            try:
                output.update(child_outputs(draft, attempts[-1]))
            except NeedsValues as error:
                missing.extend(error.refs)
        results.append({"parameters": item.shown, "status": status, "output": output})
        if status == "success":
            good.append(output)
    if missing:
        raise NeedsValues(missing)
    summary: JsonValue = {
        "total": len(items),
        "succeeded": len(ends.completed),
        "failed": len(ends.failed),
        "cancelled": len(ends.cancelled),
        "skipped": len(ends.skipped),
    }
    whole: JsonValue = {"summary": summary, "results": results, "outputs": good}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _status(index: int, ends: Ends) -> str:
    if index in ends.completed:
        return "success"
    if index in ends.failed:
        return "failed"
    return "cancelled" if index in ends.cancelled else "skipped"
