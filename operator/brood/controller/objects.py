"""Requests as objects: what a plan asks for, in the Kubernetes wire form.

Contract §2: "Children and Pods carry ``ownerReferences`` (controller, blockOwnerDeletion) and the labels
``brood.dev/{root-run,run,task,index,attempt,definition}``, ``app.kubernetes.io/managed-by: brood``; nothing is copied
from user objects' labels or annotations". Pods are built by ``pods/build.py``.
"""

from datetime import datetime
from typing import Any, Final

from brood.api import labels
from brood.api.base import API_VERSION, format_time
from brood.api.names import short_hash
from brood.api.owners import owner
from brood.cluster.port import Manifest
from brood.engine.schedule import ScheduledRun
from brood.views import ChildRequest, ClaimRequest, ConfigMapRequest, DefinitionView, EventRequest, Meta, RunView

COMPONENT: Final = "brood"
"""Who reports an Event."""


def child_labels(request: ChildRequest) -> dict[str, str]:
    """Return the labels of a child run; `AlreadyExists` is told from adoption by them."""
    made = (request.task, request.index, request.attempt, request.definition_ref.name)
    return _labels(request.root, request.parent, *made)


def labels_of(child: RunView, parent: str, root: str) -> dict[str, str]:
    """Return the labels that a child run was made with."""
    return _labels(root, parent, child.task or "", child.index, child.attempt, child.spec.definition_ref.name)


def _labels(
    root: str, parent: str, task: str, index: int | None, attempt: int, definition: str | None
) -> dict[str, str]:
    found = labels.made_for(root=root, run=parent, task=task, index=index, attempt=attempt)
    if definition is not None:
        found[labels.DEFINITION] = definition
    return found


def child_run(request: ChildRequest) -> Manifest:
    """Return the JobRun of one item, ``run`` or ``fork``."""
    parent: dict[str, Any] = {"name": request.parent, "uid": request.parent_uid, "task": request.task}
    if request.index is not None:
        parent["index"] = request.index
    if request.item is not None:
        parent["item"] = request.item
    spec: dict[str, Any] = {"definitionRef": request.definition_ref.to_json(), "parentRef": parent}
    if request.params:
        spec["params"] = dict(request.params)
    if request.priority:
        spec["priority"] = request.priority
    if request.rerun_of is not None:
        spec["rerunOf"] = {"name": request.rerun_of}
    metadata: dict[str, Any] = {
        "namespace": request.namespace,
        "name": request.name,
        "labels": child_labels(request),
        "ownerReferences": owner(request.parent, request.parent_uid),
    }
    return {"apiVersion": API_VERSION, "kind": "JobRun", "metadata": metadata, "spec": spec}


def scheduled_run(view: DefinitionView, made: ScheduledRun) -> Manifest:
    """Return the root run that a schedule makes; the definition does not own it, so that its history outlives it."""
    metadata: dict[str, Any] = {
        "namespace": view.meta.namespace,
        "name": made.name,
        "labels": {labels.SCHEDULED_BY: view.meta.name, labels.MANAGED_BY: labels.MANAGED_BY_BROOD},
    }
    if made.tick is not None:
        metadata["annotations"] = {labels.SCHEDULED_TIME: format_time(made.tick)}
    spec = {"definitionRef": {"name": view.meta.name}}
    return {"apiVersion": API_VERSION, "kind": "JobRun", "metadata": metadata, "spec": spec}


def revision(view: DefinitionView) -> Manifest:
    """Return the ControllerRevision that holds this very spec.

    Contract §2: "name: definition and spec hash; no ownerReference; labels with the definition's name and uid".
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "namespace": view.meta.namespace,
            "name": view.revision,
            "labels": {
                labels.MANAGED_BY: labels.MANAGED_BY_BROOD,
                labels.DEFINITION: view.meta.name,
                labels.DEFINITION_UID: view.meta.uid,
            },
        },
        "revision": view.meta.generation,
        "data": {"spec": view.spec.to_json()},
    }


def claim(request: ClaimRequest) -> Manifest:
    """Return the PersistentVolumeClaim of a root run."""
    spec: dict[str, Any] = {
        "accessModes": list(request.access_modes),
        "resources": {"requests": {"storage": request.storage}},
    }
    if request.storage_class is not None:
        spec["storageClassName"] = request.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "namespace": request.namespace,
            "name": request.name,
            "labels": {labels.MANAGED_BY: labels.MANAGED_BY_BROOD, labels.ROOT_RUN: request.root},
            "ownerReferences": owner(request.root, request.root_uid),
        },
        "spec": spec,
    }


def config_map(request: ConfigMapRequest) -> Manifest:
    """Return the immutable ConfigMap that holds large values of a run."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "namespace": request.namespace,
            "name": request.name,
            "labels": {labels.MANAGED_BY: labels.MANAGED_BY_BROOD, labels.RUN: request.run},
            "ownerReferences": owner(request.run, request.run_uid),
        },
        "immutable": True,
        "data": dict(request.data),
    }


def event(request: EventRequest, *, kind: str, about: Meta, now: datetime) -> Manifest:
    """Return a core/v1 Event about a run or definition.

    The name depends on what is said of which version of the object, so that a second try meets the first one.
    """
    said = short_hash(f"{about.uid} {about.resource_version} {request.reason} {request.message}")
    moment = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": about.namespace, "name": f"{about.name}.{said}"},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
            "resourceVersion": about.resource_version,
        },
        "reason": request.reason,
        "message": request.message,
        "type": "Warning" if request.warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
