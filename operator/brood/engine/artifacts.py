"""Files between tasks: the volume of the root run, the directory of each attempt, and what `artifactsFrom` brings (§2.3)."""

import json
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from brood.api.jobdefinition import AccessMode, Artifacts
from brood.api.names import object_name
from brood.api.reasons import WaitingReason
from brood.api.status import ArtifactFile, TaskStatus
from brood.api.task import Keep
from brood.engine.draft import Draft, LostValues
from brood.engine.flatview import collisions
from brood.engine.graph import Body, Node
from brood.engine.scope import Scope, files_of
from brood.layout import VolumeUse
from brood.templating import TemplateError
from brood.views import Artifact, ArtifactRule, ArtifactSource, ClaimRequest, RunView

DEFAULT_STORAGE = "1Gi"

_TIED = ("pod affinity rules", "volume node affinity conflict", "exceed max volume count")
"""The scheduler's words of nodes that are out because the volume is on another, or takes no further one."""

_SHOWN = 5


def claim_name(draft: Draft) -> str:
    """Return the claim of the tree: the root's own, or the one that its definition names."""
    wanted = draft.snapshot.artifacts
    if wanted is not None and wanted.claim_name:
        return wanted.claim_name
    if draft.snapshot.claim is not None:
        return draft.snapshot.claim.meta.name  # of a rerun, that of the run before
    root = _root(draft)
    return object_name(root.meta.name, root.meta.uid, task="artifacts", index=None, attempt=1)


def directory(run: RunView, task: str, attempt: int) -> str:
    """Return the directory of one attempt, relative to the volume.

    The uid is part of it because a claim of the user's own outlives runs, whose names may come again.
    """
    return f"{run.meta.name}.{run.meta.uid[:8]}/{task}/{attempt}"


def directory_of(run: RunView, row: TaskStatus) -> str:
    """Return the directory of the attempt whose files a row counts."""
    return row.taken_over or directory(run, row.name, row.attempt)


def uses_volume(node: Node) -> bool:
    """Whether a task needs the volume."""
    return node.task.artifacts is not None or bool(node.task.artifacts_from)


def volume(draft: Draft, node: Node, attempt: int) -> VolumeUse | None:
    """Return the volume of a task's Pod; asks for the claim where the tree has none yet.

    "made when the first task of the tree needs it, mounted in every Pod made after": what a script is given of another
    task may be a URL on it.
    """
    if not (uses_volume(node) or _there(draft)):
        return None
    ask(draft)
    place = f"handlers/{node.name}" if node.handler else node.name
    return VolumeUse(
        claim=claim_name(draft), directory=directory(draft.run, place, attempt), single_node=_is_single_node(draft)
    )


def ask(draft: Draft) -> None:
    """Ask for the claim where the tree has none yet."""
    wanted = draft.snapshot.artifacts or Artifacts()
    root = _root(draft)
    if wanted.claim_name is None and draft.snapshot.claim is None and draft.claim is None:
        draft.claim = ClaimRequest(
            namespace=root.meta.namespace,
            name=claim_name(draft),
            root=root.meta.name,
            root_uid=root.meta.uid,
            storage=wanted.storage or DEFAULT_STORAGE,
            storage_class=wanted.storage_class_name,
            access_modes=tuple(wanted.access_modes),
        )


def _there(draft: Draft) -> bool:
    """Whether the tree has a volume already; one that is going is only for those who need it, and tells them so."""
    if draft.snapshot.artifacts is not None and draft.snapshot.artifacts.claim_name is not None:
        return True
    return draft.snapshot.claim is not None and not draft.snapshot.claim.meta.deleting


def waits_for_volume(draft: Draft, node: Node, message: str) -> bool:
    """Whether a Pod that finds no node may lack its volume, by the scheduler's words where the task does not need one."""
    return uses_volume(node) or claim_name(draft) in message


def no_node(draft: Draft, node: Node, message: str) -> tuple[str, str]:
    """Say why a Pod finds no node, by the scheduler's words: for its volume, or for the one node that volume is on."""
    claim = draft.snapshot.claim
    if claim is None:
        wanted = draft.snapshot.artifacts
        if wanted is not None and wanted.claim_name is not None and waits_for_volume(draft, node, message):
            return WaitingReason.ARTIFACT_VOLUME_PENDING, f"claim {wanted.claim_name} does not exist"
        return WaitingReason.UNSCHEDULABLE, message
    unbound = waits_for_volume(draft, node, message) or "PersistentVolumeClaim" in message
    if claim.phase != "Bound" and unbound:
        return WaitingReason.ARTIFACT_VOLUME_PENDING, claim.message or f"claim {claim.meta.name} is {claim.phase}"
    tied = _is_single_node(draft) and any(words in message for words in _TIED)
    return WaitingReason.ARTIFACT_VOLUME_NODE_FULL if tied else WaitingReason.UNSCHEDULABLE, message


def _is_single_node(draft: Draft) -> bool:
    claim, wanted = draft.snapshot.claim, draft.snapshot.artifacts or Artifacts()
    given = claim if wanted.claim_name is not None else None
    return AccessMode.READ_WRITE_MANY not in (wanted.access_modes if given is None else given.access_modes)


