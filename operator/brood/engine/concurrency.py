"""`concurrency`: one lock of the namespace per key, entered by `Admitted=True` (§2.2).

Keys are for root runs only, so nothing that holds a key ever waits for a holder.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from brood.api.jobdefinition import ConcurrencyPolicy
from brood.engine.graph import Graph
from brood.engine.locks import Lock, LockState
from brood.engine.params import resolve
from brood.templating import Context, compile_template
from brood.views import RunView

_SHOWN = 5
"""Names in one line."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a root run may enter: `admit`, `wait` or `reject`, and why in one line."""

    verdict: Literal["admit", "wait", "reject"]
    message: str = ""


def lock_of(run: RunView, graph: Graph) -> Lock | None:
    """Return the lock that a root run asks for, None where its definition has no `concurrency`.

    Raises
    ------
    TemplateError, InvalidParams
        If the key cannot be rendered.
    """
    wanted = graph.spec.concurrency
    if wanted is None or not run.is_root:
        return None
    key = graph.definition
    if wanted.key is not None:
        meta = run.meta
        params = resolve(graph.params, run.spec.params)
        known = {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid, "root": run.root}
        context = Context(params=params, run=known)
        key = compile_template(wanted.key, field="spec.concurrency.key").render_text(
            context, field="spec.concurrency.key"
        )
    policy: Literal["Queue", "Reject", "Replace"] = "Queue"
    if wanted.policy is ConcurrencyPolicy.REJECT:
        policy = "Reject"
    elif wanted.policy is ConcurrencyPolicy.REPLACE:
        policy = "Replace"
    return Lock(key, wanted.max_active_runs, policy)


def admission(run: RunView, lock: Lock | None, state: LockState) -> Admission:
    """Decide whether a run may enter its key now.

    Waiting runs go by priority, then creation time, then name, and only the first of them can enter; the newcomer's policy decides,
    and the smallest `maxActiveRuns` of holders and newcomer.
    """
    if lock is None:
        return Admission("admit")
    held = len(state.holders) + len(state.orphans)
    limit = min(lock.max_active, state.max_active) if state.max_active is not None else lock.max_active
    names = [holder.meta.name for holder in state.holders] + [
        f"{name} (gone, its Pods still end)" for name in state.orphans
    ]
    position = next((at for at, one in enumerate(state.waiters, start=1) if one.meta.uid == run.meta.uid), 1)
    if held < limit and position == 1:
        return Admission("admit")
    verb = "runs hold" if len(names) != 1 else "run holds"
    holders = (
        f"{len(names)} {verb} key {lock.key}: {', '.join(sorted(names)[:_SHOWN])}"
        if names
        else f"key {lock.key} is free"
    )
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    if lock.policy == "Reject" and held >= limit:
        return Admission("reject", f"{holders}{more}")
    return Admission("wait", f"{holders}{more}; position {position}")


def replacer(run: RunView, lock: Lock | None, state: LockState) -> RunView | None:
    """Return the waiting run that takes a holder's or older waiter's place by the policy Replace, None for nobody.

    A newcomer ends every older waiter, and as many holders as it needs to enter, the least and oldest first; never one of a higher
    priority. Where those alone leave no room for it, it waits and ends no holder.
    """
    entered = run.status.start_time is not None
    newcomers = [
        one
        for one in state.waiters
        if one.meta.uid in state.replacing
        and one.meta.uid != run.meta.uid
        and (entered or _age(one) > _age(run))
        and one.spec.priority >= run.spec.priority
    ]
    if lock is None or not entered:
        return max(newcomers, key=_age, default=None)
    newest = max(newcomers, key=lambda one: (one.spec.priority, _age(one)), default=None)
    if newest is None:
        return None
    held = [run, *state.holders]
    sizes = [lock.max_active, state.max_active, state.replacing[newest.meta.uid]]
    room = min(size for size in sizes if size is not None) - 1
    stronger = sum(one.spec.priority > newest.spec.priority for one in (*held, *state.waiters))
    weaker = sorted(
        (one for one in held if one.spec.priority <= newest.spec.priority),
        key=lambda one: (one.spec.priority, _age(one)),
    )
    if stronger > room:
        return None
    over = stronger + len(weaker) + len(state.orphans) - room
    return newest if run.meta.uid in {one.meta.uid for one in weaker[: max(over, 0)]} else None


def _age(run: RunView) -> tuple[datetime, str]:
    """Order runs by creation, then name, as waiting runs are."""
    return run.meta.created_at, run.meta.name
