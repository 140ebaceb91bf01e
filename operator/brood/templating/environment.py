"""The Jinja2 environment of expressions.

"Jinja2, `ImmutableSandboxedEnvironment`, `StrictUndefined`" (contract, section 1.3). It reads the expressions;
`compiler` turns what it read into functions, so that no Python code is generated from what users write, and cost can be
counted. The environment itself holds nothing but the allow-list: its own evaluation (tests compare) is as harmless.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.nodes import Expr
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from brood.templating.access import Missing, member, plain
from brood.templating.errors import ExpressionError
from brood.templating.filters import FILTERS, Filter
from brood.templating.limits import Budget
from brood.templating.scan import Expression

Test = Callable[[object], bool]

TESTS: Final[Mapping[str, Test]] = {
    "defined": lambda value: not isinstance(value, Missing),
    "undefined": lambda value: isinstance(value, Missing),
    "none": lambda value: plain(value) is None,
    "number": lambda value: isinstance(plain(value), int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(plain(value), str),
}
"""The tests of ``is``, by an allow-list."""


class ExpressionEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox in which a dot and a bracket reach keys and positions, never an attribute of a Python object."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, optimized=False, autoescape=False, cache_size=0)
        self.globals.clear()
        self.tests.clear()
        self.tests.update(TESTS)
        self.filters.clear()
        self.filters.update({name: _unmetered(function) for name, function in FILTERS.items()})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a key of an object."""
        return member(obj, attribute, "the value")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a key of an object, or a position in a list."""
        return member(obj, argument, "the value")

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002
        """Refuse every call."""
        return False

    def read(self, expression: Expression) -> Expr:
        """Read one expression.

        Raises
        ------
        ExpressionError
            When it is not one.
        """
        try:
            parser = Parser(self, expression.readable, state="variable")
            tree = parser.parse_expression()
            if parser.stream.current.type != "eof":
                raise ExpressionError(f"unexpected '{parser.stream.current.value}'; one expression was expected")
        except TemplateSyntaxError as error:
            raise ExpressionError(f"syntax error: {error.message}") from None
        except RecursionError:
            raise ExpressionError("is nested too deep") from None
        return tree


def _unmetered(function: Filter) -> Filter:
    return lambda *given, **named: function(Budget(), *given, **named)


ENVIRONMENT: Final = ExpressionEnvironment()
