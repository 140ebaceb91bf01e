"""The Pod of the next attempt of a container task or handler: when it may be asked for, and with what (§1.1, §1.4)."""

from collections.abc import Mapping

from pydantic import JsonValue

from brood.api.names import pod_name
from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason
from brood.engine import artifacts, refusals
from brood.engine.continueon import end_failed
from brood.engine.deadline import remaining_seconds
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.render import merged_env, not_set_by, render_container, render_env, text_list
from brood.engine.scope import Scope, context, env_context, pod_scope, upstream_outputs
from brood.engine.slots import blocked, pool_names, volume_blocked
from brood.engine.timeout import handler_seconds
from brood.templating import Context, TemplateError
from brood.views import PodRequest


def start(draft: Draft, node: Node) -> bool:
    """Ask for the next attempt's Pod; False where the task ended or waits instead."""
    attempt = draft.row(node).attempt + 1
    run = draft.run.meta
    name = pod_name(run.name, run.uid, task=node.name, handler=node.handler, attempt=attempt)
    if refusals.refused(draft, node, name):
        return False
    claim = draft.claim  # of a Pod that was asked for before; this one may ask for it too
    try:
        request = _request(draft, node, attempt, name)
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    if draft.claim is not None and refusals.refused(draft, node, draft.claim.name):
        draft.claim = None
        return False
    held = blocked(draft, name, request.pools) or (volume_blocked(draft, draft.claim.name) if draft.claim else None)
    if held is not None:
        draft.claim = claim
        draft.wait(node, *held)
        draft.waits_for_slots = True
        return False
    draft.pods.append(request)
    draft.set(
        node, phase=TaskPhase.PENDING, attempt=attempt, pod_name=name, exit_code=None, reason="", message="",
        next_attempt_time=None, waiting_since=None,
    )  # fmt: skip
    return True


def _request(draft: Draft, node: Node, attempt: int, name: str) -> PodRequest:
    scope, origin = pod_scope(draft)
    task, run = node.task, draft.run
    ctx, field = context(scope), _field(node)
    small, large = upstream_outputs(scope, None if node.handler else (origin or node))
    paths = text_list(task.artifacts.paths if task.artifacts else (), ctx, field=f"{field}.artifacts.paths")
    parent = run.spec.parent_ref
    return PodRequest(
        namespace=run.meta.namespace,
        name=name,
        run=run.meta.name,
        run_uid=run.meta.uid,
        root=run.root,
        root_uid=(draft.snapshot.root or run).meta.uid,
        definition=draft.graph.definition,
        task=node.name,
        handler=node.handler,
        index=run.index,
        attempt=attempt,
        container=render_container(task.container or {}, ctx, field=f"{field}.container"),
        script=task.script,
        env=_env(node, scope, ctx),
        params=tuple((key, str(value)) for key, value in scope.params.items()),
        outputs=tuple(small.items()),
        output_refs=large,
        capture_stdout=task.output is not None,
        item=parent.item if draft.graph.implicit and parent else None,
        positional=_positional(draft),
        item_attempt=run.attempt if draft.graph.implicit else None,
        timeout_seconds=_seconds(draft, node),
        artifacts=artifacts.rule(node, paths),
        artifact_sources=artifacts.sources(draft, scope, origin or node) if not node.handler else (),
        volume=artifacts.volume(draft, node, attempt),
        pod_template=task.pod_template,
        lock=draft.lock_label,
        pools=pool_names(task.pools, ctx, field=f"{field}.pools"),
        inputs_of=(parent.name, parent.uid) if origin and parent else None,
        own_params=frozenset(run.spec.params or ()) if origin else frozenset(),
    )


def _env(node: Node, scope: Scope, ctx: Context) -> tuple[Mapping[str, JsonValue], ...]:
    """Return the env of the definition and that of the task, the nearer one for each name."""
    task, field = node.task, _field(node)
    definitions = render_env(not_set_by(task.container, scope.graph.env), env_context(scope), field=field)
    return merged_env(definitions, render_env(task.env, ctx, field=field))


def _field(node: Node) -> str:
    return f"handlers.{node.name}" if node.handler else f"tasks[{node.name}]"


def _seconds(draft: Draft, node: Node) -> int | None:
    """Return the time that the Pod gets: the task's, and no more than is left of the run's."""
    if node.handler:
        return handler_seconds(node)
    limits = [one for one in (node.task.timeout_seconds, remaining_seconds(draft)) if one is not None]
    return min(limits, default=None)


def _positional(draft: Draft) -> tuple[str, ...] | None:
    """Return `$1` where it is the item itself, not a declared param."""
    parent = draft.run.spec.parent_ref
    if parent is None or parent.item is None:
        return None
    if draft.graph.implicit:
        return None if draft.run.spec.params else (parent.item,)
    return None if draft.graph.params else (parent.item,)
