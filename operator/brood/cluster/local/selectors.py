"""Label selectors as the API server reads them: ``a=b``, ``a!=b``, ``a``, ``!a``, ``a in (b,c)``, ``a notin (b,c)``."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from brood.cluster.port import Invalid

Labels = Mapping[str, str]
Selector = Callable[[Labels], bool]

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?"
_EQUALS = re.compile(rf"({_KEY})\s*(==?|!=)\s*({_VALUE})")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_SPLIT = re.compile(r",(?![^(]*\))")


def _requirement(text: str) -> Selector:
    if match := _EQUALS.fullmatch(text):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(text):
        absent, key = match.groups()
        if absent:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    if match := _SET.fullmatch(text):
        key, operator, listed = match.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        if operator == "notin":
            return lambda labels: labels.get(key) not in values
        return lambda labels: labels.get(key) in values
    raise Invalid(f"unable to parse requirement: {text!r}")


@lru_cache(maxsize=256)
def label_selector(text: str) -> Selector:
    """Compile a selector; raises `Invalid` for text that is none."""
    requirements = [_requirement(part.strip()) for part in _SPLIT.split(text)] if text.strip() else []
    return lambda labels: all(requirement(labels) for requirement in requirements)
