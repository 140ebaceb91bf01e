"""From a field path to the line of the file, and to what YAML made of the text that stands there."""

import re
from collections.abc import Sequence
from typing import Final

import yaml

from brood.cli.yamltext import BOOLEAN_TAG, FLOAT_TAG, INTEGER_TAG, NULL_TAG

_STEP: Final = re.compile(
    r"""\[(?P<index>\d+)\]|\[(?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\]]*))\]|(?P<name>[^.\[\]]+)"""
)
_GROUPS: Final = ("quoted", "single", "bare", "name")
_READ_AS: Final = {BOOLEAN_TAG: "a boolean", INTEGER_TAG: "a number", FLOAT_TAG: "a number", NULL_TAG: "null"}

Step = str | int


def split_path(path: str) -> tuple[Step, ...]:
    """Split ``spec.tasks[0].env["A.B"]`` into its steps."""
    steps: list[Step] = []
    for match in _STEP.finditer(path):
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(next(match[group] for group in _GROUPS if match[group] is not None))
    return tuple(steps)


def locate(node: yaml.Node, path: str) -> tuple[int, int]:
    """Return line and column (from 1) of the field, or of the deepest object on the way to it that exists."""
    mark = node.start_mark
    for step in split_path(path):
        found = _child(node, step)
        if found is None:
            break
        mark, node = found
    return int(mark.line) + 1, int(mark.column) + 1


def locate_in_text(node: yaml.Node, path: str, offset: int) -> tuple[int, int]:
    """Return line and column (from 1) of a character of the text at a path.

    Exact by line in a literal block (``|``), whose column is not known: 1. Of any other text, where the field begins.
    """
    value: yaml.Node | None = node
    for step in split_path(path):
        found = _child(value, step) if value is not None else None
        value = found[1] if found is not None else None
    if isinstance(value, yaml.ScalarNode) and value.style == "|":
        return int(value.start_mark.line) + 2 + value.value.count("\n", 0, offset), 1
    return locate(node, path)


def _child(node: yaml.Node, step: Step) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        pairs = ((key.start_mark, value) for key, value in node.value if getattr(key, "value", None) == str(step))
        return next(pairs, None)
    if isinstance(node, yaml.SequenceNode):
        if isinstance(step, int):
            return _at(node.value, step)
        wanted = step.removeprefix("name=")  # tasks[name=split]
        named = next((item for item in node.value if _name(item) == wanted), None)
        return None if named is None else (named.start_mark, named)
    return None


def _at(items: Sequence[yaml.Node], index: int) -> tuple[yaml.Mark, yaml.Node] | None:
    return (items[index].start_mark, items[index]) if index < len(items) else None


def _name(node: yaml.Node) -> str | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    names = (value.value for key, value in node.value if key.value == "name" and isinstance(value, yaml.ScalarNode))
    return next(names, None)


def quoting_hint(node: yaml.Node, path: str) -> str:
    """Return advice where an unquoted scalar stands at the path that YAML did not read as text, else ""."""
    for step in split_path(path):
        found = _child(node, step)
        if found is None:
            return ""
        node = found[1]
    if not isinstance(node, yaml.ScalarNode) or node.style in ("'", '"', "|", ">") or node.tag not in _READ_AS:
        return ""
    return f'; YAML reads {node.value or "nothing"} as {_READ_AS[node.tag]}: write "{node.value}"'
