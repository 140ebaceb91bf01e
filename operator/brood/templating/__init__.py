"""Expressions: parse, check against the allow-list, evaluate within a budget.

Templates stand in leaf strings of parsed objects and are rendered in one pass (contract, section 1.3)::

    template = compile_template("encode-{{ params.OutputEncoding }}", field="spec.concurrency.key")
    template.references.params          # frozenset({"OutputEncoding"})
    template.render(Context(params={"OutputEncoding": "WebM"}, run=run), field="spec.concurrency.key")

The way of a string: `scan` takes the expressions out of it, `environment` (Jinja2's sandbox) reads each into a syntax
tree, `compiler` turns the tree into a function by an allow-list of nodes, `paths` and `access` reach into values,
`filters` and `operators` work on them, all within the `limits`. No Python code is made from what a user writes, and no
attribute of a Python object is ever looked up by a name that a user wrote.
"""

from brood.templating.context import ABSENT, Context
from brood.templating.errors import PatternError, TemplateError
from brood.templating.patterns import check_pattern, full_match
from brood.templating.references import References
from brood.templating.scan import is_template
from brood.templating.template import Template, compile_template, render_condition
from brood.templating.tree import render_tree, walk_strings
from brood.templating.values import OutputText, Value

__all__ = [
    "ABSENT",
    "Context",
    "OutputText",
    "PatternError",
    "References",
    "Template",
    "TemplateError",
    "Value",
    "check_pattern",
    "compile_template",
    "full_match",
    "is_template",
    "render_condition",
    "render_tree",
    "walk_strings",
]
