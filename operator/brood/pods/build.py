"""A task's attempt as a Pod.

The manifest is the same for Kubernetes and for the local node, which runs it as a process; only the paths differ,
and they come from the cluster's `Layout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from brood.api import labels
from brood.api.container import MAIN_CONTAINER
from brood.api.names import short_hash
from brood.layout import Layout, PodPaths
from brood.pods.artifacts import finish_commands, take_commands
from brood.pods.identity import NONCE_VARIABLE, identity
from brood.pods.inputs import PARAMS_FILE, Inputs, plan_inputs
from brood.pods.merge import merge, merge_list
from brood.pods.security import secure_container, secure_pod
from brood.pods.shell import NAME, runner
from brood.views import ConfigMapRequest, PodRequest

LABEL_LENGTH: Final = 63

CAPTURE: Final = "c"
"""Tells the runner that stdout is an output."""


@dataclass(frozen=True, slots=True)
class BuiltPod:
    """A Pod's manifest, and the ConfigMaps that must exist before it."""

    pod: dict[str, Any]
    config_maps: tuple[ConfigMapRequest, ...] = ()


def exact(text: str) -> str:
    """Return text such that the kubelet leaves it as it is.

    Contract §1.4: "brood doubles every `$` that it writes into env and args, because the kubelet expands `$(…)` and
    `$$`." (It also garbles what follows a single ``$`` if that is not ASCII.)
    """
    return text.replace("$", "$$")


def build_pod(
    request: PodRequest, *, layout: Layout, nonce: str, defaults: Mapping[str, Any] | None = None
) -> BuiltPod:
    """Build the Pod of one attempt.

    A task with a script runs under ``runner.sh``. A container without one "runs untouched" (contract §1.4): its own
    command and arguments are passed on as they are, so that ``$(NAME)`` in them means what it means in core/v1; where
    they came out of a template, the engine has made them `exact` before.

    Parameters
    ----------
    request
        What to run; every template is rendered.
    layout
        Where things are inside the Pod.
    nonce
        Random letters and digits that mark the frames of a large result in the log.
    defaults
        A core/v1 PodTemplateSpec that lies under the request's own: the chart's `podDefaults`.
    """
    paths = layout.paths(request.namespace, request.name, request.volume)
    scripted = request.script is not None
    inputs = plan_inputs(request, paths=paths, runner=scripted, commands=take_commands(request, paths))
    variables = _brood_variables(request, paths, inputs=inputs)
    if scripted:
        variables |= _runner_variables(request, inputs, nonce=nonce)
    main = _main(request, paths, inputs=inputs, variables=variables)
    built: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(request, nonce=nonce),
        "spec": {"restartPolicy": "Never", "volumes": _volumes(request, inputs)},
    }
    if request.timeout_seconds is not None:
        built["spec"]["activeDeadlineSeconds"] = request.timeout_seconds
    template = merge(defaults or {}, request.pod_template or {})
    return BuiltPod(_finish(request, built, main, template=template), inputs.config_maps)


def _metadata(request: PodRequest, *, nonce: str) -> dict[str, Any]:
    """Return the metadata that brood sets."""
    scripted = request.script is not None
    found = identity(
        request,
        owner_uid=request.run_uid,
        nonce=nonce if scripted else "",
        captures=request.capture_stdout and not scripted,
    )
    found["labels"][labels.DEFINITION] = request.definition
    if request.volume is not None:
        found["labels"][labels.VOLUME] = _label(request.volume.claim)
    return {
        "namespace": request.namespace,
        "name": request.name,
        "finalizers": [labels.RESULT_FINALIZER],
        **found,
    }


def _brood_variables(request: PodRequest, paths: PodPaths, *, inputs: Inputs) -> dict[str, str]:
    """Return the variables that brood promises; an untouched container has files only for what is too large."""
    index = "" if request.index is None else str(request.index)
    attempt = request.attempt if request.item_attempt is None else request.item_attempt
    variables = {
        "BROOD_RUN": request.run,
        "BROOD_ROOT": request.root,
        "BROOD_TASK": request.task,
        "BROOD_INDEX": index,
        "BROOD_ATTEMPT": str(attempt),
    }
    if request.script is not None:
        variables |= {
            "BROOD_WORKDIR": paths.work,
            "BROOD_ARTIFACTS": paths.artifacts,
            "BROOD_INPUTS": paths.control,
            "BROOD_PARAMS": inputs.files.get(PARAMS_FILE, f"{paths.control}/{PARAMS_FILE}"),
            "BROOD_OUTPUT": f"{paths.control}/.output",
        }
    elif inputs.files:
        variables["BROOD_INPUTS"] = paths.files
        if PARAMS_FILE in inputs.files:
            variables["BROOD_PARAMS"] = inputs.files[PARAMS_FILE]
    return variables


def _runner_variables(request: PodRequest, inputs: Inputs, *, nonce: str) -> dict[str, str]:
    """Return what only the runner sees."""
    variables = {
        "BROOD__SCRIPT": request.script or "",
        NONCE_VARIABLE: nonce,
        "BROOD__SETUP": inputs.setup,
        "BROOD__FINISH": finish_commands(request),
    }
    return {name: value for name, value in variables.items() if value}


