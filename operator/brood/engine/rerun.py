"""`rerunOf`: what succeeded in an ended run is taken over, and the rest is run (§2, §4).

A task with a container of its own is taken over as a row, with its outputs and its files. Everything else has children: each of
them, of a `run`, a `fork` or an item, names the child that the earlier run made for it with the same final params. One that
succeeded is taken over whole (`engine.rerunwhole`); one that did not is rerun in its turn.
"""

from collections.abc import Mapping

from brood.api.jobrun import RunDefinitionRef
from brood.api.phases import TaskPhase
from brood.api.status import JobRunStatus, OutputRef
from brood.engine import artifacts, outputs
from brood.engine.children import GOOD
from brood.engine.draft import Draft, LostValues, NeedsValues
from brood.engine.graph import Body, Graph, Node
from brood.engine.params import differing_params
from brood.engine.retention import keeps_files
from brood.engine.scope import files_of
from brood.engine.snapshot import ChildIndex, Previous, Snapshot
from brood.views import ClaimView, RunView

Value = str | int
_Key = tuple[tuple[tuple[str, str], ...], str | None]


def refusal(snapshot: Snapshot, graph: Graph) -> str:
    """Say why a root run cannot take over from the run that it names; "" where it can, or names none."""
    run, wanted = snapshot.run, snapshot.run.spec.rerun_of
    if wanted is None or not run.is_root or snapshot.pods:
        return ""
    old = None if snapshot.previous is None else snapshot.previous.run
    if old is None or old.meta.deleting:
        return f"rerunOf: there is no run {wanted.name}"
    if not old.is_root:
        return f"rerunOf: {wanted.name} is a child run; rerun its root, {old.root}"
    if not old.status.finished:
        return f"rerunOf: {wanted.name} has not ended"
    if old.status.revision is None:
        return f"rerunOf: {wanted.name} never started"
    if old.status.revision != graph.revision:
        return f"rerunOf: {wanted.name} followed revision {old.status.revision}, this run would follow {graph.revision}"
    problem = differing_params(graph.params, (run.spec.params, old.spec.params), wanted.name)
    return f"rerunOf: {problem}" if problem else ""


def source(snapshot: Snapshot) -> Previous | None:
    """Return the ended run to take over from, as long as it is there.

    One that ended after this run had begun is another, which was given the name.
    """
    run, previous = snapshot.run, snapshot.previous
    old = None if previous is None else previous.run
    if old is None or old.meta.deleting or not old.status.finished or old.is_root != run.is_root:
        return None
    began, ended = run.status.start_time, old.status.completion_time
    return None if began is not None and ended is not None and ended > began else previous


def claim_to_share(snapshot: Snapshot) -> ClaimView | None:
    """Return the claim of the earlier run, if its files are kept and this run is not among its owners yet."""
    previous = source(snapshot)
    claim = None if previous is None else previous.claim
    if previous is None or claim is None or not claim.made or claim.meta.deleting or snapshot.claim is not None:
        return None
    return claim if keeps_files(snapshot.artifacts, previous.run) else None


def files_are_there(snapshot: Snapshot, old: RunView) -> bool:
    """Whether the files of an earlier run, if it has any, lie on the volume of this one's tree."""
    kept, claim = old.status.artifacts, snapshot.claim
    if kept is None:
        return True
    return claim is not None and not claim.meta.deleting and kept.claim_name == claim.meta.name


def take_over(draft: Draft, node: Node) -> bool:
    """End a container task that would start with the result that it had; False where it has to run.

    The row stays as it is, and says why, where what it would record cannot be stored now.
    """
    previous = _source(draft)
    if previous is None or node.body is not Body.CONTAINER or node.is_parallel or draft.row(node).attempt:
        return False
    old = previous.run
    row = next((row for row in old.status.tasks if row.name == node.name), None)
    if row is None or row.phase is not TaskPhase.SUCCEEDED:
        return False
    if row.artifacts and not files_are_there(draft.snapshot, old):
        return False
    try:
        written = {**row.outputs, **draft.values(row.output_refs)}
        declared = _output(draft, old, node.task.output or "")
        files = [one for one in files_of(draft, old) if one.task == node.name] if row.artifacts else []
        outputs.record(draft, node, declared, written)
    except NeedsValues:
        raise NeedsValues(large_values(old.status)) from None  # all at once, not a plan for each task
    except (LostValues, outputs.CannotKeep):
        return False
    except outputs.NotNow:
        return True
    draft.new_files.extend(files)
    draft.end(
        node, TaskPhase.SUCCEEDED, message=f"taken over from {old.meta.name}", start_time=draft.now, exit_code=row.exit_code,
        artifacts=row.artifacts, taken_over=artifacts.directory_of(old, row),
    )  # fmt: skip
    return True


def large_values(status: JobRunStatus) -> tuple[tuple[str, str], ...]:
    """Return the places, (ConfigMap, key), of all that a status does not hold itself."""
    refs = [ref for row in status.tasks for ref in row.output_refs.values()]
    refs += status.output_refs.values()
    if status.artifacts is not None and status.artifacts.list_ref is not None:
        refs.append(status.artifacts.list_ref)
    return tuple(dict.fromkeys((ref.config_map, ref.key) for ref in refs))


def _output(draft: Draft, old: RunView, name: str) -> str | None:
    ref: OutputRef | None = old.status.output_refs.get(name)
    return old.status.outputs.get(name) if ref is None else draft.values({name: ref})[name]


def child_of(
    draft: Draft, node: Node, ref: RunDefinitionRef, params: Mapping[str, Value], item: str | None
) -> str | None:
    """Return the name of the earlier run's child that a new one takes over from, if there is one with the same final params."""
    previous = _source(draft)
    if previous is None:
        return None
    key = _key(params, item)
    for child in _candidates(draft, node, previous.children, key):
        same = (ref.name, ref.local, ref.revision) == _definition(child) and ref.task is None
        if succeeded(draft.snapshot, child) or (child.status.finished and same):
            return child.meta.name
    return None


def succeeded(snapshot: Snapshot, old: RunView) -> bool:
    """Whether a child of an earlier run can be taken over whole."""
    return old.status.finished and old.status.phase in GOOD and not old.meta.deleting and files_are_there(snapshot, old)


def _source(draft: Draft) -> Previous | None:
    """Return the run to take over from, where its tasks are those of this run."""
    previous, run = source(draft.snapshot), draft.run
    if previous is None or draft.graph.implicit or previous.run.status.revision != draft.graph.revision:
        return None
    return previous if previous.run.spec.definition_ref.local == run.spec.definition_ref.local else None


def _definition(child: RunView) -> tuple[str | None, str | None, str | None]:
    ref = child.spec.definition_ref
    return ref.name, ref.local, child.status.revision


def _candidates(draft: Draft, node: Node, children: ChildIndex, key: _Key) -> tuple[RunView, ...]:
    """Return the newest child of a task, or of the item, that had these final params; found once a task, not once an item."""
    memo, name = draft.snapshot.memo, ("rerun", node.name)
    found = memo.get(name)
    if not isinstance(found, dict):
        found = memo[name] = {_key_of(child): child.index for child in children.all(node.name)}
    if key not in found:
        return ()
    newest = children.of(node.name, found[key])[-1:]
    return tuple(child for child in newest if _key_of(child) == key)


def _key_of(child: RunView) -> _Key:
    return _key(child.spec.params, child.spec.parent_ref.item if child.spec.parent_ref else None)


def _key(params: Mapping[str, Value], item: str | None) -> _Key:
    return tuple(sorted((name, str(value)) for name, value in params.items())), item
