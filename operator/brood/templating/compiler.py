"""Turns the syntax tree of an expression into a function; a kind of node that has no method here is refused."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import nodes

from brood.templating import operators
from brood.templating.access import Missing, plain
from brood.templating.environment import ENVIRONMENT, TESTS
from brood.templating.errors import ExpressionError, absent
from brood.templating.filters import FILTERS, signature
from brood.templating.limits import MAX_NESTING
from brood.templating.paths import Names, Scope, Step, key_step, root_step, section_step
from brood.templating.references import References
from brood.templating.scan import Expression

_REFUSED: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "calls are not allowed, use a filter: " + ", ".join(sorted(FILTERS)),
    nodes.Mul: "* is not allowed in expressions",
    nodes.Pow: "** is not allowed in expressions",
    nodes.Mod: "% is not allowed in expressions",
}


def compile_expression(expression: Expression) -> tuple[Step, References]:
    """Turn one expression into a function of the scope, and find what it names.

    Raises
    ------
    ExpressionError
        For what is not an expression, or not allowed in one.
    """
    compiler = _Compiler()
    step = compiler.step(ENVIRONMENT.read(expression), 0)
    return step, compiler.names.references()


class _Compiler:
    """Compiles one expression; `depth` counts the steps that a value goes through."""

    def __init__(self) -> None:
        self.names: Final = Names()

    def step(self, node: nodes.Node, depth: int) -> Step:
        """Compile a node; its value may be missing, or an output."""
        if depth > MAX_NESTING:
            raise ExpressionError(f"is nested deeper than {MAX_NESTING}")
        method = _METHODS.get(type(node))
        if method is None:
            raise ExpressionError(_REFUSED.get(type(node), f"{type(node).__name__} is not allowed in expressions"))
        return method(self, node, depth + 1)

    def plain(self, node: nodes.Node, depth: int) -> Step:
        """Compile an operand: its value is there, and an output is text."""
        step = self.step(node, depth)
        return lambda scope: plain(step(scope))

    def constant(self, node: nodes.Const, _depth: int) -> Step:
        value: object = node.value
        if not (value is None or isinstance(value, str | int | float)):
            raise ExpressionError(f"{type(value).__name__} is not allowed in expressions")
        return lambda _scope: value

    def name(self, node: nodes.Name, _depth: int) -> Step:
        return root_step(node.name, (), self.names)[0]

    def path(self, node: nodes.Getattr | nodes.Getitem, depth: int) -> Step:
        """Compile a chain of dots and brackets behind a name, or behind anything else."""
        links: list[nodes.Getattr | nodes.Getitem] = []
        base: nodes.Node = node
        while isinstance(base, nodes.Getattr | nodes.Getitem):
            links.insert(0, base)
            base = base.node
        if isinstance(base, nodes.Name):
            step, used, path = root_step(base.name, [_written(link) for link in links], self.names)
        else:
            step, used, path = self.step(base, depth), 0, "the value"
        for position, link in enumerate(links[used:]):
            if depth + position > MAX_NESTING:
                raise ExpressionError(f"is nested deeper than {MAX_NESTING}")
            step, path = self.link(step, link, path=path, depth=depth + position)
        return step

    def link(self, step: Step, link: nodes.Getattr | nodes.Getitem, *, path: str, depth: int) -> tuple[Step, str]:
        """Compile one dot or bracket; returns also how the value that it gives is written."""
        if isinstance(link, nodes.Getattr):
            name = link.attr
            return key_step(step, lambda _scope: name, path), f"{path}.{name}"
        if isinstance(link.arg, nodes.Slice):
            start, stop, stride = (
                self.step(each, depth) if each else _nothing for each in (link.arg.start, link.arg.stop, link.arg.step)
            )
            return section_step(step, (start, stop, stride)), f"{path}[:]"
        shown = link.arg.value if isinstance(link.arg, nodes.Const) else "…"
        return key_step(step, self.step(link.arg, depth), path), f"{path}[{shown}]"

    def sequence(self, node: nodes.List | nodes.Tuple, depth: int) -> Step:
        steps = [self.plain(each, depth) for each in node.items]
        return lambda scope: [step(scope) for step in steps]

    def mapping(self, node: nodes.Dict, depth: int) -> Step:
        pairs = [(self.plain(pair.key, depth), self.plain(pair.value, depth)) for pair in node.items]
        return lambda scope: {_text_key(key(scope)): value(scope) for key, value in pairs}

    def filter(self, node: nodes.Filter, depth: int) -> Step:
        name = node.name
        if name not in FILTERS:
            raise ExpressionError(absent("an expression", name, FILTERS).replace("has no", "cannot use the filter", 1))
        if node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise ExpressionError(f"* and ** are not allowed among what the filter {name} takes")
        given = [self.step(each, depth) for each in node.args]
        named = {str(each.key): self.step(each.value, depth) for each in node.kwargs}
        try:
            signature(name).bind(None, *given, **named)
        except TypeError as error:
            raise ExpressionError(f"the filter {name}: {error}; it takes {signature(name)}") from None
        function, subject = FILTERS[name], self.step(node.node, depth)
        return lambda scope: function(
            scope,
            subject(scope),
            *[step(scope) for step in given],
            **{key: step(scope) for key, step in named.items()},
        )

    def test(self, node: nodes.Test, depth: int) -> Step:
        if node.name not in TESTS:
            raise ExpressionError(absent("an expression", node.name, TESTS).replace("has no", "cannot use the test", 1))
        if node.args or node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise ExpressionError(f"the test {node.name} takes nothing")
        holds, subject = TESTS[node.name], self.step(node.node, depth)
        return lambda scope: holds(subject(scope))

    def compare(self, node: nodes.Compare, depth: int) -> Step:
        first = self.plain(node.expr, depth)
        rest = [(operators.COMPARISONS[each.op], self.plain(each.expr, depth)) for each in node.ops]

        def compare(scope: Scope) -> bool:
            left = first(scope)
            for holds, step in rest:
                right = step(scope)
                if not holds(scope, left, right):
                    return False
                left = right
            return True

        return compare

    def either(self, node: nodes.Or, depth: int) -> Step:
        left, right = self.step(node.left, depth), self.step(node.right, depth)

        def either(scope: Scope) -> object:
            value = left(scope)
            return value if plain(value) else right(scope)

        return either

    def both(self, node: nodes.And, depth: int) -> Step:
        left, right = self.step(node.left, depth), self.step(node.right, depth)

        def both(scope: Scope) -> object:
            value = left(scope)
            return right(scope) if plain(value) else value

        return both

    def negation(self, node: nodes.Not, depth: int) -> Step:
        step = self.plain(node.node, depth)
        return lambda scope: not step(scope)

    def condition(self, node: nodes.CondExpr, depth: int) -> Step:
        test, yes = self.plain(node.test, depth), self.step(node.expr1, depth)
        no = self.step(node.expr2, depth) if node.expr2 is not None else _no_else
        return lambda scope: yes(scope) if test(scope) else no(scope)

    def binary(self, node: nodes.BinExpr, depth: int) -> Step:
        calculate = _BINARY[type(node)]
        left, right = self.plain(node.left, depth), self.plain(node.right, depth)
        return lambda scope: calculate(scope, left(scope), right(scope))

    def unary(self, node: nodes.UnaryExpr, depth: int) -> Step:
        calculate = operators.negative if type(node) is nodes.Neg else operators.positive
        step = self.plain(node.node, depth)
        return lambda scope: calculate(step(scope))

    def concatenation(self, node: nodes.Concat, depth: int) -> Step:
        steps = [self.plain(each, depth) for each in node.nodes]
        return lambda scope: operators.concatenate(scope, [step(scope) for step in steps])


_BINARY: Final[Mapping[type[nodes.Node], operators.Binary]] = {
    nodes.Add: operators.add,
    nodes.Sub: operators.subtract,
    nodes.Div: operators.divide,
    nodes.FloorDiv: operators.floor_divide,
}

_METHODS: Final[Mapping[type[nodes.Node], Callable[[_Compiler, Any, int], Step]]] = {
    nodes.Const: _Compiler.constant,
    nodes.Name: _Compiler.name,
    nodes.Getattr: _Compiler.path,
    nodes.Getitem: _Compiler.path,
    nodes.List: _Compiler.sequence,
    nodes.Tuple: _Compiler.sequence,
    nodes.Dict: _Compiler.mapping,
    nodes.Filter: _Compiler.filter,
    nodes.Test: _Compiler.test,
    nodes.Compare: _Compiler.compare,
    nodes.And: _Compiler.both,
    nodes.Or: _Compiler.either,
    nodes.Not: _Compiler.negation,
    nodes.CondExpr: _Compiler.condition,
    nodes.Neg: _Compiler.unary,
    nodes.Pos: _Compiler.unary,
    nodes.Concat: _Compiler.concatenation,
    **dict.fromkeys(_BINARY, _Compiler.binary),
}


def _written(link: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(link, nodes.Getattr):
        return link.attr
    return link.arg.value if isinstance(link.arg, nodes.Const) and isinstance(link.arg.value, str) else None


def _nothing(_scope: Scope) -> None:
    return None


def _no_else(_scope: Scope) -> Missing:
    return Missing(lambda: "the condition is false, and there is no else")


def _text_key(key: object) -> str:
    if isinstance(key, str):
        return key
    raise ExpressionError("the keys of an object are text")
