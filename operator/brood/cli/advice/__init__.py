"""What `brood lint` advises about a definition that can be run: what most likely was not meant, and what could be better.

Each module holds the rules of one subject; a rule takes a `Part`, the tasks of a definition or of one of its local definitions,
and yields `Advice`. Nothing here is an error: errors are those of the operator (`brood.engine.validate`) and of the schema.
"""

from collections.abc import Callable, Iterator
from typing import Final

from brood.api.jobdefinition import JobDefinitionSpec
from brood.cli.advice.effects import continue_on_without_effect
from brood.cli.advice.images import missing_image, missing_resources, unpinned_image
from brood.cli.advice.injection import shell_injection
from brood.cli.advice.parts import Advice, Part, parts_of
from brood.cli.advice.reach import unreachable_task
from brood.cli.advice.scripts import output_not_upstream, template_in_script
from brood.cli.advice.unused import unused_output, unused_param

_RULES: Final[tuple[Callable[[Part], Iterator[Advice]], ...]] = (
    template_in_script,
    shell_injection,
    output_not_upstream,
    unreachable_task,
    continue_on_without_effect,
    missing_image,
    unpinned_image,
    missing_resources,
    unused_param,
    unused_output,
)


def advise(spec: JobDefinitionSpec) -> Iterator[Advice]:
    """Yield all advice about a definition in which `brood.engine.validate.problems` finds nothing."""
    for part in parts_of(spec):
        for rule in _RULES:
            yield from rule(part)
