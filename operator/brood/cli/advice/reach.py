"""Tasks that can never start, however the others end (§1.2).

For each task the facts are collected that hold in every run in which it starts: how tasks before it ended, and which of their routes
fired. A task that needs two facts which exclude each other never starts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from brood.cli.advice.parts import Advice, Part, named
from brood.engine.graph import Body, Node
from brood.templating import is_template

Facts = dict[tuple[str, str], str]  # (task, "end" | "route") -> "succeeded" | "failed" | target

_SUCCEEDED, _FAILED = "succeeded", "failed"


@dataclass(frozen=True, slots=True)
class _Reach:
    """What is known of a task: the facts of its start, or why it never starts; ``by_itself`` where nothing before it is to blame."""

    facts: Facts | None
    why: str = ""
    by_itself: bool = True


def unreachable_task(part: Part) -> Iterator[Advice]:
    """Yield the first tasks that can never start; those behind them follow from it."""
    known: dict[int, _Reach] = {}
    for node in _in_order(part.nodes):
        known[node.position] = found = _reach(part, node, known)
        if found.facts is None and found.by_itself:
            message = f"never starts: {found.why}"
            yield Advice(part.path_of(node), message, "unreachable-task", task=named(node.task))


def has_exit_code(node: Node) -> bool:
    """Say whether a task can end with an exit code that counts (§1.2)."""
    if node.body not in {Body.CONTAINER, Body.RUN}:
        return False
    return node.task.parallel is None or not node.task.parallel.fail_fast


def _in_order(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """Yield each task after all that come before it."""
    done: set[int] = set()
    while len(done) < len(nodes):
        for node in nodes:
            if node.position not in done and done.issuperset(node.predecessors):
                done.add(node.position)
                yield node


def _reach(part: Part, node: Node, known: dict[int, _Reach]) -> _Reach:
    when = node.task.when
    if when is not None and not is_template(when) and when.strip().lower() == "false":
        return _Reach(None, "when is false in every run; write a template, or leave the task out")
    routed = _by_routes(part, node, known)
    if routed.facts is None:
        return routed
    facts = dict(routed.facts)
    for at in node.and_edges:
        before = part.nodes[at]
        more = _ended_well(before, known[at])
        if more is None:
            return _Reach(None, f"it needs task {before.name}, which never starts", by_itself=False)
        clash = _clash(facts, more)
        if clash:
            return _Reach(
                None,
                f"{clash}; where one of the tasks before it may be skipped, give that one continueOn: {{skipped: true}}",
            )
        facts |= more
    return _Reach(facts)


def _ended_well(before: Node, reach: _Reach) -> Facts | None:
    """Return what holds in every run in which a task ends well; None where it never does."""
    given = before.task.continue_on
    if given is not None and given.skipped:
        return {}
    if reach.facts is None:
        return None
    if given is not None and (given.failure or given.exit_codes):
        return reach.facts
    return {**reach.facts, (before.name, "end"): _SUCCEEDED}


def _by_routes(part: Part, node: Node, known: dict[int, _Reach]) -> _Reach:
    """Return what holds in every run in which a route to this task fires."""
    if not node.or_edges:
        return _Reach({})
    ways: list[Facts] = []
    why, by_itself = "", False
    for at in node.or_edges:
        source, reach = part.nodes[at], known[at]
        if reach.facts is None:
            continue
        ends, reason = _fires(source, node.name)
        why, by_itself = why or reason, by_itself or not ends
        for end in ends:
            way: Facts = {(source.name, "route"): node.name}
            if end:
                way[source.name, "end"] = end
            if not _clash(reach.facts, way):
                ways.append({**reach.facts, **way})
    if not ways:
        names = ", ".join(part.nodes[at].name for at in node.or_edges)
        return _Reach(None, why or f"no route of {names} to it can fire", by_itself=by_itself)
    common = set(ways[0].items())
    for way in ways[1:]:
        common &= set(way.items())
    return _Reach(dict(common))


def _fires(source: Node, target: str) -> tuple[list[str], str]:
    """Return how a task may end ("": in any way) so that its route to the target fires, or why it never does."""
    task, body = source.task, source.body
    given = task.continue_on
    marks = given is not None and given.mark_success
    ends: set[str] = set()
    why, taken = "", set[int]()
    for route in task.on_exit_code:
        codes = set(route.codes) - taken
        taken |= set(route.codes)
        if route.task != target:
            continue
        if not has_exit_code(source):
            why = f"onExitCode of {source.name} never fires: such a task has no exit code"
        elif not codes:
            why = f"an earlier onExitCode of {source.name} takes the same codes"
        else:
            ends |= {_SUCCEEDED if code == 0 else "" if marks else _FAILED for code in codes}
    if task.on_succeeded == target:
        if 0 in taken and body is Body.CONTAINER and task.parallel is None:
            why = f"onExitCode of {source.name} takes code 0, and comes before onSucceeded"
        else:
            ends.add("" if marks else _SUCCEEDED)
    if task.on_failed == target:
        if body is Body.JUNCTION:
            why = f"task {source.name} has no body, so it cannot fail"
        elif marks and given is not None and given.failure:
            why = f"continueOn of {source.name} makes every failure a success (markSuccess)"
        else:
            ends.add(_FAILED)
    return sorted(ends), "" if ends else f"{why}; change the route"


def _clash(facts: Facts, more: Facts) -> str:
    """Say why both cannot hold in one run, or ""."""
    for key, value in sorted(more.items(), key=lambda fact: fact[0][1], reverse=True):  # routes tell more than ends
        other = facts.get(key)
        if other is None or other == value:
            continue
        task, kind = key
        if kind == "route":
            return (
                f"it needs what comes after the routes of {task} to {other} and to {value}, and only one of them fires"
            )
        return f"it needs that task {task} has {other} and that it has {value}"
    return ""
