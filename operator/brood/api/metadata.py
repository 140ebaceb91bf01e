"""Object metadata as far as a manifest can carry it."""

from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from brood.api.base import NAME_LENGTH, Model

OBJECT_NAME: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""A DNS-1123 subdomain, as the API server wants it."""


class ObjectMeta(Model):
    """meta/v1 ObjectMeta. What the server writes is accepted, so that objects read back can be parsed as well."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH, pattern=OBJECT_NAME)] | None = Field(
        None, description="Name of the object, unique in its namespace; at most 63 characters."
    )
    generate_name: str | None = Field(None, description="Prefix of a name that the server makes.")
    namespace: str | None = Field(None, description="Namespace of the object.")
    labels: dict[str, str] | None = Field(None, description="Labels.")
    annotations: dict[str, str] | None = Field(None, description="Annotations.")
    finalizers: tuple[str, ...] | None = Field(None, description="Finalizers.")
    owner_references: tuple[dict[str, Any], ...] | None = Field(None, description="Owners.")
    uid: str | None = Field(None, description="Set by the server.")
    resource_version: str | None = Field(None, description="Set by the server.")
    generation: int | None = Field(None, description="Set by the server.")
    creation_timestamp: str | None = Field(None, description="Set by the server.")
    deletion_timestamp: str | None = Field(None, description="Set by the server.")
    deletion_grace_period_seconds: int | None = Field(None, description="Set by the server.")
    managed_fields: tuple[dict[str, Any], ...] | None = Field(None, description="Set by the server.")
    self_link: str | None = Field(None, description="Set by the server.")
