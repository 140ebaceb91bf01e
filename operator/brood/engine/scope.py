"""What names mean in the templates and the environment of one run's tasks.

A run sees its own params, rows and outputs. The child run of a container body with `parallel` is an implicit definition: it sees
those of its parent, with the item's keys over the params (§4).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from brood.api.jobrun import RunDefinitionRef
from brood.api.status import ArtifactFile, OutputRef, TaskStatus
from brood.engine.draft import Draft
from brood.engine.graph import Graph, Node
from brood.engine.params import resolve
from brood.templating import Context, OutputText
from brood.views import RunView

Value = str | int


@dataclass(frozen=True, slots=True)
class Scope:
    """The data of one run, own or the parent's."""

    draft: Draft
    graph: Graph
    run: RunView
    params: Mapping[str, Value]
    rows: Mapping[str, TaskStatus]
    outputs: Mapping[str, str]
    output_refs: Mapping[str, OutputRef]
    files: Callable[[], Sequence[ArtifactFile]]  # a long list is read from a ConfigMap, where somebody asks for it


def own_scope(draft: Draft) -> Scope:
    """Return what the run's own templates see (live: rows change while the draft does)."""
    return Scope(
        draft,
        draft.graph,
        draft.run,
        draft.params,
        _Rows(draft),
        draft.outputs,
        draft.output_refs,
        lambda: [*files_of(draft, draft.run), *draft.new_files],
    )


def pod_scope(draft: Draft) -> tuple[Scope, Node | None]:
    """Return what the Pods of this run see, and for an implicit definition the parent's node that it comes from."""
    parent, definitions = draft.snapshot.parent, draft.snapshot.definitions
    if not draft.graph.implicit or parent is None or definitions is None:
        return own_scope(draft), None
    graph = parent_graph(draft)
    if graph is None:
        return own_scope(draft), None
    kept = parent
    params = {**resolve(graph.params, parent.spec.params or {}), **draft.params}
    rows = {row.name: row for row in parent.status.tasks}
    scope = Scope(
        draft,
        graph,
        draft.run,
        params,
        rows,
        parent.status.outputs,
        parent.status.output_refs,
        lambda: files_of(draft, kept),
    )
    return scope, graph.node(draft.graph.nodes[0].name)


def parent_graph(draft: Draft) -> Graph | None:
    """Return the compiled graph of the parent run."""
    parent, definitions = draft.snapshot.parent, draft.snapshot.definitions
    if parent is None or definitions is None:
        return None
    ref = parent.spec.definition_ref
    pinned = RunDefinitionRef(name=ref.name or draft.graph.definition, local=ref.local, revision=parent.status.revision)
    return definitions.graph(pinned)


def context(scope: Scope) -> Context:
    """Return the context of templates in that scope."""
    run = scope.run
    return Context(
        params=scope.params,
        run={"name": run.meta.name, "namespace": run.meta.namespace, "uid": run.meta.uid, "root": run.root},
        tasks=_Tasks(scope),
        outputs=_Outputs(scope),
    )


def env_context(scope: Scope) -> Context:
    """Return the context of the definition's `env`.

    "Local definitions inherit `env` and `taskDefaults`, not `params`" (§1): what an inherited value names of the params around is that
    of the run which follows the definition itself, if the local one has no param of that name.
    """
    graph, around = scope.graph, scope.draft.snapshot.around
    if graph.local is None or around is None:
        return context(scope)
    return context(replace(scope, params={**resolve(graph.spec.params, around.spec.params or {}), **scope.params}))


