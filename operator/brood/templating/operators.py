"""The operators of expressions, each bounded before it is carried out."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeGuard

from brood.templating.errors import ExpressionError
from brood.templating.limits import Budget
from brood.templating.values import charge_for, kind, text_of

Binary = Callable[[Budget, object, object], object]
Unary = Callable[[object], object]


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def add(budget: Budget, left: object, right: object) -> object:
    """Add numbers, or put texts or lists one behind the other."""
    if _is_number(left) and _is_number(right):
        return left + right
    if isinstance(left, str) and isinstance(right, str):
        budget.make_text(len(left) + len(right))
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        budget.make_list(len(left) + len(right))
        return left + right
    raise ExpressionError(
        f"+ cannot add {kind(left)} and {kind(right)}; ~ joins anything as text, | int makes a number of text"
    )


def concatenate(budget: Budget, parts: Sequence[object]) -> str:
    """Join anything as text (``~``)."""
    texts = [text_of(budget, each) for each in parts]
    budget.make_text(sum(len(each) for each in texts))
    return "".join(texts)


def equal(budget: Budget, left: object, right: object) -> bool:
    """Compare two JSON values; a text never equals a number."""
    _charge_comparison(budget, left, right)
    return bool(left == right)


def contains(budget: Budget, element: object, container: object) -> bool:
    """Say whether a text holds a text, a list an element, an object a key."""
    _charge_comparison(budget, container, element)
    if isinstance(container, str):
        if isinstance(element, str):
            return element in container
        raise ExpressionError(f"`in` looks for text in a text, not for {kind(element)}")
    if isinstance(container, list | tuple):
        return element in container
    if isinstance(container, Mapping):
        return isinstance(element, str) and element in container
    raise ExpressionError(f"`in` looks into a text, a list or an object, not into {kind(container)}")


def _charge_comparison(budget: Budget, left: object, right: object) -> None:
    """Charge where a comparison can take long; scalars of different types, and numbers, cannot."""
    if isinstance(left, str) and isinstance(right, str):
        budget.charge(max(len(left), len(right)))
    elif isinstance(left, dict | list | tuple):
        charge_for(budget, left)


def _ordered(symbol: str, compare: Callable[..., bool]) -> Binary:
    def ordered(budget: Budget, left: object, right: object) -> bool:
        if _is_number(left) and _is_number(right):
            return compare(left, right)
        if isinstance(left, str) and isinstance(right, str):
            budget.charge(max(len(left), len(right)))
            return compare(left, right)
        raise ExpressionError(
            f"{symbol} cannot compare {kind(left)} with {kind(right)}; | int makes a number of text",
        )

    return ordered


def _numeric(symbol: str, calculate: Callable[..., object]) -> Binary:
    def numeric(_budget: Budget, left: object, right: object) -> object:
        if not (_is_number(left) and _is_number(right)):
            raise ExpressionError(
                f"{symbol} takes numbers, not {kind(left)} and {kind(right)}; | int makes a number of text"
            )
        try:
            return calculate(left, right)
        except ZeroDivisionError:
            raise ExpressionError("division by zero") from None

    return numeric


def _signed(symbol: str, calculate: Callable[..., object]) -> Unary:
    def signed(value: object) -> object:
        if not _is_number(value):
            raise ExpressionError(f"{symbol} takes a number, not {kind(value)}")
        return calculate(value)

    return signed


subtract: Final = _numeric("-", operator.sub)
divide: Final = _numeric("/", operator.truediv)
floor_divide: Final = _numeric("//", operator.floordiv)
negative: Final = _signed("-", operator.neg)
positive: Final = _signed("+", operator.pos)

COMPARISONS: Final[Mapping[str, Binary]] = {
    "eq": equal,
    "ne": lambda budget, left, right: not equal(budget, left, right),
    "lt": _ordered("<", operator.lt),
    "lteq": _ordered("<=", operator.le),
    "gt": _ordered(">", operator.gt),
    "gteq": _ordered(">=", operator.ge),
    "in": contains,
    "notin": lambda budget, left, right: not contains(budget, left, right),
}
