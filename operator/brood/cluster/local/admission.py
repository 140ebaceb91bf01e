"""What the API server checks and fills in before it stores an object, as far as brood and its users rely on it."""

import re
from collections.abc import Mapping
from typing import Any

from brood.api.parse import InvalidManifest, parse_manifest
from brood.cluster.port import Invalid, Kind, Manifest

WITH_STATUS = frozenset({Kind.JOB_DEFINITION, Kind.JOB_RUN, Kind.POD, Kind.CLAIM})
"""Kinds with a status subresource: a write to the object leaves the status alone, and the other way round."""

CUSTOM = frozenset({Kind.JOB_DEFINITION, Kind.JOB_RUN})

RESOURCES = {
    Kind.JOB_DEFINITION: "jobdefinitions.brood.dev",
    Kind.JOB_RUN: "jobruns.brood.dev",
    Kind.POD: "pods",
    Kind.CLAIM: "persistentvolumeclaims",
    Kind.CONFIG_MAP: "configmaps",
    Kind.REVISION: "controllerrevisions.apps",
    Kind.EVENT: "events",
    Kind.LEASE: "leases.coordination.k8s.io",
}
"""How messages of the API server call the kinds."""

_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_RUN_IMMUTABLE = ("definitionRef", "params", "rerunOf", "parentRef")
_POD_MUTABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "nodeName")


def invalid(kind: Kind, name: object, detail: str) -> Invalid:
    """Return the error that the API server would answer with."""
    group = RESOURCES[kind].partition(".")[2]
    return Invalid(f'{kind}{"." + group if group else ""} "{name}" is invalid: {detail}')


def admit_new(kind: Kind, manifest: Manifest) -> Manifest:
    """Check an object and return it with the defaults that its schema has; raises `Invalid`."""
    _check_metadata(kind, manifest["metadata"])
    if kind in CUSTOM:
        _check_custom(kind, manifest)
        return {**manifest, "status": {"observedGeneration": -1}}
    if kind is Kind.POD:
        _check_pod(manifest)
        return {**manifest, "status": {"phase": "Pending"}}
    if kind is Kind.CLAIM:
        return {**manifest, "status": {"phase": "Pending"}}
    return manifest


def admit_change(kind: Kind, *, old: Manifest, new: Manifest) -> None:
    """Check a change of anything but the status; raises `Invalid`."""
    meta, name = new["metadata"], old["metadata"]["name"]
    if meta is not old["metadata"]:
        _check_labels(kind, meta)
        added = set(meta.get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
        if added and "deletionTimestamp" in old["metadata"]:
            raise invalid(
                kind,
                name,
                f"metadata.finalizers: Forbidden: the object is being deleted, none can be added: {sorted(added)}",
            )
    if kind is Kind.JOB_RUN and new.get("spec") != old.get("spec"):
        _check_run_change(old["spec"], new.get("spec") or {}, name)
    if kind in CUSTOM and new.get("spec") != old.get("spec"):
        _check_custom(kind, new)
    if kind is Kind.POD and _pod_core(new) != _pod_core(old):
        raise invalid(
            kind, name, "spec: Forbidden: pod updates may not change fields other than " + ", ".join(_POD_MUTABLE)
        )
    if kind is Kind.CONFIG_MAP and old.get("immutable") and _payload(new) != _payload(old):
        raise invalid(kind, name, "data: Forbidden: field is immutable when `immutable` is set")
    if kind is Kind.REVISION and new.get("data") != old.get("data"):
        raise invalid(kind, name, "data: Invalid value: field is immutable")


def _payload(manifest: Manifest) -> object:
    return [manifest.get(field) for field in ("data", "binaryData", "immutable")]


def _pod_core(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in (manifest.get("spec") or {}).items() if key not in _POD_MUTABLE}


def _check_metadata(kind: Kind, meta: Mapping[str, Any]) -> None:
    for field, limit in (("name", 253), ("namespace", 63)):
        value = meta.get(field)
        if not isinstance(value, str) or not value:
            raise invalid(kind, meta.get("name"), f"metadata.{field}: Required value")
        if len(value) > limit or not _SUBDOMAIN.fullmatch(value):
            raise invalid(
                kind,
                meta.get("name"),
                f'metadata.{field}: Invalid value: "{value}": a lowercase RFC 1123 subdomain must '
                "consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
                "alphanumeric character",
            )
    _check_labels(kind, meta)


def _check_labels(kind: Kind, meta: Mapping[str, Any]) -> None:
    for field in ("labels", "annotations"):
        for key, value in (meta.get(field) or {}).items():
            if not isinstance(value, str):
                raise invalid(
                    kind, meta.get("name"), f"metadata.{field}.{key}: Invalid value: {value!r}: must be a string"
                )
            if field == "labels" and len(value) > 63:  # noqa: PLR2004 - the limit of a label value
                raise invalid(
                    kind,
                    meta.get("name"),
                    f'metadata.labels: Invalid value: "{value}": must be no more than 63 characters',
                )


def _check_custom(kind: Kind, manifest: Manifest) -> None:
    try:
        parse_manifest(manifest)
    except InvalidManifest as error:
        detail = "; ".join(map(str, error.problems))
        raise invalid(kind, manifest["metadata"].get("name"), detail) from error


def _check_run_change(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> None:
    for field in _RUN_IMMUTABLE:
        if old.get(field) != new.get(field):
            raise invalid(Kind.JOB_RUN, name, f"spec: Invalid value: {field} is immutable")
    before, after = old.get("shutdown"), new.get("shutdown")
    if before is not None and after not in (before, "Terminate"):
        raise invalid(Kind.JOB_RUN, name, "spec: Invalid value: shutdown cannot be taken back")


def _check_pod(manifest: Manifest) -> None:
    name, spec = manifest["metadata"]["name"], manifest.get("spec") or {}
    if not spec.get("containers"):
        raise invalid(Kind.POD, name, "spec.containers: Required value")
    volumes = {volume.get("name") for volume in spec.get("volumes") or () if volume}
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for position, container in enumerate(spec.get(field) or ()):
            at = f"spec.{field}[{position}]"
            if not container or not container.get("name"):
                raise invalid(Kind.POD, name, f"{at}.name: Required value")
            if container["name"] in seen:
                raise invalid(Kind.POD, name, f'{at}.name: Duplicate value: "{container["name"]}"')
            seen.add(container["name"])
            for number, variable in enumerate(container.get("env") or ()):
                _check_variable(variable, name=name, at=f"{at}.env[{number}]")
            for number, mount in enumerate(container.get("volumeMounts") or ()):
                wanted = (mount or {}).get("name")
                if wanted not in volumes:
                    raise invalid(Kind.POD, name, f'{at}.volumeMounts[{number}].name: Not found: "{wanted}"')


def _check_variable(variable: Mapping[str, Any], *, name: str, at: str) -> None:
    if not variable or not variable.get("name"):
        raise invalid(Kind.POD, name, f"{at}.name: Required value")
    if not isinstance(variable.get("value", ""), str):
        raise invalid(Kind.POD, name, f"{at}.value: Invalid value: {variable['value']!r}: must be a string")
