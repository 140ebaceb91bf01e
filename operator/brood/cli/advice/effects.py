"""`continueOn` that changes nothing."""

from collections.abc import Iterator

from brood.cli.advice.parts import Advice, Part, named
from brood.cli.advice.reach import has_exit_code
from brood.engine.graph import Body, Node


def continue_on_without_effect(part: Part) -> Iterator[Advice]:
    """Yield what of a `continueOn` can never match, or matters to nobody."""
    for node in part.nodes:
        for field, message in _idle(node):
            path = f"{part.path_of(node)}.continueOn" + (f".{field}" if field else "")
            yield Advice(path, f"has no effect: {message}", "continue-on-without-effect", task=named(node.task))


def _idle(node: Node) -> Iterator[tuple[str, str]]:
    given = node.task.continue_on
    if given is None:
        return
    if not (given.failure or given.exit_codes or given.skipped):
        yield "", "nothing in it is true; name failure, exitCodes or skipped, or leave it out"
    if given.failure and node.body is Body.JUNCTION:
        yield "failure", "a task without a body cannot fail; leave it out"
    if given.exit_codes:
        if given.failure:
            yield "exitCodes", "failure: true matches every failure already; leave one of them out"
        elif not has_exit_code(node):
            yield "exitCodes", f"{_kind(node)} has no exit code (§1.2); write failure: true"
        elif set(given.exit_codes) == {0}:
            yield "exitCodes", "exit code 0 is no failure; name the codes that may be let pass"
    if given.skipped:
        if not node.predecessors and node.task.when is None and node.task.parallel is None:
            yield "skipped", "nothing can skip this task: it has neither edges nor when; leave it out"
        elif not node.dependents:
            yield "skipped", "no task comes after this one, and a skip never changes the result; leave it out"


def _kind(node: Node) -> str:
    if node.task.parallel is not None:
        return "a parallel task with failFast"
    return {Body.JUNCTION: "a task without a body", Body.AWAIT: "an await", Body.FORK: "a fork"}.get(node.body, "it")
