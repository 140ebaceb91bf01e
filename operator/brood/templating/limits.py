"""What an expression may cost: sizes, depths, and the work of one rendering.

A template is written by whoever may create a JobDefinition, the values in it by whoever may create a JobRun, and both
are evaluated inside the operator that serves everybody. So every dimension has a limit, and the limits are checked
before the work is done, not afterwards.
"""

from brood.templating.errors import ExpressionError

MAX_SOURCE = 64 * 1024
"""Characters of one templated string, literal text included."""

MAX_EXPRESSION = 2048
"""Characters between one pair of ``{{`` and ``}}``."""

MAX_TOKENS = 1000
"""Words, signs and quoted texts in all expressions of one string: reading one costs about 5 µs."""

MAX_EXPRESSIONS = 256
"""Expressions in one string."""

MAX_NESTING = 48
"""Depth of one expression's syntax tree; a chain of `and` or `+` counts one a link."""

MAX_DEPTH = 100
"""Depth of a JSON value that is walked, printed or returned."""

MAX_SIZE = 1024 * 1024
"""Characters of any text that an expression makes, and bytes of what a rendering returns."""

MAX_LENGTH = 100_000
"""Elements of a list that an expression makes; the largest `maxItems`."""

MAX_WORK = 8 * 1024 * 1024
"""Work of one rendering, in characters read or written (about 1 to 20 ns each)."""

ELEMENT_WORK = 10
"""Work that one element of a list or object is, when it is read, printed or compared."""

PARSING_WORK = 4
"""Work that one character of JSON is, when it is parsed."""

MAX_INTEGER_BITS = 4096
"""Bits of an integer that is printed or returned; Python refuses to print much more."""

MAX_PATTERN = 1000
"""Characters of a regular expression."""

PATTERN_STEPS_PER_WORK = 4
"""Steps of a regular expression, at worst (size of its program) x (length of the text) of 5 ns, that count as one."""


class Budget:
    """The work that is left to one rendering."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_WORK

    def charge(self, work: int) -> None:
        """Take `work` characters from the budget.

        Raises
        ------
        ExpressionError
            When the budget is used up.
        """
        self.left -= work
        if self.left < 0:
            raise ExpressionError("costs too much: its values are too large for what it does with them")

    def make_text(self, size: int) -> None:
        """Charge for a text of `size` characters that is about to be made."""
        if size > MAX_SIZE:
            raise ExpressionError(f"makes a text of {size} characters (max: {MAX_SIZE})")
        self.charge(size)

    def make_list(self, length: int) -> None:
        """Charge for a list of `length` elements that is about to be made."""
        if length > MAX_LENGTH:
            raise ExpressionError(f"makes a list of {length} elements (max: {MAX_LENGTH})")
        self.charge(length * ELEMENT_WORK)
