"""``parallel``: a body done once per item."""

import re
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from brood.api.base import BEYOND, CRD_DEFAULT, Model, Template, is_integer
from brood.api.rules import violation

MOST_ITEMS = 100_000
"""So many items a task may have."""

PERCENT = "^(100|[1-9]?[0-9])%$"


def _max_failures(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(PERCENT.strip("^$"), value):
        return value
    raise ValueError("must be an integer of at least 0, or a percentage such as '10%'")


MaxFailures = Annotated[
    int | str,
    BeforeValidator(_max_failures),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True, "minimum": 0, "pattern": PERCENT, "maxLength": 4}),
]

# CEL cannot see `items`, whose elements are of any type; a schema can.
_ONE_SOURCE: dict[str, Any] = {"oneOf": [{"required": ["items"]}, {"required": ["itemsFrom"]}]}


class Parallel(Model):
    """Where items come from and how many of them run and may fail."""

    model_config = ConfigDict(json_schema_extra=_ONE_SOURCE)

    items: tuple[JsonValue, ...] | None = Field(
        None,
        max_length=1000,
        description="The items, written out, of any JSON type; data, never templates. Excludes itemsFrom.",
    )
    items_from: Annotated[Template, StringConstraints(min_length=1)] | None = Field(
        None, description="A template that renders to a JSON array or object, to lines, or to words. Excludes items."
    )
    max_concurrent: Annotated[StrictInt, Field(ge=1, le=MOST_ITEMS)] = Field(
        8, json_schema_extra=CRD_DEFAULT, description="So many items run at a time."
    )
    max_items: Annotated[StrictInt, Field(ge=1, le=MOST_ITEMS)] = Field(
        1000,
        json_schema_extra=CRD_DEFAULT,
        description="More items than this fail the task before any starts; counted before equal items are dropped.",
    )
    max_failures: MaxFailures = Field(
        0,
        description="So many items, or so many percent (rounded down), may fail or be cancelled and the task still "
        "succeeds.",
    )
    fail_fast: StrictBool = Field(
        default=False, description="Once more than maxFailures items have failed, no further item and no retry starts."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.items is None) == (self.items_from is None):
            raise violation("", "parallel needs either items or itemsFrom")
        for at, item in enumerate(self.items or ()):
            if not _is_exact(item):
                raise violation(f"items[{at}]", f"holds {BEYOND}; quote it")
        return self


def _is_exact(value: JsonValue) -> bool:
    """Whether the API server keeps every integer in a value."""
    if isinstance(value, list | dict):
        return all(map(_is_exact, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool) or not isinstance(value, int) or is_integer(value)
