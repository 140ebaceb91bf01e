"""Params and outputs that nothing uses."""

from collections.abc import Iterator

from brood.cli.advice.parts import Advice, Part, named
from brood.cli.advice.shelltext import mentions, uses_position
from brood.cli.findings import Severity
from brood.engine.graph import Node


def unused_param(part: Part) -> Iterator[Advice]:
    """Yield params that no template names and no script mentions; a program without a script may read its environment."""
    nodes = [node for _, node in part.bodies()]
    if any(node.task.script is None for node in nodes):
        return
    scripts = [node.task.script or "" for node in nodes]
    if any("BROOD_PARAMS" in one for one in scripts):
        return
    used = part.references.params
    for at, param in enumerate(part.params):
        if param.name in used or any(mentions(one, param.name) or uses_position(one, at + 1) for one in scripts):
            continue
        message = f"nothing uses the param {param.name}; use it, or leave it out"
        yield Advice(f"{part.path}.params[{at}]", message, "unused-param", Severity.ADVICE)


def unused_output(part: Part) -> Iterator[Advice]:
    """Yield outputs of tasks with others behind them that none of those use; a last task's output is the result.

    Outputs of local definitions are what the aggregate is made of.
    """
    if not part.root:
        return
    for node in part.nodes:
        if node.task.output and node.dependents and not _is_used(part, node, node.task.output):
            message = f"no task uses the output {node.task.output}; leave it out, unless it is there to be read in the run's status"
            yield Advice(
                f"{part.path_of(node)}.output", message, "unused-output", Severity.ADVICE, task=named(node.task)
            )


def _is_used(part: Part, producer: Node, name: str) -> bool:
    references = part.references
    if name in references.outputs or (producer.name, "output") in references.details:
        return True
    for node in (*part.graph.nodes, *part.graph.handlers):
        sees = node.handler or producer.position in node.upstream
        script = node.task.script
        if sees and node.task.is_container and (script is None or mentions(script, name) or "BROOD_INPUTS" in script):
            return True
    return False