def _main(request: PodRequest, paths: PodPaths, *, inputs: Inputs, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the container ``main``."""
    main: dict[str, Any] = {**request.container, "name": MAIN_CONTAINER}
    env = [_exact_variable(one) for one in request.env]
    env += _references(inputs.env_refs) + _literals({**inputs.env, **variables})
    main["env"] = merge_list(_list(main, "env"), env, key="name", replace=True)
    mounts = _mounts(request, paths, inputs)
    main["volumeMounts"] = merge_list(_list(main, "volumeMounts"), mounts, key="mountPath", replace=True)
    if request.script is not None:
        text = runner(artifacts=request.artifacts is not None or bool(request.artifact_sources))
        main["command"] = ["/bin/sh", "-c", exact(text), NAME]
        main["args"] = [exact(paths.termination_log), CAPTURE if request.capture_stdout else ""]
        main["workingDir"] = paths.work
        main["terminationMessagePath"] = paths.termination_log
        main["terminationMessagePolicy"] = "File"
    return {field: value for field, value in main.items() if value != []}


def _mounts(request: PodRequest, paths: PodPaths, inputs: Inputs) -> list[dict[str, Any]]:
    """Return what brood mounts.

    Contract §2.3: "a Pod sees the volume read-only and its own directory writable." While the tree has no volume, that
    directory goes with the Pod, so that ``$BROOD_ARTIFACTS`` never leads to the root of the image.
    """
    mounts: list[dict[str, Any]] = []
    if inputs.sources:
        mounts.append({"name": "brood-files", "mountPath": paths.files, "readOnly": True})
    if request.volume is not None:
        mounts.append({"name": "brood-volume", "mountPath": paths.volume, "readOnly": True})
    if request.script is None:
        return mounts
    own: dict[str, Any] = {"name": "brood-artifacts", "mountPath": paths.artifacts}
    if request.volume is not None:
        own |= {"name": "brood-volume", "subPath": request.volume.directory}
    mounts.append(own)
    mounts.append({"name": "brood-run", "mountPath": paths.control})
    mounts.append({"name": "brood-work", "mountPath": paths.work})
    return mounts


def _volumes(request: PodRequest, inputs: Inputs) -> list[dict[str, Any]]:
    """Return the volumes of brood's own."""
    volumes: list[dict[str, Any]] = []
    if inputs.sources:
        sources = []
        for source in inputs.sources:
            config_map: dict[str, Any] = {"name": source.config_map}
            if source.items is not None:
                config_map["items"] = [{"key": key, "path": path} for key, path in source.items]
            sources.append({"configMap": config_map})
        volumes.append({"name": "brood-files", "projected": {"sources": sources}})
    if request.volume is not None:
        volumes.append({"name": "brood-volume", "persistentVolumeClaim": {"claimName": request.volume.claim}})
    if request.script is not None:
        own = ["brood-run", "brood-work"] + (["brood-artifacts"] if request.volume is None else [])
        volumes += [{"name": name, "emptyDir": {}} for name in own]
    return volumes


def _finish(
    request: PodRequest, built: dict[str, Any], main: dict[str, Any], *, template: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge the template under the Pod, and fill in what neither says."""
    built["spec"]["containers"] = [main]
    pod = merge({field: template[field] for field in ("metadata", "spec") if field in template}, built)
    spec = pod["spec"]
    spec.setdefault("automountServiceAccountToken", False)
    spec.setdefault("enableServiceLinks", False)
    spec["securityContext"] = secure_pod(spec.get("securityContext"))
    for container in spec["containers"]:  # what is no object is left for the API server to refuse
        if isinstance(container, dict) and container.get("name") == MAIN_CONTAINER:
            container["securityContext"] = secure_container(container.get("securityContext"))
    if len(spec["containers"]) > 1:
        pod["metadata"]["annotations"].setdefault("kubectl.kubernetes.io/default-container", MAIN_CONTAINER)
    if request.volume is not None and request.volume.single_node:
        spec["affinity"] = _on_one_node(spec.get("affinity"), _label(request.volume.claim))
    return pod


def _on_one_node(affinity: Any, volume: str) -> Any:
    """Add the affinity that keeps Pods of a ReadWriteOnce volume on one node (contract §2.3)."""
    term = {"labelSelector": {"matchLabels": {labels.VOLUME: volume}}, "topologyKey": "kubernetes.io/hostname"}
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = dict(affinity) if isinstance(affinity, Mapping) else {}
    pods = affinity.get("podAffinity")
    pods = dict(pods) if isinstance(pods, Mapping) else {}
    others = pods.get(field)
    pods[field] = [term, *(others if isinstance(others, list) else [])]
    return {**affinity, "podAffinity": pods}


def _exact_variable(variable: Mapping[str, Any]) -> dict[str, Any]:
    value = variable.get("value")
    return {**variable, "value": exact(value)} if isinstance(value, str) else dict(variable)


def _literals(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": exact(value)} for name, value in values.items()]


def _references(maps: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return variables whose values the kubelet takes from ConfigMaps, as they are."""
    return [{"name": name, "valueFrom": {"configMapKeyRef": {"name": one, "key": name}}} for name, one in maps.items()]


def _list(container: Mapping[str, Any], field: str) -> list[Any]:
    found = container.get(field)
    return found if isinstance(found, list) else []


def _label(name: str) -> str:
    """Return a name as a label's value, which has at most 63 characters."""
    return name if len(name) <= LABEL_LENGTH else f"{name[: LABEL_LENGTH - 11]}-{short_hash(name)}"
