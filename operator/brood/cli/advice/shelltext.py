"""Reading shell scripts just well enough to tell which variables they use and set."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_HEREDOC: Final = re.compile(r"<<-?[ \t]*(?P<quote>['\"\\]?)(?P<word>\w+)['\"]?")
_EXPANSION: Final = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{[#!]?(?P<braced>[A-Za-z_]\w*)(?P<rest>:?[-+=?])?)")
_COMMENT_AFTER: Final = " \t\n;&|("


@dataclass(frozen=True, slots=True)
class Expansion:
    """``$NAME`` or ``${NAME…}``; ``guarded`` where the script says what to do if it is empty (``${NAME:-x}``)."""

    name: str
    offset: int
    guarded: bool


def expansions(script: str) -> Iterator[Expansion]:
    """Yield the variables that a shell expands: not those in single quotes, comments and quoted here-documents."""
    position, double, documents = 0, False, list[tuple[str, bool]]()
    while position < len(script):
        sign = script[position]
        if sign == "\\":
            position += 2
        elif sign == "'" and not double:
            end = script.find("'", position + 1)
            position = len(script) if end < 0 else end + 1
        elif sign == '"':
            double, position = not double, position + 1
        elif sign == "#" and not double and (position == 0 or script[position - 1] in _COMMENT_AFTER):
            end = script.find("\n", position)
            position = len(script) if end < 0 else end
        elif sign == "$" and (match := _EXPANSION.match(script, position)):
            yield _expansion(match)
            position = match.end()
        elif not double and (match := _HEREDOC.match(script, position)):
            documents.append((match["word"], bool(match["quote"])))
            position = match.end()
        elif sign == "\n" and not double and documents:
            position = yield from _documents(script, position + 1, documents)
            documents.clear()
        else:
            position += 1


def _documents(script: str, position: int, documents: list[tuple[str, bool]]) -> Generator[Expansion, None, int]:
    """Yield what the here-documents that begin here expand; returns where they end."""
    for word, quoted in documents:
        end = re.compile(rf"^\t*{word}$", re.MULTILINE).search(script, position)
        stop = end.start() if end else len(script)
        if not quoted:
            for match in _EXPANSION.finditer(script, position, stop):
                if script[match.start() - 1] != "\\":
                    yield _expansion(match)
        position = min(len(script), end.end() + 1) if end else len(script)
    return position


def _expansion(match: re.Match[str]) -> Expansion:
    return Expansion(match["bare"] or match["braced"], match.start(), guarded=match["rest"] is not None)


def sets(script: str, name: str) -> bool:
    """Say whether a script may set a variable itself."""
    assigned = rf"(?<![\w$]){name}\+?="
    declared = (
        rf"\b(?:for|read|getopts|export|local|readonly|declare|mapfile|unset|printf\s+-v)\b[^\n;|&]*(?<![\w$]){name}\b"
    )
    return re.search(f"{assigned}|{declared}", script) is not None


def mentions(text: str, name: str) -> bool:
    """Say whether a word stands in a text: a program that the script starts may read it from its environment."""
    return name in _words(text)


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def uses_position(script: str, position: int) -> bool:
    """Say whether a script may use ``$1``, ``$2`` … of that number."""
    named = _positions(script)
    return named is None or position in named


@lru_cache(maxsize=1024)
def _positions(script: str) -> frozenset[int] | None:
    """Return the numbers that a script names; None where it may use any of them (``$@``, ``shift``)."""
    if re.search(r"\$\{?[@*#](?!\w)|\$\{#\}|\bshift\b|\bgetopts\b", script):
        return None
    found = re.findall(r"\$(?:\{#?(\d+)|(\d))", script)
    return frozenset(int(braced or bare) for braced, bare in found)
