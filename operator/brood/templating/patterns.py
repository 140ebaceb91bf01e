"""Regular expressions in linear time (RE2): the filter `matches`, and `pattern` of params.

Python's own engine backtracks, so a pattern like ``(a+)+$`` takes exponential time; RE2 has neither back-references nor
look-around, and never takes longer than (length of the text) x (size of the pattern).
"""

from functools import lru_cache
from typing import Any

import re2

from brood.templating.errors import ExpressionError, PatternError
from brood.templating.limits import MAX_PATTERN, PATTERN_STEPS_PER_WORK, Budget

_MAX_MEMORY = 512 * 1024  # bytes of one compiled pattern and its automata; larger ones are refused


@lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN:
        raise ExpressionError(f"a pattern of {len(pattern)} characters is too long (max: {MAX_PATTERN})")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise ExpressionError("the pattern is not UTF-8") from None
    except re2.error as error:
        cause = error.args[0] if error.args else "unknown error"
        text = cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)
        raise ExpressionError(f"'{pattern[:60]}' is not a regular expression of RE2: {text}") from None


def search(budget: Budget, pattern: str, text: str) -> bool:
    """Say whether `pattern` is found anywhere in `text`; ``^`` and ``$`` are the ends of the text.

    Raises
    ------
    ExpressionError
        When the pattern is not one, or pattern and text together are too large.
    """
    compiled = _compile(pattern)
    budget.charge(len(text) * compiled.programsize // PATTERN_STEPS_PER_WORK)
    return compiled.search(_encoded(text)) is not None


def full_match(pattern: str, text: str) -> bool:
    """Say whether the whole of `text` matches: "`pattern` must match the whole value" (contract, section 4).

    Raises
    ------
    PatternError
        When the pattern is not one, or pattern and text together are too large.
    """
    try:
        compiled = _compile(pattern)
        Budget().charge(len(text) * compiled.programsize // PATTERN_STEPS_PER_WORK)
        return compiled.fullmatch(_encoded(text)) is not None
    except ExpressionError as error:
        raise PatternError(str(error)) from None


def check_pattern(pattern: str) -> None:
    """Refuse what is not a regular expression, or too large a one.

    Raises
    ------
    PatternError
        With the engine's words.
    """
    try:
        _compile(pattern)
    except ExpressionError as error:
        raise PatternError(str(error)) from None


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ExpressionError("the text holds a surrogate without its pair, which UTF-8 cannot express") from None
