"""Making a child run, the same for `run`, `fork` and items: its definition, its params, its request (§1.1)."""

from collections.abc import Mapping
from datetime import timedelta

from brood.api.base import checked_text, is_integer
from brood.api.jobrun import RunDefinitionRef
from brood.api.names import object_name
from brood.api.reasons import TaskReason
from brood.api.task import ChildCall
from brood.engine import rerun
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.snapshot import DefinitionProblem
from brood.templating import Context, TemplateError, compile_template, is_template
from brood.views import ChildRequest, DefinitionView

Value = str | int
Target = tuple[RunDefinitionRef, DefinitionView | None]
"""The definition that a child follows; with its view where its revision may not be stored yet."""

DEFINITION_WAIT_SECONDS = 30
"""How long a task waits for a definition that is missing or ambiguous."""


class DefinitionMissing(Exception):
    """A definition that did not appear in time; the message names it."""

    def __init__(self, reason: TaskReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def resolve(draft: Draft, node: Node) -> Target | None:
    """Find the definition of a task's children; None where the task waits for it, which its row says.

    "It is resolved before the child is created: a task whose definition is missing or ambiguous waits 30 s, then fails" (§1.1).

    Raises
    ------
    DefinitionMissing
        After that time.
    """
    found = _find(draft, node)
    row = draft.row(node)
    waits = (
        row.waiting_since is not None and row.next_attempt_time is None
    )  # else it waits for the server to take a child
    if found is None:
        return None
    if not isinstance(found, DefinitionProblem):
        if waits:
            draft.set(node, waiting_since=None)
        return found
    since = row.waiting_since if waits and row.waiting_since is not None else draft.now
    over = since + timedelta(seconds=DEFINITION_WAIT_SECONDS)
    if draft.now >= over:
        ambiguous = found.reason == TaskReason.AMBIGUOUS_DEFINITION
        reason = TaskReason.AMBIGUOUS_DEFINITION if ambiguous else TaskReason.DEFINITION_NOT_FOUND
        raise DefinitionMissing(reason, found.message)
    draft.set(node, waiting_since=since, next_attempt_time=None)
    draft.say(node, found.reason, found.message)
    draft.wake(over)
    return None


def _find(draft: Draft, node: Node) -> Target | DefinitionProblem | None:
    call, graph = node.task.run or node.task.fork, draft.graph
    if call is None:  # a container body with `parallel`: an implicit definition of one task
        ref = RunDefinitionRef(name=graph.definition, local=graph.local, task=node.name, revision=graph.revision)
        return ref, None
    name = call.definition_ref.name
    if name is not None and graph.spec.local(name) is not None:
        return RunDefinitionRef(name=graph.definition, local=name, revision=graph.revision), None
    if draft.snapshot.definitions is None:
        return None
    found = draft.snapshot.definitions.resolve(call.definition_ref)
    if isinstance(found, DefinitionProblem):
        return found
    return RunDefinitionRef(name=found.meta.name, revision=found.revision), found


def call_params(call: ChildCall, ctx: Context, *, field: str) -> dict[str, Value]:
    """Render the `params` of a body: text, or an integer where the value is one whole expression that gives one.

    Raises
    ------
    TemplateError
        If one cannot be rendered, or to more than a param may hold.
    """
    params: dict[str, Value] = {}
    for name, value in call.params.items():
        if not isinstance(value, str) or not is_template(value):
            params[name] = value
            continue
        where = f"{field}.params.{name}"
        template = compile_template(value, field=where)
        rendered = template.render(ctx, field=where)
        try:
            params[name] = rendered if is_integer(rendered) else checked_text(template.render_text(ctx, field=where))
        except ValueError as error:
            raise TemplateError(str(error), field=where) from None
    return params


def child_request(
    draft: Draft,
    node: Node,
    target: Target,
    params: Mapping[str, Value],
    *,
    attempt: int,
    index: int | None = None,
    item: str | None = None,
) -> ChildRequest:
    """Return the request of one child run."""
    run = draft.run
    return ChildRequest(
        namespace=run.meta.namespace,
        name=object_name(run.meta.name, run.meta.uid, task=node.name, index=index, attempt=attempt),
        parent=run.meta.name,
        parent_uid=run.meta.uid,
        root=run.root,
        task=node.name,
        index=index,
        attempt=attempt,
        definition_ref=target[0],
        params=params,
        definition=target[1],
        item=item,
        priority=run.spec.priority,
        rerun_of=rerun.child_of(draft, node, target[0], params, item),
    )
