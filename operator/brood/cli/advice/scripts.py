"""Scripts: templates in them, which are never evaluated, and outputs that are not there yet."""

import re
from collections.abc import Iterator
from typing import Final

from brood.cli.advice.parts import Advice, Part, named
from brood.cli.advice.shelltext import expansions, mentions, sets
from brood.engine.graph import Node

_TEMPLATE: Final = re.compile(r"\{\{-?\s*(?P<expression>(?:params|outputs|tasks|item|run|index)\b[^{}]*?)\s*-?\}\}")
_WAYS: Final = (
    (re.compile(r"(?:params|outputs)\.(\w+)"), "${}"),
    (re.compile(r"""tasks(?:\.[\w-]+|\[['"][^'"]+['"]\])\.outputs\.(\w+)"""), "${}"),
    (re.compile(r"item\.(\w+)"), "${}"),
    (re.compile(r"(item)"), "$BROOD_ITEM"),
    (re.compile(r"(index)"), "$BROOD_INDEX"),
    (re.compile(r"run\.(name)"), "$BROOD_RUN"),
    (re.compile(r"run\.(root)"), "$BROOD_ROOT"),
)
_OUTPUT: Final = re.compile(r"""tasks(?:\.(?P<dotted>[\w-]+)|\[['"](?P<quoted>[^'"]+)['"]\])\.output""")


def template_in_script(part: Part) -> Iterator[Advice]:
    """Contract §1.1: "`script` (≤ 64 KiB, never templated)"."""
    for path, node in part.bodies():
        for match in _TEMPLATE.finditer(node.task.script or ""):
            expression = match["expression"]
            message = (
                f"a script is never templated, {match[0]} reaches the shell as it stands; {_way_out(part, expression)}"
            )
            yield Advice(f"{path}.script", message, "template-in-script", task=named(node.task), offset=match.start())


def _way_out(part: Part, expression: str) -> str:
    for pattern, variable in _WAYS:
        match = pattern.fullmatch(expression)
        if match:
            return f'use "{variable.format(match[1])}"'
    match = _OUTPUT.fullmatch(expression)
    producer = part.graph.node(match["dotted"] or match["quoted"]) if match else None
    if producer is not None and producer.task.output:
        return f'use "${producer.task.output}"'
    return f'hand it over: env: [{{name: VALUE, value: "{{{{ {expression} }}}}"}}], and use "$VALUE"'


def output_not_upstream(part: Part) -> Iterator[Advice]:
    """Yield outputs in scripts that are empty: a script makes no edge, and their tasks are not before this one."""
    names = {node.task.output: node for node in part.nodes if node.task.output}
    params = {param.name for param in part.params}
    for node in part.nodes:
        script = node.task.script or ""
        own = {one.name for one in (*part.env, *node.task.env)} | params | {node.task.output}
        told: set[str] = set()
        for one in expansions(script):
            producer = names.get(one.name)
            if producer is None or one.guarded or one.name in own | told or producer.position in node.upstream:
                continue
            if sets(script, one.name) or _written_upstream(part, node, one.name):
                continue
            told.add(one.name)
            message = (
                f"${one.name} is empty here: it is the output of task {producer.name}, which is not before this one; "
                f"{_edge(node, producer)}"
            )
            path = f"{part.path_of(node)}.script"
            yield Advice(path, message, "output-not-upstream", task=named(node.task), offset=one.offset)


def _edge(node: Node, producer: Node) -> str:
    if node.position in producer.upstream:
        return f"task {producer.name} comes after it: turn the order round"
    return f"add dependsOn: [{', '.join((*node.task.depends_on, producer.name))}]"


def _written_upstream(part: Part, node: Node, name: str) -> bool:
    """Say whether a task before it may write an output of that name to ``$BROOD_OUTPUT``."""
    scripts = [part.nodes[at].task.script or "" for at in node.upstream]
    return any(("BROOD_OUTPUT" in one or "::set-output" in one) and mentions(one, name) for one in scripts)
