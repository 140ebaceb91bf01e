"""Paths such as ``tasks["split"].artifacts[0].url``: what they begin with is known before anything runs.

"every task that a template of this task names" makes an edge (contract, section 1.2), so the names of tasks, outputs
and params are written out: a bracket with an expression in it is refused behind these, and allowed further on.
"""

from collections.abc import Callable, Sequence
from typing import Final

from brood.templating.access import member, section
from brood.templating.context import ROOTS, RUN_FIELDS, TASK_FIELDS, Context
from brood.templating.errors import ExpressionError, absent
from brood.templating.limits import Budget
from brood.templating.references import References

_OUTPUT_KEY = 2  # tasks.TASK.outputs.NAME


class Scope(Budget):
    """One rendering: the context, and the work that is left."""

    __slots__ = ("context",)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context: Final = context


Step = Callable[[Scope], object]
"""A compiled expression; gives a JSON value, an `OutputText`, or `Missing`."""


class Names:
    """Collects what an expression names."""

    def __init__(self) -> None:
        self.params: set[str] = set()
        self.outputs: set[str] = set()
        self.details: set[tuple[str, str]] = set()
        self.roots: set[str] = set()

    def references(self) -> References:
        """Return what was collected."""
        return References(
            params=frozenset(self.params),
            tasks=frozenset(task for task, _ in self.details),
            outputs=frozenset(self.outputs),
            item="item" in self.roots,
            index="index" in self.roots,
            run="run" in self.roots,
            details=frozenset(self.details),
        )


def root_step(root: str, keys: Sequence[str | None], names: Names) -> tuple[Step, int, str]:
    """Compile the beginning of a path.

    Parameters
    ----------
    root
        The name that it begins with.
    keys
        The keys that follow, None for one that is not text written out.
    names
        Takes what the path names.

    Returns
    -------
    tuple
        The step, how many of `keys` are used up by it, and how that part is written.
    """
    if root not in ROOTS:
        raise ExpressionError(absent("an expression", root, ROOTS).replace("has no", "cannot use", 1))
    names.roots.add(root)
    if root == "item":
        return (lambda scope: scope.context.item_value()), 0, root
    if root == "index":
        return (lambda scope: scope.context.item_index()), 0, root
    key = _written_key(root, keys)
    path = f"{root}.{key}"
    if root == "params":
        names.params.add(key)
        return (lambda scope: scope.context.param(key)), 1, path
    if root == "outputs":
        names.outputs.add(key)
        return (lambda scope: scope.context.output(key)), 1, path
    if root == "run":
        if key not in RUN_FIELDS:
            raise ExpressionError(absent("run", key, RUN_FIELDS))
        return (lambda scope: scope.context.run_field(key)), 1, path
    field = _task_field(key, keys)
    output = keys[_OUTPUT_KEY] if field == "outputs" and len(keys) > _OUTPUT_KEY else None
    names.details.add((key, field if output is None else f"outputs.{output}"))
    return (lambda scope: scope.context.task_field(key, field)), 2, f"{path}.{field}"


def key_step(step: Step, key: Step, path: str) -> Step:
    """Compile one dot or bracket behind `step`."""
    return lambda scope: member(step(scope), key(scope), path)


def section_step(step: Step, bounds: tuple[Step, Step, Step]) -> Step:
    """Compile ``[start:stop:step]`` behind `step`."""
    start, stop, stride = bounds
    return lambda scope: section(scope, step(scope), (start(scope), stop(scope), stride(scope)))


def _written_key(root: str, keys: Sequence[str | None]) -> str:
    if not keys:
        raise ExpressionError(f"{root} alone is no value; name one of its entries: {root}.NAME")
    if keys[0] is None:
        raise ExpressionError(f'the name behind {root} must be written out: {root}.NAME or {root}["NAME"]')
    return keys[0]


def _task_field(task: str, keys: Sequence[str | None]) -> str:
    field = keys[1] if len(keys) > 1 else None
    if field in TASK_FIELDS:
        return field
    if field is not None:
        raise ExpressionError(absent(f"tasks.{task}", field, TASK_FIELDS))
    raise ExpressionError(
        f'tasks.{task} needs one of {", ".join(TASK_FIELDS)} behind it (a name with a dash is written tasks["a-b"])',
    )
