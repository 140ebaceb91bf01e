"""What all models share: strictness, the spelling of fields, and the types of names and values."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self, TypeGuard

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StrictInt,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

GROUP: Final = "brood.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

LABEL_VALUE: Final = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
ENVIRONMENT_NAME: Final = "^[A-Za-z_][A-Za-z0-9_]*$"
WITHOUT_NUL: Final = "^[^\\x00]*$"
NAME_LENGTH: Final = 63
ENVIRONMENT_NAME_LENGTH: Final = 128
VALUE_LENGTH: Final = 256 * 1024
TEMPLATE_LENGTH: Final = 4096
_INTEGERS: Final = range(-(2**63), 2**63)
BEYOND: Final = "an integer of more than 64 bits, which the API server would not keep exact"

CRD_DEFAULT: Final[dict[str, Any]] = {"x-brood-default": True}
"""Marks a field whose default the API server fills in; others stay absent where nobody set them, because they merge."""

RESERVED_WORDS: Final = "PATH, HOME, IFS, LD_*, BROOD_* and YAML booleans (y, n, yes, no, on, off, true, false)"

# One expression, because that is cheaper for the API server than a chain of comparisons.
RESERVED_PATTERN: Final = "^(PATH|HOME|IFS|LD_.*|BROOD_.*|(?i:y|n|yes|no|on|off|true|false))$"


def without_nulls(data: object) -> object:
    """Return an object without its fields that are null: the API server drops them, so do the models."""
    if isinstance(data, dict):
        return {name: value for name, value in data.items() if value is not None}
    return data


class Model(BaseModel):
    """Base of every spec model: frozen, camelCase on the wire, unknown fields refused.

    Attributes may be given by either spelling in Python; manifests are read by alias only (see ``parse.py``).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        return without_nulls(data)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form with exactly the fields that were given: merges and hashes see what the user wrote."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read the JSON form; camelCase names only. Raises pydantic's ``ValidationError``."""
        return cls.model_validate(data, by_alias=True, by_name=False)


def reserved_name_problem(name: str) -> str | None:
    """Say why a name cannot be one of a param or output, or None.

    Contract: "``PATH HOME IFS LD_* BROOD_*`` and the YAML 1.1 booleans in any case […] are refused."
    """
    if not re.fullmatch(ENVIRONMENT_NAME.strip("^$"), name) or len(name) > ENVIRONMENT_NAME_LENGTH:
        return (
            f"{name!r} is no environment name: letters, digits and _, not beginning with a digit, "
            f"at most {ENVIRONMENT_NAME_LENGTH} characters"
        )
    if re.fullmatch(RESERVED_PATTERN.strip("^$"), name):
        return f"{name!r} is reserved: {RESERVED_WORDS} are refused"
    return None


def _not_reserved(name: str) -> str:
    problem = reserved_name_problem(name)
    if problem:
        raise ValueError(problem)
    return name


def checked_text(value: str) -> str:
    """Return text that can be in an environment or a file of one; ``ValueError`` for what cannot."""
    if "\0" in value:
        raise ValueError("a value is UTF-8 text without NUL")
    if len(value) > VALUE_LENGTH:
        raise ValueError(f"a value has at most {VALUE_LENGTH} characters, this one {len(value)}")
    return value


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a JSON value is an integer that the API server keeps exact: one of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and _INTEGERS.start <= value < _INTEGERS.stop


def format_time(value: datetime) -> str:
    """Return RFC 3339 with whole seconds and ``Z``, the wire form of times."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"  # %Y has no zeros before year 1000


# The CEL counterpart of `reserved_name_problem`; the pattern beside it covers the alphabet.
_RESERVED_CEL: Final = {
    "rule": f"!self.matches('{RESERVED_PATTERN}')",
    "message": f"reserved name: {RESERVED_WORDS} are refused",
}

# Two rules, because one would exceed the API server's cost budget for the tasks of local definitions.
_PARAMS_CEL: Final = [
    {
        "rule": "self.all(k, k.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
        "message": "the name of a param has letters, digits and _ only and does not begin with a digit",
    },
    {
        "rule": f"self.all(k, !k.matches('{RESERVED_PATTERN}'))",
        "message": _RESERVED_CEL["message"],
    },
]

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH, pattern=LABEL_VALUE)]
"""Name of a task, a definition or a local definition: a label value of at most 63 characters."""

EnvironmentName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=ENVIRONMENT_NAME_LENGTH),
    AfterValidator(_not_reserved),
    Field(json_schema_extra={"pattern": ENVIRONMENT_NAME, "x-kubernetes-validations": [_RESERVED_CEL]}),
]
"""Name of a param or an output."""

Text = Annotated[
    str,
    StringConstraints(max_length=VALUE_LENGTH, strict=True),
    AfterValidator(checked_text),
    Field(json_schema_extra={"pattern": WITHOUT_NUL}),
]
"""Text that can be in an environment."""


def _value(value: object) -> object:
    """Refuse what is neither text nor an integer, with one error instead of one for each type of the union."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a string or an integer; quote other values")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, int) and not is_integer(value):
        raise ValueError(f"is {BEYOND}; quote it")
    return checked_text(value) if isinstance(value, str) else value


Value = Annotated[
    str | int,
    BeforeValidator(_value),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": VALUE_LENGTH, "pattern": WITHOUT_NUL}),
]
"""Value of a param: a string or an integer; other scalars must be quoted."""

Values = Annotated[
    dict[EnvironmentName, Value],
    Field(max_length=128, json_schema_extra={"x-kubernetes-validations": _PARAMS_CEL}),
    BeforeValidator(without_nulls),
]
"""Params by name."""

Template = Annotated[str, StringConstraints(max_length=TEMPLATE_LENGTH, strict=True)]
"""A string that may hold ``{{ … }}``."""

JsonObject = dict[str, JsonValue]
"""A core/v1 object that brood does not model; kept as it is."""

Seconds = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
NonNegative = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
ExitCode = Annotated[StrictInt, Field(ge=0, le=255)]

Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(format_time, return_type=str),
    Field(json_schema_extra={"type": "string", "format": "date-time"}),
]
"""A timezone-aware time; RFC 3339 with seconds on the wire."""
