"""What a template names: the edges of the graph come from it, and so do the checks of definitions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class References:
    """The names in one template, or in several, found without evaluating; both sides of an ``if`` count.

    Attributes
    ----------
    params, tasks, outputs
        Names of params, of tasks (``tasks["x"]`` and ``tasks.x``), and of outputs named by ``outputs.NAME``.
    item, index, run
        Whether these are named.
    details
        What of which task: ``(task, "phase" | "exitCode" | "output" | "outputs" | "outputs.NAME" | "artifacts")``.
    """

    params: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    item: bool = False
    index: bool = False
    run: bool = False
    details: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: "References") -> "References":
        return References(
            params=self.params | other.params,
            tasks=self.tasks | other.tasks,
            outputs=self.outputs | other.outputs,
            item=self.item or other.item,
            index=self.index or other.index,
            run=self.run or other.run,
            details=self.details | other.details,
        )


NOTHING = References()
