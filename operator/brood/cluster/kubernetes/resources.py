"""Where each kind lives on an API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from brood.cluster.port import Kind, Scope


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind's API version (``v1``, ``apps/v1``) and its plural, both as in its URL."""

    api_version: str
    plural: str

    @property
    def prefix(self) -> str:
        """The path of its API version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


RESOURCES: Final[dict[Kind, Resource]] = {
    Kind.JOB_DEFINITION: Resource("brood.dev/v1alpha1", "jobdefinitions"),
    Kind.JOB_RUN: Resource("brood.dev/v1alpha1", "jobruns"),
    Kind.POD: Resource("v1", "pods"),
    Kind.CLAIM: Resource("v1", "persistentvolumeclaims"),
    Kind.CONFIG_MAP: Resource("v1", "configmaps"),
    Kind.REVISION: Resource("apps/v1", "controllerrevisions"),
    Kind.EVENT: Resource("v1", "events"),
    Kind.LEASE: Resource("coordination.k8s.io/v1", "leases"),
}

_PREFIXES: Final = {kind: resource.prefix for kind, resource in RESOURCES.items()}


def collection_path(kind: Kind, namespace: str | None) -> str:
    """Return the path of all objects of a kind, in one namespace or in all of them."""
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
    return f"{_PREFIXES[kind]}{scope}/{RESOURCES[kind].plural}"


def object_path(kind: Kind, namespace: str, name: str, subresource: str | None = None) -> str:
    """Return the path of one object, or of a subresource of it."""
    path = f"{collection_path(kind, namespace)}/{quote(name, safe='')}"
    return f"{path}/{subresource}" if subresource else path


def scoped_path(kind: Kind, scope: Scope, query: Mapping[str, str]) -> str:
    """Return the path of a list or watch of the objects that a scope means."""
    fields = {"metadata.name": scope.get("name"), "involvedObject.uid": scope.get("about")}
    wanted = ",".join(f"{field}={value}" for field, value in fields.items() if value)
    selectors = {"labelSelector": scope.get("labels") or "", "fieldSelector": wanted}
    return with_query(collection_path(kind, scope.get("namespace")), {**query, **selectors})


def with_query(path: str, parameters: dict[str, str]) -> str:
    """Return a path with its query; parameters without a value are left out."""
    given = {key: value for key, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
