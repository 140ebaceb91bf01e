"""The filters of expressions, by an allow-list (contract, section 1.3); none reaches more than the values it is given.

Each takes the budget, the value, then what the author gives it. Where Jinja2 has a filter of the name it means the
same, but for what is said at each.
"""

import inspect
import shlex
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from brood.templating.access import Missing, plain
from brood.templating.errors import ExpressionError
from brood.templating.limits import MAX_LENGTH, PARSING_WORK, Budget
from brood.templating.patterns import search
from brood.templating.values import charge_for, check_integer, kind, parse_json, print_json, text_of

_MAX_TRIM_CHARACTERS = 64  # str.strip is quadratic in them
_MAX_DIGITS = 1200  # of an integer; about 4,000 bits
_QUOTED_QUOTE = len("'\"'\"'")  # how shell quoting writes one '

Filter = Callable[..., object]


def default(_budget: Budget, value: object, default_value: object = "", boolean: object = False) -> object:  # noqa: FBT002
    """Return the value, or `default_value` where it is undefined (with `boolean` also where it is false or empty)."""
    if isinstance(value, Missing):
        return default_value
    return default_value if plain(boolean) and not plain(value) else value


def int_(_budget: Budget, value: object, default: object = 0, base: object = 10) -> object:
    """Return the value as an integer, cut towards zero; `default` (0) where it is none, as in Jinja2."""
    value, base = plain(value), _integer(base, "base of int")
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        raise ExpressionError(f"int reads at most {_MAX_DIGITS} digits, not {len(value)} characters")
    try:
        if isinstance(value, str):
            try:
                return check_integer(int(value, base))
            except ValueError:
                return int(float(value))
        return int(value) if isinstance(value, int | float) else plain(default)
    except (ValueError, OverflowError):
        return plain(default)


def string(budget: Budget, value: object) -> str:
    """Return the value as text, as it would stand in a text."""
    return _text(budget, value)


def lower(budget: Budget, value: object) -> str:
    """Return the text in lower case."""
    return _text(budget, value).lower()


def upper(budget: Budget, value: object) -> str:
    """Return the text in upper case."""
    return _text(budget, value).upper()


def trim(budget: Budget, value: object, chars: object = None) -> str:
    """Return the text without white space, or without `chars`, at its ends."""
    set_of = None if plain(chars) is None else _text(budget, chars)
    if set_of is not None and len(set_of) > _MAX_TRIM_CHARACTERS:
        raise ExpressionError(f"trim takes at most {_MAX_TRIM_CHARACTERS} characters")
    return _text(budget, value).strip(set_of)


def replace(budget: Budget, value: object, old: object, new: object, count: object = None) -> str:
    """Return the text with each `old` (or the first `count`) replaced by `new`."""
    text, before, after = _text(budget, value), _text(budget, old), _text(budget, new)
    limit = -1 if plain(count) is None else _integer(count, "count of replace")
    found = text.count(before) if limit < 0 else min(limit, text.count(before))
    budget.make_text(len(text) + found * (len(after) - len(before)))
    return text.replace(before, after, limit)


def join(budget: Budget, value: object, d: object = "") -> str:
    """Return the elements of a list as one text, with `d` between them. Only lists; Jinja2 also takes texts apart."""
    elements = plain(value)
    if not isinstance(elements, list | tuple):
        raise ExpressionError(f"join takes a list, not {kind(elements)}")
    between = _text(budget, d)
    charge_for(budget, elements)
    texts = [text_of(budget, each) for each in elements]
    budget.make_text(sum(len(each) for each in texts) + len(between) * max(0, len(texts) - 1))
    return between.join(texts)


def split(budget: Budget, value: object, sep: object = None, maxsplit: object = -1) -> list[str]:
    """Return the parts of a text between `sep` (white space)."""
    text, limit = _text(budget, value), _integer(maxsplit, "maxsplit of split")
    between = None if plain(sep) is None else _text(budget, sep)
    if between == "":
        raise ExpressionError("split takes a separator that is not empty")
    parts = text.split(between, MAX_LENGTH if limit < 0 else min(limit, MAX_LENGTH))
    budget.make_list(len(parts))
    return parts


def length(_budget: Budget, value: object) -> int:
    """Return the number of characters, elements or keys; an output is text (``outputs.R | fromjson | length``)."""
    sized = plain(value)
    if isinstance(sized, str | list | tuple | Mapping):
        return len(sized)
    raise ExpressionError(f"length takes a text, a list or an object, not {kind(sized)}")


def first(_budget: Budget, value: object) -> object:
    """Return the first element or character; undefined where there is none."""
    return _at(value, 0, "first")


def last(_budget: Budget, value: object) -> object:
    """Return the last element or character; undefined where there is none."""
    return _at(value, -1, "last")


def basename(budget: Budget, value: object) -> str:
    """Return the last part of a path, as the command ``basename`` does: a slash at the end does not count."""
    text = _text(budget, value)
    return text.rstrip("/").rpartition("/")[2] or text[:1]


def tojson(budget: Budget, value: object) -> str:
    """Return the value as compact JSON; unlike Jinja2's, nothing is escaped for HTML."""
    subject = plain(value)
    charge_for(budget, subject)
    text = print_json(subject)
    budget.make_text(len(text))
    return text


def fromjson(budget: Budget, value: object) -> object:
    """Return what a text means as JSON."""
    text = plain(value)
    if not isinstance(text, str):
        raise ExpressionError(f"fromjson takes a text, not {kind(text)}")
    budget.charge(len(text) * PARSING_WORK)
    try:
        return parse_json(text)
    except ExpressionError as error:
        raise ExpressionError(f"the value {error}") from None


def quote(budget: Budget, value: object) -> str:
    """Return the text as one word of a POSIX shell."""
    text = _text(budget, value)
    budget.make_text(len(text) + text.count("'") * (_QUOTED_QUOTE - 1) + 2)
    return shlex.quote(text)


def matches(budget: Budget, value: object, pattern: object) -> bool:
    """Say whether a regular expression is found in the text: "`matches` is a linear-time regular expression search"."""
    expression = plain(pattern)
    if not isinstance(expression, str):
        raise ExpressionError(f"matches takes a pattern, not {kind(expression)}")
    return search(budget, expression, _text(budget, value))


FILTERS: Final[Mapping[str, Filter]] = {
    "basename": basename,
    "default": default,
    "first": first,
    "fromjson": fromjson,
    "int": int_,
    "join": join,
    "last": last,
    "length": length,
    "lower": lower,
    "matches": matches,
    "quote": quote,
    "replace": replace,
    "split": split,
    "string": string,
    "tojson": tojson,
    "trim": trim,
    "upper": upper,
}


@cache
def signature(name: str) -> inspect.Signature:
    """Return what a filter takes, the budget left out."""
    declared = inspect.signature(FILTERS[name])
    return declared.replace(parameters=list(declared.parameters.values())[1:])


def _text(budget: Budget, value: object) -> str:
    subject = plain(value)
    text = subject if isinstance(subject, str) else text_of(budget, subject)
    budget.make_text(len(text))
    return text


def _integer(value: object, name: str) -> int:
    number = plain(value)
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise ExpressionError(f"{name} is an integer, not {kind(number)}")


def _at(value: object, position: int, name: str) -> object:
    sequence = plain(value)
    if not isinstance(sequence, str | list | tuple):
        raise ExpressionError(f"{name} takes a list or a text, not {kind(sequence)}")
    return (
        sequence[position]
        if sequence
        else Missing(lambda: f"{name} of an empty {'text' if sequence == '' else 'list'}")
    )
