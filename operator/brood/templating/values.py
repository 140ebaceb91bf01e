"""The values of expressions: JSON values, and outputs, which are text that may be walked as JSON."""

import json
import math
from collections.abc import Mapping
from typing import Final, TypeAlias

from pydantic import JsonValue

from brood.templating.errors import ExpressionError
from brood.templating.limits import ELEMENT_WORK, MAX_DEPTH, MAX_INTEGER_BITS, MAX_SIZE, Budget

Value: TypeAlias = JsonValue
"""What a template renders to: a JSON value."""

_Container: TypeAlias = Mapping[str, object] | list[object] | tuple[object, ...]


class OutputText:
    """An output of a task: its exact text, which can be walked where it is JSON.

    "an output that is JSON can be walked, `outputs.R.summary.total`; printed whole it is byte-exact" (section 1.3).
    The text is parsed when it is first walked, and once; who renders many templates over one output keeps the object.
    """

    __slots__ = ("_fault", "_parsed", "_value", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._parsed = False
        self._fault: str | None = None
        self._value: object = None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"OutputText({self.text[:40]!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutputText) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def walk(self) -> object:
        """Return the JSON value of the text.

        Raises
        ------
        ExpressionError
            When the text is not JSON, or nested too deep.
        """
        if not self._parsed:
            try:
                self._value = parse_json(self.text)
            except ExpressionError as error:
                self._fault = str(error)
            self._parsed = True
        if self._fault is not None:
            raise ExpressionError(self._fault)
        return self._value


def parse_json(text: str) -> object:
    """Parse `text` as one JSON value, at most `MAX_SIZE` long and `MAX_DEPTH` deep.

    Raises
    ------
    ExpressionError
        When it is not JSON or beyond the limits; the message begins with a verb.
    """
    if len(text) > MAX_SIZE:
        raise ExpressionError(f"is too long to be read as JSON: {len(text)} characters (max: {MAX_SIZE})")
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ExpressionError(f"is not JSON ({error.msg} at character {error.pos})") from None
    except ValueError as error:
        raise ExpressionError(f"is not JSON ({error})") from None
    except RecursionError:
        raise ExpressionError(f"is JSON nested deeper than {MAX_DEPTH}") from None
    _check_depth(value)
    return value


def print_json(value: object) -> str:
    """Print `value` as compact JSON, its text unescaped where JSON allows it.

    Raises
    ------
    ExpressionError
        When it holds an infinite number, or is nested too deep.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain_leaf)
    except RecursionError:
        raise ExpressionError(f"is nested deeper than {MAX_DEPTH}") from None
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"has no JSON text ({error})") from None


def text_of(budget: Budget, value: object) -> str:
    """Print `value` as it stands in a text.

    The exact text of a text or an output; integers decimal; "booleans, floats and null become their JSON text"
    (contract, section 4); lists and objects compact JSON.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, OutputText):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(check_integer(value))
    charge_for(budget, value)
    return print_json(value)


def to_value(budget: Budget, value: object) -> Value:
    """Turn what an expression gave into a JSON value of its own, checked: nothing in it is shared with the context.

    Raises
    ------
    ExpressionError
        When it is too large, nested too deep, holds a number without JSON text, or text that is not UTF-8 without NUL.
    """
    if type(value) is str:
        return check_text(value)
    charge_for(budget, value)
    return _to_value(value, 0)


def _to_value(value: object, depth: int) -> Value:
    if type(value) is str:
        return check_text(value)
    if value is None or type(value) is bool:
        return value
    if isinstance(value, OutputText):
        return check_text(value.text)
    if isinstance(value, str):
        return check_text(str.__str__(value))
    if isinstance(value, int):
        return check_integer(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("is a number too large for JSON")
        return value
    if depth >= MAX_DEPTH:
        raise ExpressionError(f"is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict | Mapping):
        return {check_text(str(key)): _to_value(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_value(each, depth + 1) for each in value]
    raise ExpressionError("is not a JSON value")


def check_text(text: str) -> str:
    """Return `text` if it may go into an object: "Values are UTF-8 without NUL" (section 1.4), at most 1 MiB."""
    size = len(text)
    if not text.isascii():
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise ExpressionError("holds a surrogate without its pair, which UTF-8 cannot express") from None
    if size > MAX_SIZE:
        raise ExpressionError(f"is a text of {size} bytes (max: {MAX_SIZE})")
    if "\0" in text:
        raise ExpressionError("holds a NUL character, which neither environment nor arguments can carry")
    return text


def check_integer(value: int) -> int:
    """Return `value` if it can be printed."""
    if value.bit_length() > MAX_INTEGER_BITS:
        raise ExpressionError(f"is an integer of more than {MAX_INTEGER_BITS} bits")
    return value


def charge_for(budget: Budget, value: object) -> None:
    """Charge for reading all of `value`, its parts as often as they are in it.

    A part is charged for before it is looked into, so that a list of large parts is refused at once.
    """
    if isinstance(value, str | OutputText):
        budget.charge(len(str(value)))
    todo: list[_Container] = []
    _charge_part(budget, value, todo)
    while todo:
        each = todo.pop()
        texts = 0
        for part in each.values() if isinstance(each, Mapping) else each:
            if type(part) is str:
                texts += len(part)
            elif type(part) is OutputText:
                texts += len(part.text)
            elif type(part) is not int:
                _charge_part(budget, part, todo)
        budget.charge(texts)


def _charge_part(budget: Budget, part: object, todo: list[_Container]) -> None:
    if isinstance(part, dict | list | tuple | Mapping):
        budget.charge(len(part) * ELEMENT_WORK)
        todo.append(part)


def kind(value: object) -> str:
    """Name the type of `value` in the words of JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, Mapping) else "text"


def _check_depth(value: object) -> None:
    """Refuse what is too deep, level by level: a recursion could overflow before it finds out."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ExpressionError(f"is JSON nested deeper than {MAX_DEPTH}")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _plain_leaf(value: object) -> object:
    """Print what JSON's encoder does not know: outputs are text, other mappings objects."""
    if isinstance(value, OutputText):
        return value.text
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
