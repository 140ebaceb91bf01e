"""The environment and the command line of a container."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brood.cluster.local.expansion import expand
from brood.cluster.local.starting import Missing, Unstartable
from brood.cluster.port import Kind, Manifest

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER", "LOGNAME")
"""All that a process gets of the caller's environment: what it takes to run programs of this machine, none of the
caller's secrets."""

POD_MARK = "BROOD_LOCAL_POD"
"""Holds uid and state directory, by which processes that left their process group are found and stopped."""

Find = Callable[[Kind, str, str], Manifest]
"""Reads an object; raises `Missing`."""


def pod_mark(uid: str, state: Path) -> str:
    """Return what `POD_MARK` holds for a Pod."""
    return f"{uid}@{state}"


def surroundings(pod: Manifest, state: Path) -> dict[str, str]:
    """Return what every container has in its environment in place of an image's; no ``$(NAME)`` refers to it."""
    meta = pod["metadata"]
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"HOSTNAME": meta["name"], POD_MARK: pod_mark(meta["uid"], state)}


def declared_variables(container: Mapping[str, Any], *, pod: Manifest, find: Find) -> dict[str, str]:
    """Return the variables of a container as the kubelet makes them.

    ``envFrom`` first, then ``env`` in order, where a value may refer to what stands before it.

    Raises
    ------
    Missing
        A ConfigMap is not there yet.
    Unstartable
        A value comes from where the local cluster has none.
    """
    namespace = pod["metadata"]["namespace"]
    declared: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        declared |= _from_source(source, namespace, find)
    for variable in container.get("env") or ():
        value = _value(variable, declared, pod=pod, find=find)
        if value is not None:
            declared[variable["name"]] = value
    return declared


def command_line(container: Mapping[str, Any], declared: Mapping[str, str]) -> list[str]:
    """Return ``command`` and ``args`` with ``$(NAME)`` expanded; raises `Unstartable` where there is no command."""
    command = [expand(word, declared) for word in container.get("command") or ()]
    if not command:
        raise Unstartable(
            "no command specified: the local cluster runs processes, so the entrypoint of an image cannot be used"
        )
    return command + [expand(word, declared) for word in container.get("args") or ()]


def _from_source(source: Mapping[str, Any], namespace: str, find: Find) -> dict[str, str]:
    prefix = source.get("prefix", "")
    if reference := source.get("configMapRef"):
        try:
            data = find(Kind.CONFIG_MAP, namespace, reference["name"]).get("data") or {}
        except Missing:
            if reference.get("optional"):
                return {}
            raise
        return {prefix + key: value for key, value in data.items()}
    reference = source.get("secretRef") or {}
    if reference.get("optional"):
        return {}
    raise Unstartable(f'secret "{reference.get("name")}" not found: the local cluster has no Secrets')


def _value(variable: Mapping[str, Any], declared: Mapping[str, str], *, pod: Manifest, find: Find) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", declared)
    if reference := source.get("configMapKeyRef"):
        return _from_config_map(reference, pod["metadata"]["namespace"], find)
    if reference := source.get("fieldRef"):
        return _field(reference["fieldPath"], pod)
    if reference := source.get("secretKeyRef"):
        if reference.get("optional"):
            return None
        raise Unstartable(
            f'env {variable["name"]}: secret "{reference.get("name")}" not found: the local cluster has no Secrets'
        )
    raise Unstartable(f"env {variable['name']}: {', '.join(source)} has no value on the local cluster")


def _from_config_map(reference: Mapping[str, Any], namespace: str, find: Find) -> str | None:
    name, key = reference["name"], reference["key"]
    try:
        data: Mapping[str, str] = find(Kind.CONFIG_MAP, namespace, name).get("data") or {}
    except Missing:
        if reference.get("optional"):
            return None
        raise
    if key not in data and not reference.get("optional"):
        raise Unstartable(f"couldn't find key {key} in ConfigMap {namespace}/{name}")
    return data.get(key)


def _field(path: str, pod: Manifest) -> str:
    meta, spec = pod["metadata"], pod["spec"]
    plain = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": "local",
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.hostIP": "127.0.0.1",
        "status.podIP": "127.0.0.1",
    }
    if path in plain:
        return str(plain[path])
    for field in ("labels", "annotations"):
        prefix = f"metadata.{field}['"
        if path.startswith(prefix) and path.endswith("']"):
            return str((meta.get(field) or {}).get(path[len(prefix) : -2], ""))
    raise Unstartable(f"fieldRef {path} has no value on the local cluster")