def lost_volume(draft: Draft, node: Node, message: str) -> str:
    """Say that a Pod which has not started never will, because somebody deletes the volume of its tree; or nothing.

    Ended Pods of the tree, which are kept, hold such a claim back for as long as the run is there.
    """
    claim = draft.snapshot.claim
    if claim is None or not claim.meta.deleting or not waits_for_volume(draft, node, message):
        return ""
    return f"claim {claim.meta.name} is being deleted, and the artifacts with it"


def rule(node: Node, paths: Iterable[str]) -> ArtifactRule | None:
    """Return what is kept of a task's files.

    Raises
    ------
    TemplateError
        If a rendered path is absolute, leaves the working directory, or is empty.
    """
    if node.task.artifacts is None:
        return None
    for at, path in enumerate(rendered := tuple(paths)):
        if not path or path.startswith("/") or ".." in path.split("/"):
            msg = f"{path!r} is no path below the working directory"
            raise TemplateError(msg, field=f"tasks[{node.name}].artifacts.paths[{at}]")
    return ArtifactRule(paths=rendered, keep=str(node.task.artifacts.keep))


def keep(draft: Draft, node: Node, kept: Iterable[Artifact]) -> None:
    """Record the files that an attempt left."""
    row = draft.row(node)
    place = f"file://{posixpath.join(draft.snapshot.volume_root, directory(draft.run, node.name, row.attempt))}"
    files = [ArtifactFile(task=node.name, path=one.path, size=one.size, url=f"{place}/{one.path}") for one in kept]
    draft.new_files.extend(files)
    draft.set(node, artifacts=len(files))


def sources(draft: Draft, scope: Scope, node: Node) -> tuple[ArtifactSource, ...]:
    """Return what is put into the working directory for `artifactsFrom`, in the order of that list.

    A task's own files come at their own paths. Of an `await`, `run` or parallel task, those of the children come as
    ``<fork task>[.<index>]/<task>/<path>``, and also flat where only one child has that path; a collision is left out of the flat
    view and told in a Warning event.
    """
    found: list[ArtifactSource] = []
    for name in node.task.artifacts_from:
        origin = scope.graph.node(name)
        row = scope.rows.get(name)
        if origin is None or row is None:
            continue
        if origin.body in {Body.CONTAINER, Body.JUNCTION} and origin.task.parallel is None:
            if row.artifacts:
                run = draft.run if scope.graph is draft.graph else (draft.snapshot.parent or draft.run)
                found.append(ArtifactSource(directory_of(run, row)))
            continue
        found.extend(_of_children(draft, scope, origin))
    return tuple(found)


def _of_children(draft: Draft, scope: Scope, origin: Node) -> Iterator[ArtifactSource]:
    forks = [scope.graph.nodes[at] for at in origin.wait_forks] if origin.body is Body.AWAIT else [origin]
    kept = [
        (prefix, child, row)
        for fork in forks
        for prefix, child in _children(draft, scope, fork)
        for row in child.status.tasks
        if row.artifacts
    ]
    for prefix, child, row in kept:
        yield ArtifactSource(directory_of(child, row), f"{prefix}/{row.name}")
    children = {child.meta.uid: child for _, child, _ in kept}
    left_out = collisions(
        {uid: [one.path for one in files_of(draft, child)] for uid, child in children.items()},
        directories=(prefix for prefix, _, _ in kept),
    )
    if left_out and scope.graph is draft.graph:  # else each item's run would say so
        shown = ", ".join(sorted(left_out)[:_SHOWN])
        more = f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        draft.event(
            "ArtifactCollision",
            f"files of children of {origin.name} collide: {shown}{more}: not in the flat view, see the children's own directories",
            warning=True,
        )
    for _, child, row in kept:
        files = (one.path for one in files_of(draft, child) if one.task == row.name)
        paths = tuple(path for path in files if path not in left_out)
        if paths:
            yield ArtifactSource(directory_of(child, row), "", paths)


def _children(draft: Draft, scope: Scope, fork: Node) -> Iterator[tuple[str, RunView]]:
    """Yield (directory, child) of the last child of a task, or of each of its items in order."""
    snapshot = draft.snapshot
    children = snapshot.children if scope.graph is draft.graph else snapshot.siblings
    newest: dict[int, RunView] = {}
    for child in children.all(fork.name):
        index = -1 if child.index is None else child.index
        if index not in newest or newest[index].attempt < child.attempt:
            newest[index] = child
    for index in sorted(newest):
        yield (fork.name if index < 0 else f"{fork.name}.{index}"), newest[index]


def kept_of_failed(node: Node) -> bool:
    """Whether a failed task keeps files: with `OnSuccess` it has none, even if its script ended well."""
    return node.task.artifacts is not None and node.task.artifacts.keep is not Keep.ON_SUCCESS


def all_files(draft: Draft) -> list[ArtifactFile]:
    """Return all files of this run, those that this plan records among them."""
    try:
        known = files_of(draft, draft.run)
    except LostValues:  # of what the list held, the status has the first
        known = list(draft.run.status.artifacts.files) if draft.run.status.artifacts is not None else []
    return [*known, *draft.new_files]


def write_list(files: Iterable[ArtifactFile]) -> str:
    """Return all files as JSON."""
    return json.dumps([asdict(one) for one in files], ensure_ascii=False, separators=(",", ":"))


def _root(draft: Draft) -> RunView:
    return draft.snapshot.root or draft.run
