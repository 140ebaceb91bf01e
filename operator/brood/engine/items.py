"""The items of a parallel task: what each form of `items` and `itemsFrom` means, and which params each item's child gets (§3)."""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from brood.api.base import checked_text, is_integer, reserved_name_problem
from brood.api.jobdefinition import Param

Value = str | int


class TooManyItems(Exception):
    """More items than `maxItems`, counted before equal ones are dropped; the message is the contract's."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"parallel execution exceeds maximum limit: {count} items (max: {limit})")


class InvalidItem(Exception):
    """An item that cannot become the params of a child run; the message names its index."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its place in the list as written or rendered, and what its child run gets.

    ``text`` is what `$BROOD_ITEM` holds; ``shown`` is `parameters` of the aggregate: the item's text, or the object of final params;
    ``positional`` says that the text is `$1` of a child that declares no params.
    """

    index: int
    params: Mapping[str, Value]
    text: str
    shown: JsonValue
    positional: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """All items that count, without the dropped duplicates, in the order of the list."""

    items: tuple[Item, ...]
    indexes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.items)

    def after(self, index: int) -> int:
        """Return the position of the first item behind an index of the list."""
        return bisect_left(self.indexes, index + 1)


def text_of(value: JsonValue) -> str:
    """Return the text of an item or param: a string as it is, anything else its JSON text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def from_rendered(value: JsonValue) -> Sequence[JsonValue]:
    """Read what `itemsFrom` rendered to: a JSON array, one JSON object, several lines, or one line of words."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, str):
        return [] if value is None else [value]
    text = value.strip()
    if text[:1] in {"[", "{"}:
        try:
            parsed: JsonValue = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return parsed if isinstance(parsed, list) else [parsed]
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if line]
    return list(lines) if len(lines) > 1 else list(text.split())


def expand(
    values: Iterable[JsonValue],
    *,
    declared: Sequence[Param],
    call: Callable[[JsonValue, int], Mapping[str, Value]] | None,
    container: bool,
    rendered: bool = False,
) -> Items:
    """Return the items with the params of their children; of items with equal final params only the first counts.

    Parameters
    ----------
    values
        The list as written or rendered.
    declared
        The params that the child's definition declares.
    call
        Renders the `params` of the body for one item and its index; they replace the item. None where the body has none.
    container
        The body is a container: the item itself is `$1`, its keys are variables.
    rendered
        The items come from `itemsFrom`: what an object holds beside params of the child is not meant for it.
    """
    names = frozenset(param.name for param in declared) if rendered and not container else frozenset()
    seen: set[tuple[object, ...]] = set()
    items: list[Item] = []
    for index, value in enumerate(values):
        if call is None and isinstance(value, dict) and not names.isdisjoint(value):
            value = {name: one for name, one in value.items() if name in names}  # noqa: PLW2901 - the item as it counts
        item = _item(index, value, declared, call, container=container)
        final = tuple(sorted((name, str(one)) for name, one in item.params.items()))
        key = (final, item.text if item.positional else None)
        if key not in seen:
            seen.add(key)
            items.append(item)
    return Items(tuple(items), tuple(item.index for item in items))


def _item(
    index: int,
    value: JsonValue,
    declared: Sequence[Param],
    call: Callable[[JsonValue, int], Mapping[str, Value]] | None,
    *,
    container: bool,
) -> Item:
    text = text_of(value)
    if call is not None:
        params = dict(call(value, index))
        return Item(index, params, text, {**params})
    if isinstance(value, dict):
        named = {_name(index, name): _value(index, one) for name, one in value.items()}
        return Item(index, named, text, {**named})
    checked = str(_value(index, text))
    if container or not declared:
        return Item(index, {}, checked, checked, positional=True)
    return Item(index, {declared[0].name: checked}, checked, checked)


def _name(index: int, name: str) -> str:
    problem = reserved_name_problem(name)
    if problem is not None:
        msg = f"item {index}: {problem}"
        raise InvalidItem(msg)
    return name


def _value(index: int, value: JsonValue) -> Value:
    """Return a param's value: text or an integer; "booleans, floats and null become their JSON text" (§4), as do larger integers."""
    if is_integer(value):
        return value
    try:
        return checked_text(text_of(value))
    except ValueError as error:
        msg = f"item {index}: {error}"
        raise InvalidItem(msg) from None
