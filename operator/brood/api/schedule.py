"""When a definition runs by itself, and how many of those runs are kept."""

from datetime import UTC, datetime
from typing import Annotated, Self

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from brood.api.base import CRD_DEFAULT, Model, NonNegative
from brood.api.rules import validations, violation

FIVE_FIELDS = r"^\S+( +\S+){4}$"


def ticks(cron: str, after: datetime, *, reverse: bool = False) -> CronSim:
    """Return the ticks of an expression after (or before) a time. A field `?` is `*`, as for a CronJob."""
    return CronSim(" ".join("*" if field == "?" else field for field in cron.split()), after, reverse=reverse)


def _cron(value: str) -> str:
    try:
        ticks(value, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{value!r} is no cron expression of five fields: {error}") from error
    return value


Cron = Annotated[str, StringConstraints(max_length=256, pattern=FIVE_FIELDS), AfterValidator(_cron)]


class Schedule(Model):
    """A run per tick of a clock, or per revision of the definition."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                "has(self.cron) != (has(self.onChange) && self.onChange)",
                "a schedule needs either cron or onChange: true",
            ),
            (
                (
                    "has(self.cron) || "
                    "!(has(self.timeZone) || has(self.startingDeadlineSeconds) || has(self.skipIfSuccessful))"
                ),
                "timeZone, startingDeadlineSeconds and skipIfSuccessful need cron",
            ),
        )
    )

    cron: Cron | None = Field(None, description="Five-field cron expression. Excludes onChange.")
    time_zone: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="IANA name of the zone that cron is read in; UTC by default."
    )
    starting_deadline_seconds: NonNegative | None = Field(
        None,
        description="A tick that could not start within so many seconds is missed; without it, no limit, as for a "
        "CronJob.",
    )
    skip_if_successful: StrictBool = Field(
        default=False, description="A tick is skipped where a run of its slot has already succeeded; false by default."
    )
    on_change: StrictBool = Field(default=False, description="A run per revision of the definition. Excludes cron.")

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        if (self.cron is not None) == self.on_change:
            raise violation("", "a schedule needs either cron or onChange: true")
        if self.cron is None:
            for field in ("time_zone", "starting_deadline_seconds", "skip_if_successful"):
                if field in self.model_fields_set:
                    raise violation(to_camel(field), f"{to_camel(field)} needs cron")
        return self


class History(Model):
    """How many ended runs that the schedule made are kept."""

    successful: NonNegative = Field(
        10, json_schema_extra=CRD_DEFAULT, description="So many that ended Succeeded or PartiallySucceeded are kept."
    )
    failed: NonNegative = Field(10, json_schema_extra=CRD_DEFAULT, description="So many that ended otherwise are kept.")
