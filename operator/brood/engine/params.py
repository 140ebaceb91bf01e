"""Params of a run: what was given, checked against what the definition declares (§2)."""

from collections.abc import Iterable, Mapping

from brood.api.jobdefinition import Param
from brood.templating import full_match

Value = str | int
_SHOWN = 60


class InvalidParams(Exception):
    """The params of a run do not fit its definition; the message is one line and names the param."""


def resolve(declared: Iterable[Param], given: Mapping[str, Value]) -> dict[str, Value]:
    """Return the final params, the declared ones first and in their order.

    A definition that declares none accepts any. A declared param that is neither given nor has a default is empty text, so that
    the positions of those behind it stay what they are.

    Raises
    ------
    InvalidParams
        For an unknown name, a missing required param, or a value outside `enum` or `pattern`.
    """
    params = tuple(declared)
    if not params:
        return dict(sorted(given.items()))
    names = [param.name for param in params]
    unknown = sorted(set(given) - set(names))
    if unknown:
        msg = f"unknown param {unknown[0]}; the definition declares {', '.join(names)}"
        raise InvalidParams(msg)
    return {param.name: _value(param, given) for param in params}


def differing_params(declared: Iterable[Param], of: tuple[Mapping[str, Value], Mapping[str, Value]], old: str) -> str:
    """Say which final params of a run and of ``old``, whose results it would take over, differ; "" if none.

    Raises
    ------
    InvalidParams
        If those of one of them do not fit.
    """
    params = tuple(declared)
    now, before = ({name: str(value) for name, value in resolve(params, one).items()} for one in of)
    differ = [name for name in {**now, **before} if now.get(name) != before.get(name)]
    return f"{old} had other params: {', '.join(differ)}" if differ else ""


def _value(param: Param, given: Mapping[str, Value]) -> Value:
    if param.name not in given:
        if param.default is not None:
            return param.default
        if param.required:
            told = f" ({param.description})" if param.description else ""
            msg = f"missing required param {param.name}{told}"
            raise InvalidParams(msg)
        return ""
    value = given[param.name]
    if param.enum and str(value) not in {str(one) for one in param.enum}:
        msg = f"param {param.name} is {_shown(value)}; allowed: {', '.join(str(one) for one in param.enum)}"
        raise InvalidParams(msg)
    if param.pattern is not None and not full_match(param.pattern, str(value)):
        msg = f"param {param.name} is {_shown(value)}; it must match {param.pattern}"
        raise InvalidParams(msg)
    return value


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
