"""`pools` and the namespace's limits: what a Pod needs beside its turn, taken all at once or not at all (§1.1, §2.2).

Pools are for Pods, keys for root runs; neither is ever held by something that waits for a holder, so no order of taking them can
deadlock.
"""

from collections import Counter
from collections.abc import Sequence

from brood.api.reasons import WaitingReason
from brood.engine.draft import Draft
from brood.engine.locks import SlotState
from brood.engine.render import text_list
from brood.templating import Context, TemplateError

_SHOWN = 3


def blocked(draft: Draft, name: str, pools: Sequence[str]) -> tuple[str, str] | None:
    """Say why the Pod of that name cannot be made now: (reason, one line); None where it can.

    A Pod that was asked for already, its answer lost, is not in its own way.
    """
    state = draft.snapshot.slots
    if state.max_pods is not None and state.pods + len(draft.pods) >= state.max_pods:
        return WaitingReason.NAMESPACE_LIMIT, f"live Pods in the namespace: {state.pods} (limit: {state.max_pods})"
    taken = Counter(pool for request in draft.pods for pool in request.pools)
    for pool in pools:
        size, holders = state.sizes.get(pool, 1), [one for one in state.holders.get(pool, ()) if one != name]
        if len(holders) + taken[pool] >= size:
            names = ", ".join(sorted(holders)[:_SHOWN]) or ", ".join(r.name for r in draft.pods if pool in r.pools)
            return WaitingReason.POOL_FULL, f"pool {pool}: {size} of {size} slots taken by {names}"
    return None


def pool_names(templates: Sequence[str], ctx: Context, *, field: str) -> tuple[str, ...]:
    """Render the pools of a task, each once.

    Raises
    ------
    TemplateError
        Also for a name that renders empty.
    """
    names = text_list(templates, ctx, field=field)
    for at, name in enumerate(names):
        if not name.strip():
            raise TemplateError(f"{templates[at]} renders to an empty name", field=f"{field}[{at}]")
    return tuple(dict.fromkeys(names))


def volume_blocked(draft: Draft, name: str) -> tuple[str, str] | None:
    """Say why no artifact volume of that name can be made now, None where it can; one that was asked for is not in its own way."""
    state = draft.snapshot.slots
    others = len(state.volumes) - (name in state.volumes)
    if state.max_volumes is not None and others >= state.max_volumes:
        return (
            WaitingReason.ARTIFACT_VOLUME_LIMIT,
            f"artifact volumes in the namespace: {others} (limit: {state.max_volumes})",
        )
    return None


def run_blocked(state: SlotState) -> str:
    """Say why no further root run may enter, "" where one may."""
    if state.max_runs is not None and state.runs >= state.max_runs:
        return f"active root runs in the namespace: {state.runs} (limit: {state.max_runs})"
    return ""
