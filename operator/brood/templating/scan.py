r"""Takes a templated string apart: literal text, kept as it is to the byte, and the expressions in ``{{ … }}``.

Jinja2's own lexer turns ``\r\n`` into ``\n``, takes ``{#`` (as in a shell's ``${#list[@]}``) for a comment, and drops a
last newline; so it is given the expressions only.
"""

import re
from dataclasses import dataclass

from brood.templating.errors import ExpressionError
from brood.templating.limits import MAX_EXPRESSION, MAX_EXPRESSIONS, MAX_SOURCE, MAX_TOKENS

_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|['"]|[][(){}]""", re.DOTALL)
_LEXEME = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\w+|[^\w\s]""", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:[4-7][0-7]{2}|.)|\r", re.DOTALL)
_KNOWN_ESCAPES = frozenset("\\'\"abfnrtvxuUN01234567\n")
_ESCAPE_LENGTH = 2


@dataclass(frozen=True, slots=True)
class Expression:
    """The text between ``{{`` and ``}}``, as written and as Jinja2's lexer is to read it."""

    text: str
    readable: str


def is_template(value: str) -> bool:
    """Say whether a string holds an expression, or a statement (which is refused); any other string is literal."""
    return "{{" in value or _has_statement(value)


def split(source: str) -> tuple[str | Expression, ...]:
    """Take `source` apart.

    Returns
    -------
    tuple of str or Expression
        In order; no empty literals. ``{{-`` and ``-}}`` have taken the white space beside them off.

    Raises
    ------
    ExpressionError
        For a statement, an expression that does not end, and beyond the limits of size.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"the template has {len(source)} characters (max: {MAX_SOURCE})")
    if "\0" in source:
        raise ExpressionError("the template holds a NUL character")
    if _has_statement(source):
        raise ExpressionError("statements {% … %} are not allowed, only expressions {{ … }}")
    parts: list[str | Expression] = []
    literal_from, total, count, trim_next = 0, 0, 0, False
    while True:
        start = source.find("{{", literal_from)
        literal = source[literal_from:] if start < 0 else source[literal_from:start]
        literal = literal.lstrip() if trim_next else literal
        if start < 0:
            return (*parts, literal) if literal else tuple(parts)
        expression, end, trim_before, trim_next = _expression(source, start + 2)
        literal = literal.rstrip() if trim_before else literal
        parts += [literal, expression] if literal else [expression]
        literal_from, total, count = end, total + _tokens(expression.text), count + 1
        if total > MAX_TOKENS or count > MAX_EXPRESSIONS:
            limits = f"max: {MAX_EXPRESSIONS} expressions, {MAX_TOKENS} words and signs in them"
            raise ExpressionError(f"too much to evaluate in one string ({limits})")


def _has_statement(source: str) -> bool:
    start = source.find("{%")
    return start >= 0 and source.find("%}", start) >= 0


def _expression(source: str, start: int) -> tuple[Expression, int, bool, bool]:
    """Read one expression; returns it, where it ends, and whether it trims the text before and behind it."""
    stop, readable = _end(source, start)
    text = source[start:stop]
    trim_before, trim_behind = text.startswith("-"), text.endswith("-")
    text = text[trim_before : len(text) - trim_behind]
    readable = readable[trim_before : len(readable) - trim_behind]
    if not text.strip():
        raise ExpressionError("an expression is empty: {{ }}")
    return Expression(text, readable), stop + 2, trim_before, trim_behind


def _end(source: str, start: int) -> tuple[int, str]:
    """Find the ``}}`` that ends an expression: not one inside a string, nor one that closes ``{``."""
    depth, position, readable = 0, start, []
    for token in _TOKEN.finditer(source, start, start + MAX_EXPRESSION + 1):
        text = token.group()
        readable += [source[position : token.start()], _readable(text) if len(text) > 1 else text]
        position = token.end()
        if text in "([{":
            depth += 1
        elif text in ")]}" and depth:
            depth -= 1
        elif text == "}" and source.startswith("}}", token.start()):
            return token.start(), "".join(readable[:-1])
        elif text in "'\"":
            break
    beginning = source[start : start + 40]
    if len(source) - start > MAX_EXPRESSION:
        raise ExpressionError(f"'{{{{{beginning}' does not end within {MAX_EXPRESSION} characters")
    raise ExpressionError(f"'{{{{{beginning}' does not end: a }}}}, a quote or a bracket is missing")


def _tokens(text: str) -> int:
    return sum(1 for _ in _LEXEME.finditer(text))


def _readable(literal: str) -> str:
    r"""Write a string literal so that the lexer keeps a carriage return, and an escape that is none (``\d``)."""
    return _ESCAPE.sub(_escape, literal) if "\\" in literal or "\r" in literal else literal


def _escape(match: re.Match[str]) -> str:
    text = match.group()
    if text == "\r":
        return "\\r"
    return text if len(text) == _ESCAPE_LENGTH and text[1] in _KNOWN_ESCAPES else "\\" + text
