"""Templates: compiled once, rendered often."""

from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import or_
from typing import NoReturn

from jinja2 import UndefinedError

from brood.templating.access import defined, plain
from brood.templating.compiler import compile_expression
from brood.templating.context import Context
from brood.templating.errors import ExpressionError, TemplateError
from brood.templating.operators import concatenate
from brood.templating.paths import Scope, Step
from brood.templating.references import NOTHING, References
from brood.templating.scan import is_template, split
from brood.templating.values import Value, check_text, print_json, text_of, to_value

_MAX_CACHED_SOURCE = 8 * 1024  # so that the cache stays below 20 MB whatever users write
_FAULTS = (ArithmeticError, RecursionError, TypeError, UndefinedError, ValueError)
"""What Python itself may raise on unusual values; nothing of it may end the pass over a whole run."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One expression of a template."""

    text: str
    step: Step


@dataclass(frozen=True, slots=True)
class Template:
    """A string of a definition, with the expressions in it compiled. Made by `compile_template`.

    Attributes
    ----------
    source
        The string as written.
    references
        What its expressions name.
    """

    source: str
    references: References
    _parts: tuple[str | _Part, ...] = field(repr=False)

    def render(self, context: Context, *, field: str) -> Value:
        """Render; "a value that is one whole `{{ … }}` keeps its type", anything else is text.

        Parameters
        ----------
        context
            What the names stand for.
        field
            Path of the field, for messages.

        Raises
        ------
        TemplateError
            When a name is undefined, a filter refuses its value, or the result is too large or holds a NUL.
        """
        if len(self._parts) != 1:
            return self.render_text(context, field=field)
        part = self._parts[0]
        if isinstance(part, str):
            return part
        try:
            scope = Scope(context)
            return to_value(scope, defined(part.step(scope)))
        except (ExpressionError, *_FAULTS) as error:
            _refuse(error, field=field, expression=part.text)

    def render_text(self, context: Context, *, field: str) -> str:
        """Render to text: texts and outputs exact, integers decimal, everything else as compact JSON.

        Parameters and errors are those of `render`.
        """
        scope, texts, expression = Scope(context), [], ""
        try:
            for part in self._parts:
                if isinstance(part, str):
                    texts.append(part)
                else:
                    expression = part.text
                    texts.append(text_of(scope, plain(part.step(scope))))
            return check_text(concatenate(scope, texts))
        except (ExpressionError, *_FAULTS) as error:
            _refuse(error, field=field, expression=expression)


def compile_template(source: str, *, field: str) -> Template:
    """Compile a string; a string without expressions renders to itself.

    Parameters
    ----------
    source
        A leaf string of a parsed object.
    field
        Path of the field, for messages.

    Raises
    ------
    TemplateError
        For a syntax error, a statement, a call, ``*``, ``**`` or ``%``, an unknown filter, test or name, a name of
        a param, task or output that is not written out, and for what is too long or nested too deep.
    """
    if not is_template(source):
        return Template(source, NOTHING, (source,))
    compiled = _compile_cached(source) if len(source) <= _MAX_CACHED_SOURCE else _compile(source)
    if isinstance(compiled, Template):
        return compiled
    raise TemplateError(compiled.detail, field=field, expression=compiled.expression)


def render_condition(template: Template, context: Context, field: str) -> bool:
    """Render a `when`: a boolean, or the text ``true`` or ``false`` in any case, white space around it ignored.

    Raises
    ------
    TemplateError
        For anything else, naming the value, and as `Template.render` does.
    """
    value = template.render(context, field=field)
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in ("true", "false"):
        return word == "true"
    shown = print_json(value)
    shown = shown if len(shown) <= 60 else shown[:59] + "…"  # noqa: PLR2004
    raise TemplateError(
        f"a condition is true or false, not {shown}", field=field, expression=_only_expression(template)
    )


def _compile(source: str) -> Template | TemplateError:
    """Compile, or return the error, to be cached as well: a bad definition is looked at as often as a good one."""
    expression = ""
    try:
        parts: list[str | _Part] = []
        references: list[References] = []
        for piece in split(source):
            if isinstance(piece, str):
                parts.append(piece)
                continue
            expression = piece.text
            step, named = compile_expression(piece)
            parts.append(_Part(piece.text, step))
            references.append(named)
        return Template(source, reduce(or_, references, NOTHING), tuple(parts))
    except ExpressionError as error:
        return TemplateError(str(error), expression=expression)
    except _FAULTS as error:
        return TemplateError(_words(error), expression=expression)


_compile_cached = lru_cache(maxsize=2048)(_compile)


def _only_expression(template: Template) -> str:
    texts = [part.text for part in template._parts if not isinstance(part, str)]  # noqa: SLF001
    return texts[0] if texts else ""


def _refuse(error: Exception, *, field: str, expression: str) -> NoReturn:
    raise TemplateError(_words(error), field=field, expression=expression) from None


def _words(error: Exception) -> str:
    return "is nested too deep" if isinstance(error, RecursionError) else str(error)
