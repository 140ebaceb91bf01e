"""What runs in a Pod: container, script, environment, and the small bodies of handlers."""

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from brood.api.base import VALUE_LENGTH, WITHOUT_NUL, JsonObject, Model, Seconds, Text, checked_text
from brood.api.rules import validations, violation

MAIN_CONTAINER: Final = "main"
"""The one name that a task's container can have."""

SCRIPT_LENGTH: Final = 64 * 1024

PRESERVED: Final[dict[str, Any]] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

# No type is a structural schema's way to say "any scalar": the contradictory sizes leave no object or array that
# would pass.
SCALAR: Final[dict[str, Any]] = {
    "x-kubernetes-preserve-unknown-fields": True,
    "maxLength": VALUE_LENGTH,
    "pattern": WITHOUT_NUL,
    "minItems": 1,
    "maxItems": 0,
    "minProperties": 1,
    "maxProperties": 0,
}

Container = Annotated[JsonObject, Field(json_schema_extra=PRESERVED)]
PodTemplate = Annotated[JsonObject, Field(json_schema_extra=PRESERVED)]


def _script_size(script: str) -> str:
    """Count bytes, as an image's shell does; the schema counts characters."""
    if (size := len(script.encode())) > SCRIPT_LENGTH:
        raise ValueError(f"a script has at most {SCRIPT_LENGTH} bytes, this one {size}")
    return script


Script = Annotated[Text, StringConstraints(min_length=1, max_length=SCRIPT_LENGTH), AfterValidator(_script_size)]


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float | bool):
        raise ValueError("must be a string, number or boolean")  # noqa: TRY004 - pydantic wants ValueError
    return checked_text(value) if isinstance(value, str) else value


class EnvVar(Model):
    """A core/v1 EnvVar; numbers and booleans are accepted as values too."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["value", "valueFrom"]}})

    name: str = Field(min_length=1, max_length=253, pattern="^[^=\\x00]+$", description="Name of the variable.")
    value: Annotated[str | int | float | bool, BeforeValidator(_scalar)] | None = Field(
        None,
        json_schema_extra=SCALAR,
        description="Its value; a template. Numbers and booleans are accepted and become their text.",
    )
    value_from: Annotated[JsonObject, Field(json_schema_extra=PRESERVED)] | None = Field(
        None, description="A source as in core/v1: configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.value is not None and self.value_from is not None:
            raise violation("valueFrom", f"env {self.name!r}: value and valueFrom exclude each other")
        return self

    @property
    def text(self) -> str | None:
        """The value as text: a boolean or number as JSON writes it; None where there is no ``value``."""
        match self.value:
            case None | str():
                return self.value
            case bool():
                return "true" if self.value else "false"
            case _:
                return str(self.value)


def check_container(container: JsonObject | None, *, script: str | None, subject: str) -> None:
    """Refuse what a container cannot have.

    Contract §1.1: "Both at once [script, and the container's own command/args], or a container named otherwise than
    `main`: InvalidSpec."
    """
    if container is None:
        return
    name = container.get("name", MAIN_CONTAINER)
    if name != MAIN_CONTAINER:
        raise violation(
            "container.name", f"{subject}: the container is named {name!r}; leave the name out or use 'main'"
        )
    for key in ("command", "args"):
        if script is not None and container.get(key):
            raise violation(f"container.{key}", f"{subject}: script and container.{key} exclude each other")


class Handler(Model):
    """A small body that runs after the tasks."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            ("has(self.container) || has(self.script)", "a handler needs a container or a script")
        )
    )

    container: Container | None = Field(None, description="A core/v1 Container; its name is left out or main.")
    script: Script | None = Field(
        None,
        description="Run by /bin/sh -e of the image, at most 64 KiB, never templated; excludes container.command and "
        "args.",
    )
    env: tuple[EnvVar, ...] = Field(
        (), max_length=256, description="Variables of this handler, beside those of the definition."
    )
    timeout_seconds: Seconds | None = Field(
        None, description="Time for the handler's Pod from its start; 300 by default."
    )

    @model_validator(mode="after")
    def _body(self) -> Self:
        if self.container is None and self.script is None:
            raise violation("", "a handler needs a container or a script")
        check_container(self.container, script=self.script, subject="handler")
        return self


class Handlers(Model):
    """What runs when the tasks have ended; a failed handler never changes the run's result."""

    on_success: Handler | None = Field(None, description="Runs after a run that ended Succeeded or PartiallySucceeded.")
    on_failure: Handler | None = Field(None, description="Runs after a run that ended Failed.")
    on_cancel: Handler | None = Field(None, description="Runs after a run that was cancelled by shutdown or Replace.")
    on_exit: Handler | None = Field(None, description="Runs last, after every run that was admitted.")
