"""How an expression reaches into a value: keys of objects and positions in lists, and nothing else.

No attribute of a Python object is ever looked up: ``x.items`` is the key ``items`` of an object, or undefined.
"""

from collections.abc import Callable, Mapping

from jinja2 import StrictUndefined

from brood.templating.errors import ExpressionError, absent, one_line
from brood.templating.limits import Budget
from brood.templating.values import OutputText, kind


class Missing(StrictUndefined):
    """A name, key or position that does not exist: any use but `default` and `is defined` is an error.

    Parameters
    ----------
    explain
        Says what is missing and what exists; called only if it comes to an error.
    """

    __slots__ = ("explain",)

    def __init__(self, explain: Callable[[], str]) -> None:
        super().__init__(hint="undefined")
        self.explain = explain


def defined(value: object) -> object:
    """Return `value` unless it is missing.

    Raises
    ------
    ExpressionError
        When it is missing, saying what exists.
    """
    if isinstance(value, Missing):
        raise ExpressionError(value.explain())
    return value


def plain(value: object) -> object:
    """Return `value` as operators and filters see it: defined, and an output as its text."""
    if isinstance(value, OutputText):
        return value.text
    return defined(value)


def member(value: object, key: object, path: str) -> object:
    """Return what `value` has under `key`, or what is missing there.

    Parameters
    ----------
    value
        An object (reached by text), a list (by integer, from the end if negative), or an output that is JSON.
    path
        What the author wrote for `value`, for messages.
    """
    value, key = defined(value), plain(key)
    if isinstance(value, OutputText):
        try:
            value = value.walk()
        except ExpressionError as error:
            message = f"{path} {error}, so it has no '{one_line(str(key), 40)}'"
            return Missing(lambda: message)
    if isinstance(value, Mapping):
        return _of_object(value, key, path)
    if isinstance(value, list | tuple):
        return _of_list(value, key, path)
    return Missing(lambda: f"{path} is {kind(value)}; it has no '{one_line(str(key), 40)}'")


def _of_object(value: Mapping[str, object], key: object, path: str) -> object:
    if isinstance(key, str) and key in value:
        return value[key]
    return Missing(lambda: absent(path, key, value))


def _of_list(value: list[object] | tuple[object, ...], key: object, path: str) -> object:
    if not isinstance(key, int) or isinstance(key, bool):
        return Missing(
            lambda: f"{path} is a list of {len(value)}, reached by position; it has no '{one_line(str(key), 40)}'"
        )
    if -len(value) <= key < len(value):
        return value[key]
    return Missing(lambda: f"{path} has no [{key}]; its length is {len(value)}")


def section(budget: Budget, value: object, bounds: tuple[object, object, object]) -> object:
    """Return ``value[start:stop:step]`` of a text or a list; an output is cut as a list where it is one as JSON."""
    start, stop, step = (_bound(plain(each)) for each in bounds)
    if step == 0:
        raise ExpressionError("a slice's step cannot be 0")
    value = _list_or_text(defined(value))
    if isinstance(value, str):
        budget.charge(len(value))
        return value[start:stop:step]
    if isinstance(value, list | tuple):
        budget.make_list(len(range(len(value))[start:stop:step]))
        return list(value[start:stop:step])
    raise ExpressionError(f"{kind(value)} cannot be cut by [a:b]; a text or a list can")


def _bound(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ExpressionError(f"a slice is cut at integers, not at {kind(value)}")


def _list_or_text(value: object) -> object:
    if not isinstance(value, OutputText):
        return value
    try:
        walked = value.walk()
    except ExpressionError:
        return value.text
    return walked if isinstance(walked, list) else value.text
