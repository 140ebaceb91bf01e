"""What a template's author reads when something is wrong: one line that names field, expression and cause."""

import difflib
from collections.abc import Collection
from itertools import islice

MAX_MESSAGE = 256
"""Characters; "a message is at most 256 characters" (contract, section 2.1)."""

_MAX_FIELD = 90
_MAX_EXPRESSION = 60
_MAX_LISTING = 110
_MAX_LISTED = 1000
_MAX_CANDIDATES = 200
_MAX_CANDIDATE = 64


class ExpressionError(Exception):
    """What is wrong with an expression, before it is known which field it stands in."""


class TemplateError(Exception):
    """A template that is refused, or cannot be rendered.

    Parameters
    ----------
    detail
        What is wrong.
    field
        Path of the field, such as ``spec.tasks[2].when``.
    expression
        The expression between the braces; empty where the fault is not in one.

    Notes
    -----
    ``str(error)`` is one line of at most 256 characters, fit for a condition's message.
    """

    def __init__(self, detail: str, *, field: str = "", expression: str = "") -> None:
        self.detail = one_line(detail, MAX_MESSAGE)
        self.field = one_line(field, _MAX_FIELD, keep_end=True)
        self.expression = one_line(expression.strip(), _MAX_EXPRESSION)
        where = [self.field] if self.field else []
        if self.expression:
            where.append(f"{{{{ {self.expression} }}}}")
        super().__init__(one_line(": ".join([*where, self.detail]), MAX_MESSAGE))


class PatternError(TemplateError):
    """A regular expression that is not one, or is too large."""


def one_line(text: str, limit: int, *, keep_end: bool = False) -> str:
    """Make `text` fit for a message: at most `limit` characters, each of them one that prints."""
    if len(text) > limit:
        text = "…" + text[1 - limit :] if keep_end else text[: limit - 1] + "…"
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def absent(owner: str, name: object, names: Collection[object]) -> str:
    """Say that `owner` has no `name`: suggest the closest of `names`, and list them, sorted and cut."""
    known = [str(each) for each in islice(names, _MAX_LISTED)]
    shown = one_line(str(name), 40)
    if not known:
        return f"{owner} has no '{shown}'; it is empty"
    closest = _closest(str(name), known)
    suggestion = f"did you mean '{one_line(closest, 40)}'? " if closest else ""
    return f"{owner} has no '{shown}'; {suggestion}there are: {_listing(known, len(names))}"


def _closest(name: str, known: list[str]) -> str | None:
    """Find the likeliest of `known`; comparing is quadratic, so only short names, and not many, are compared."""
    if len(name) > _MAX_CANDIDATE:
        return None
    folded = name.casefold()
    candidates = [each for each in known[:_MAX_CANDIDATES] if len(each) <= _MAX_CANDIDATE]
    by_case = {each.casefold(): each for each in candidates}
    matches = difflib.get_close_matches(folded, by_case, n=1)
    return by_case[matches[0]] if matches else None


def _listing(known: list[str], total: int) -> str:
    names = sorted(known)
    shown: list[str] = []
    room = _MAX_LISTING
    for name in names:
        room -= len(name) + 2
        if room < 0 and shown:
            return f"{', '.join(shown)} and {total - len(shown)} more"
        shown.append(one_line(name, _MAX_CANDIDATE))
    return ", ".join(shown)
