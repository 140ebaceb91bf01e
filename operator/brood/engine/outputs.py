"""Where an output goes when its task has ended: small ones into the status, larger ones into a ConfigMap of the run (§1.4, §2)."""

from collections.abc import Mapping

from brood.api.names import object_name
from brood.api.status import OutputRef
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.views import ConfigMapRequest

SMALL = 1024
"""Bytes of one output that the status holds."""
TOGETHER = 32 * 1024
"""Bytes of all outputs that the status holds."""
OUTPUT_LIMIT = 256 * 1024
"""Bytes of one output of a script."""
AGGREGATE_LIMIT = 900 * 1024
"""Bytes of the aggregate of a parallel task, and of the outputs of a child run as one JSON object."""


class OutputTooLarge(Exception):
    """An output that cannot be kept; the message names it and its size."""


def record(
    draft: Draft, node: Node, declared: str | None, written: Mapping[str, str], *, limit: int = OUTPUT_LIMIT
) -> None:
    """Keep what a task left: ``declared`` is the value of its `output` (None where it declares none).

    Raises
    ------
    OutputTooLarge
        If a value is larger than ``limit`` bytes; nothing is kept then.
    """
    name = node.task.output
    values = {**written, **({name: declared} if name and declared is not None else {})}
    sizes = {key: len(value.encode()) for key, value in values.items()}
    for key, size in sizes.items():
        if size > limit:
            msg = f"output {key} has {size} bytes (max: {limit})"
            raise OutputTooLarge(msg)
    room = TOGETHER - sum(len(value.encode()) for value in draft.outputs.values())
    small: dict[str, str] = {}
    large: dict[str, str] = {}
    for key, value in values.items():
        if sizes[key] <= SMALL and sizes[key] <= room:
            small[key] = value
            room -= sizes[key]
        else:
            large[key] = value
    refs = _store(draft, node, large)
    _keep(draft, node, small, refs, own=name if declared is not None else None)


def _store(draft: Draft, node: Node, large: Mapping[str, str]) -> dict[str, OutputRef]:
    """Ask for the ConfigMap that holds the large values; its name is that of the attempt, so a second try meets the first."""
    refs: dict[str, OutputRef] = {}
    run = draft.run.meta
    for at, (key, value) in enumerate(large.items()):
        attempt = draft.row(node).attempt
        name = object_name(run.name, run.uid, task=f"{node.name}-output", index=at, attempt=attempt)
        draft.config_maps.append(ConfigMapRequest(run.namespace, name, run.name, run.uid, {key: value}))
        draft.fresh_values[name, key] = value
        refs[key] = OutputRef(config_map=name, key=key)
    return refs


def _keep(
    draft: Draft, node: Node, small: Mapping[str, str], refs: Mapping[str, OutputRef], *, own: str | None
) -> None:
    written = {key: value for key, value in small.items() if key != own}
    written_refs = {key: ref for key, ref in refs.items() if key != own}
    if written or written_refs:
        draft.set(node, outputs=written, output_refs=written_refs)
    for key in (*small, *refs):
        if key != own and _belongs_to_another(draft, node, key):
            continue
        draft.outputs.pop(key, None)
        draft.output_refs.pop(key, None)
        if key in small:
            draft.outputs[key] = small[key]
        else:
            draft.output_refs[key] = refs[key]


def _belongs_to_another(draft: Draft, node: Node, name: str) -> bool:
    """Whether the run's output of that name is another task's: the one that declares it, else the later writer in the list."""
    if name in draft.graph.outputs:
        return True
    later = draft.rows[node.position + 1 : len(draft.graph.nodes)]
    return any(name in row.outputs or name in row.output_refs for row in later)
