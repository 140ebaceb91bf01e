"""YAML as kubectl reads it: from text to documents that know the line of every field.

PyYAML and kubectl's reader (sigs.k8s.io/yaml) disagree on scalars: kubectl takes ``y`` and ``n`` for booleans, keeps
dates and ``12:30:00`` as text, and reads ``1e3`` as a number. A file must mean the same here and on a cluster, so the
rules for plain scalars are kubectl's.
"""

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError

from brood.cli.findings import Finding, InputRefusedError

_BOOLEANS: Final = re.compile(
    r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"
)
_TRUE: Final = frozenset({"y", "yes", "true", "on"})
_INTEGER: Final = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)$")
_FLOAT: Final = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_NO_JSON: Final = re.compile(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
_NULL: Final = re.compile(r"^(?:~|null|Null|NULL|)$")
_MERGE: Final = re.compile(r"^<<$")

BOOLEAN_TAG: Final = "tag:yaml.org,2002:bool"
INTEGER_TAG: Final = "tag:yaml.org,2002:int"
FLOAT_TAG: Final = "tag:yaml.org,2002:float"
NULL_TAG: Final = "tag:yaml.org,2002:null"
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_MOST_NODES: Final = 1_000_000
_SURROGATES: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value as JSON would have it, and the node that knows the lines."""

    file: str
    value: Any
    node: yaml.Node = field(compare=False, repr=False)

    @property
    def line(self) -> int:
        """The line on which it begins, from 1."""
        return int(self.node.start_mark.line) + 1


_CParser: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_CParser):  # type: ignore[misc]  # whichever parser this machine has
    """Reads scalars by kubectl's rules; refuses what would be lost in silence, as duplicate keys and boolean ones."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        result: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return result

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        text = str(node.value).replace("_", "")
        sign, digits = (text[0], text[1:]) if text[:1] in "+-" else ("", text)
        if re.fullmatch("0[0-7]+", digits):  # YAML 1.1: an octal number
            digits = f"0o{digits[1:]}"
        try:
            return int(sign + digits, 0)
        except ValueError as error:  # only an explicit tag (`!!int abc`) leads here
            raise ConstructorError(None, None, f"{node.value!r} is no integer", node.start_mark) from error

    def construct_boolean(self, node: yaml.ScalarNode) -> bool:
        return str(node.value).lower() in _TRUE

    def construct_float(self, node: yaml.ScalarNode) -> float | int:
        if _NO_JSON.match(node.value):
            problem = f'{node.value} is a number that JSON, and so kubectl, does not have; quote it: "{node.value}"'
            raise ConstructorError(None, None, problem, node.start_mark)
        try:
            number = float(node.value)
        except ValueError as error:
            raise ConstructorError(None, None, f"{node.value!r} is no number", node.start_mark) from error
        return int(number) if number.is_integer() else number  # as in JSON, where 1.0 is an integer


def _register() -> None:
    for tag, pattern, first in (
        (BOOLEAN_TAG, _BOOLEANS, "yYnNtTfFoO"),
        (INTEGER_TAG, _INTEGER, "-+0123456789"),
        (FLOAT_TAG, _FLOAT, "-+.0123456789"),
        (FLOAT_TAG, _NO_JSON, "-+."),
        (NULL_TAG, _NULL, ["~", "n", "N", ""]),
        (_MERGE_TAG, _MERGE, "<"),
    ):
        _Loader.add_implicit_resolver(tag, pattern, list(first))
    _Loader.add_constructor(BOOLEAN_TAG, _Loader.construct_boolean)
    _Loader.add_constructor(INTEGER_TAG, _Loader.construct_integer)
    _Loader.add_constructor(FLOAT_TAG, _Loader.construct_float)


_register()


def _check_keys(node: yaml.MappingNode) -> None:
    seen: dict[tuple[str, str], yaml.Mark] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConstructorError(None, None, "a key must be text", key.start_mark)
        if key.tag == BOOLEAN_TAG:
            meant = "true" if key.value.lower() in _TRUE else "false"
            problem = (
                f"the key {key.value} is read by YAML 1.1 (and kubectl) as the boolean {meant}, not as a name; "
                f'quote it ("{key.value}") where any key is allowed, and use another name for a param or an output'
            )
            raise ConstructorError(None, None, problem, key.start_mark)
        if key.tag == _MERGE_TAG:
            continue
        if key.tag in (INTEGER_TAG, FLOAT_TAG, NULL_TAG):
            problem = f'the key {key.value or "(empty)"} is not text; quote it: "{key.value}"'
            raise ConstructorError(None, None, problem, key.start_mark)
        before = seen.setdefault((key.tag, key.value), key.start_mark)
        if before is not key.start_mark:
            problem = f"the key {key.value!r} is there twice, first in line {before.line + 1}; remove one of them"
            raise ConstructorError(None, None, problem, key.start_mark)


def read_documents(text: str, file: str) -> list[Document]:
    """Read all documents of a text; empty ones are left out.

    Raises
    ------
    InputRefusedError
        Where the text is no YAML, or YAML that would lose something; it names file, line and column.
    """
    text = _json_as_yaml(text)
    try:
        return list(_read(text, file))
    except yaml.YAMLError as error:
        raise InputRefusedError([_finding(error, text, file)]) from error
    except RecursionError as error:
        raise InputRefusedError([Finding(file, 0, 0, "", "", "the YAML is nested too deeply")]) from error


def _json_as_yaml(text: str) -> str:
    """Write what only JSON allows as YAML does: tabs between values, and two escapes for one character beyond U+FFFF.

    kubectl reads as JSON what begins with ``{``. Lines and columns stay where they are, but behind such a character.
    """
    if not text.lstrip().startswith("{") or ("\t" not in text and "\\u" not in text):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _SURROGATES.sub(_one_escape, text.replace("\t", " "))  # a tab in a string would be written \t


def _one_escape(pair: re.Match[str]) -> str:
    character = bytes.fromhex(pair[2] + pair[3]).decode("utf-16-be")
    return f"{pair[1]}\\U{ord(character):08X}"


def _read(text: str, file: str) -> Iterator[Document]:
    loader = _Loader(text)
    aliases = "*" in text and "&" in text
    try:
        while loader.check_node():
            node = loader.get_node()
            if aliases:
                _expanded_size(node, {})
            value = loader.construct_document(node)
            if value is not None:
                yield Document(file=file, value=value, node=node)
    finally:
        loader.dispose()


def _expanded_size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Count the nodes that a document has once its aliases are written out; refuse endless and huge ones."""
    known = sizes.get(id(node))
    if known == 0:  # it is being counted further up
        raise ConstructorError(None, None, "an alias contains itself", node.start_mark)
    if known is not None:
        return known
    sizes[id(node)] = 0
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_expanded_size(child, sizes) for pair in node.value for child in pair)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_expanded_size(child, sizes) for child in node.value)
    if size > _MOST_NODES:
        raise ConstructorError(None, None, f"the aliases expand to more than {_MOST_NODES} values", node.start_mark)
    sizes[id(node)] = size
    return size


def _finding(error: yaml.YAMLError, text: str, file: str) -> Finding:
    """Say where the text is no YAML. The slow parser explains better than the fast one, so it has the last word."""
    explained = error
    if not isinstance(error, ConstructorError):
        try:
            for _ in yaml.compose_all(text, Loader=yaml.SafeLoader):
                pass
        except yaml.YAMLError as better:
            explained = better
        except RecursionError:
            return Finding(file, 0, 0, "", "", "the YAML is nested too deeply")
    if isinstance(explained, yaml.reader.ReaderError):
        line = text.count("\n", 0, explained.position) + 1
        return Finding(file, line, 0, "", "", f"not valid YAML: {explained.reason}")
    mark = getattr(explained, "problem_mark", None) or getattr(explained, "context_mark", None)
    if mark is None:
        return Finding(file, 0, 0, "", "", f"not valid YAML: {explained}")
    problem = getattr(explained, "problem", None) or getattr(explained, "context", None) or "not valid YAML"
    context = getattr(explained, "context", None)
    if not isinstance(explained, ConstructorError):
        problem = f"not valid YAML: {f'{context}, ' if context and context != problem else ''}{problem}"
        if "'\\t'" in problem:
            problem += " (a tab; YAML is indented with blanks)"
        elif "<block" in problem:
            problem += " (what belongs together begins in the same column)"
    return Finding(file, mark.line + 1, mark.column + 1, "", "", problem)