def upstream_outputs(scope: Scope, node: Node | None) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return the outputs that a Pod gets: small ones by value, large ones by (ConfigMap, key).

    All of a handler's run (``node`` None), else those of the tasks before the node that ended; of equal names the later task in the
    list wins.
    """
    nodes = scope.graph.nodes if node is None else [scope.graph.nodes[at] for at in node.upstream]
    found: dict[str, str | OutputRef] = {}
    outputs, refs = scope.outputs, scope.output_refs
    for one in nodes:
        row, own = scope.rows.get(one.name), one.task.output
        if row is not None and (row.outputs or row.output_refs):
            found.update(row.outputs)
            found.update(row.output_refs)
        if own is not None and own in outputs:
            found[own] = outputs[own]
        elif own is not None and own in refs:
            found[own] = refs[own]
    small = {name: value for name, value in found.items() if isinstance(value, str)}
    large = {name: (value.config_map, value.key) for name, value in found.items() if not isinstance(value, str)}
    return small, large


class _Rows(Mapping[str, TaskStatus]):
    """Rows by task name, without copying them."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __getitem__(self, name: str) -> TaskStatus:
        return self._draft.rows[self._draft.graph.positions[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._draft.graph.positions)

    def __len__(self) -> int:
        return len(self._draft.graph.positions)


class _Outputs(Mapping[str, OutputText]):
    """Declared outputs by name; a large one is asked for only when a template names it."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def _names(self) -> list[str]:
        return [
            name for name in self._scope.graph.outputs if name in self._scope.outputs or name in self._scope.output_refs
        ]

    def __contains__(self, name: object) -> bool:
        return name in self._scope.graph.outputs and (name in self._scope.outputs or name in self._scope.output_refs)

    def __getitem__(self, name: str) -> OutputText:
        return _text(self._scope, name, self._scope.outputs, self._scope.output_refs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


class _Tasks(Mapping[str, Mapping[str, object]]):
    """What `tasks["name"]` gives."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __contains__(self, name: object) -> bool:
        return name in self._scope.graph.positions

    def __getitem__(self, name: str) -> Mapping[str, object]:
        if name not in self._scope.graph.positions:
            raise KeyError(name)
        return _Task(self._scope, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope.graph.positions)

    def __len__(self) -> int:
        return len(self._scope.graph.positions)


class _Task(Mapping[str, object]):
    """One task's `phase exitCode output outputs artifacts`; what it does not have is absent."""

    def __init__(self, scope: Scope, name: str) -> None:
        self._scope, self._row = scope, scope.rows.get(name) or TaskStatus(name=name)
        node = scope.graph.node(name)
        self._output = node.task.output if node else None

    def __getitem__(self, field: str) -> object:
        row, scope = self._row, self._scope
        match field:
            case "phase":
                return str(row.phase)
            case "exitCode" if row.exit_code is not None:
                return row.exit_code
            case "output" if self._output and (self._output in scope.outputs or self._output in scope.output_refs):
                return _text(scope, self._output, scope.outputs, scope.output_refs)
            case "outputs":
                return _Written(scope, row)
            case "artifacts":
                return [{"url": one.url, "path": one.path, "size": one.size} for one in task_files(scope, row)]
        raise KeyError(field)

    def __iter__(self) -> Iterator[str]:
        return iter(["phase", "outputs", "artifacts", *(name for name in ("exitCode", "output") if name in self)])

    def __contains__(self, field: object) -> bool:
        if field in {"phase", "outputs", "artifacts"}:
            return True
        if field == "exitCode":
            return self._row.exit_code is not None
        output = self._output
        return (
            field == "output"
            and output is not None
            and (output in self._scope.outputs or output in self._scope.output_refs)
        )

    def __len__(self) -> int:
        return len(list(iter(self)))


class _Written(Mapping[str, str]):
    """What a task wrote to `$BROOD_OUTPUT`."""

    def __init__(self, scope: Scope, row: TaskStatus) -> None:
        self._scope, self._row = scope, row

    def __getitem__(self, name: str) -> str:
        return _text(self._scope, name, self._row.outputs, self._row.output_refs).text

    def __iter__(self) -> Iterator[str]:
        return iter({**self._row.outputs, **self._row.output_refs})

    def __len__(self) -> int:
        return len({**self._row.outputs, **self._row.output_refs})


def task_files(scope: Scope, row: TaskStatus) -> list[ArtifactFile]:
    """Return the kept files of a task in the order in which its `paths` list them."""
    return [one for one in scope.files() if one.task == row.name]


def _text(scope: Scope, name: str, small: Mapping[str, str], large: Mapping[str, OutputRef]) -> OutputText:
    if name in small:
        text = small[name]
    elif name in large:
        text = scope.draft.values({name: large[name]})[name]
    else:
        raise KeyError(name)
    memo = scope.draft.snapshot.memo
    key = ("text", scope.run.meta.uid if scope.graph is scope.draft.graph else "parent", name, id(text))
    known = memo.get(key)
    if isinstance(known, OutputText) and known.text is text:
        return known
    made = OutputText(text)
    memo[key] = made
    return made


def files_of(draft: Draft, run: RunView) -> list[ArtifactFile]:
    """Return all files that a run's tasks kept, read from the list's ConfigMap where the status holds only the first 100."""
    kept = run.status.artifacts
    if kept is None:
        return []
    if kept.list_ref is None:
        return list(kept.files)
    return read_list(draft.values({"list": kept.list_ref})["list"])


def read_list(text: str) -> list[ArtifactFile]:
    """Read the list that `write_list` wrote."""
    return [ArtifactFile(**one) for one in json.loads(text)]
