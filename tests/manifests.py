"""Objects as clients write them."""

from typing import Any

from brood.cluster.port import Manifest


def definition(name: str = "hello", **spec: Any) -> Manifest:
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobDefinition",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"tasks": [{"name": "greet", "script": "echo hello"}], **spec},
    }


def run(name: str = "run-1", *, meta: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobRun",
        "metadata": {"name": name, "namespace": "default", **(meta or {})},
        "spec": {"definitionRef": {"name": "hello"}, **spec},
    }


def pod(name: str = "pod-1", *, meta: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **(meta or {})},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "command": ["true"]}], **spec},
    }


def config_map(name: str = "values", *, meta: dict[str, Any] | None = None, **fields: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", **(meta or {})},
        **fields,
    }


def claim(name: str = "volume", *, meta: dict[str, Any] | None = None) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default", **(meta or {})},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def owned_by(*owners: Manifest) -> dict[str, Any]:
    """Metadata that names owners, the first as controller."""
    return {
        "ownerReferences": [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": owner is owners[0],
            }
            for owner in owners
        ]
    }
