"""Objects to views, at the door: the same for both clusters.

Nothing here raises. What cannot be read becomes `Malformed` and costs its own key a condition, never the process.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from brood.api import labels as names
from brood.api.jobdefinition import JobDefinition, JobDefinitionSpec
from brood.api.jobrun import JobRun, JobRunSpec
from brood.api.parse import problems_of
from brood.api.status import definition_status_from_json, run_status_from_json
from brood.cluster.compact import compact_spec, compact_status, share
from brood.cluster.port import Manifest
from brood.cluster.revision import revision_name
from brood.cluster.timestamps import parse_time
from brood.views import ClaimView, ContainerEnd, DefinitionView, Malformed, Meta, PodView, RevisionView, RunView

V = TypeVar("V")
Object = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Object = {}
_KNOWN_SPEC_BYTES = 4096
_HELM = ("app.kubernetes.io/managed-by", "Helm")


def parse_run(manifest: Manifest) -> RunView | Malformed:
    """Read a JobRun."""
    return _guarded(_run, manifest, JobRun)


def parse_definition(manifest: Manifest) -> DefinitionView | Malformed:
    """Read a JobDefinition."""
    return _guarded(_definition, manifest, JobDefinition)


def parse_pod(manifest: Manifest) -> PodView | Malformed:
    """Read a Pod that brood made."""
    return _guarded(_pod, manifest, None)


def parse_claim(manifest: Manifest) -> ClaimView | Malformed:
    """Read a PersistentVolumeClaim."""
    return _guarded(_claim, manifest, None)


def parse_revision(manifest: Manifest) -> RevisionView | Malformed:
    """Read a ControllerRevision that brood made, but for what it holds."""
    return _guarded(_revision, manifest, None)


def parse_meta(manifest: Manifest) -> Meta:
    """Read the metadata of any object; what is missing there is empty."""
    meta = _mapping(manifest.get("metadata"))
    created = meta.get("creationTimestamp")
    return Meta(
        namespace=share(_text(meta, "namespace")),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        resource_version=_text(meta, "resourceVersion"),
        created_at=parse_time(created) if created else _EPOCH,
        generation=int(meta.get("generation") or 1),
        deleting=meta.get("deletionTimestamp") is not None,
        owner_uid=_controller(meta.get("ownerReferences") or ()),
        finalizers=_shared_tuple(tuple(meta.get("finalizers") or ())),
    )


# --- One kind each ---


def _run(manifest: Manifest, meta: Meta) -> RunView:
    spec = _run_spec(manifest.get("spec"))
    status = run_status_from_json(manifest.get("status"))
    labels = _labels(manifest)
    parent = spec.parent_ref
    index = labels.get(names.INDEX)
    return RunView(
        meta=meta,
        spec=spec,
        status=compact_status(status) if status.finished else status,
        root=share(labels.get(names.ROOT_RUN, meta.name)) if parent else meta.name,
        scheduled=names.SCHEDULED_BY in labels,
        gitops=_gitops(manifest, labels),
        task=share(parent.task) if parent else None,
        index=parent.index if parent and parent.index is not None else int(index) if index is not None else None,
        attempt=int(labels.get(names.ATTEMPT, "1")),
    )


def _run_spec(spec: object) -> JobRunSpec:
    """Read a spec; the same one, which comes back with every change of the status, is read once."""
    raw = orjson.dumps(spec)
    return _known_spec(raw) if len(raw) <= _KNOWN_SPEC_BYTES else compact_spec(JobRunSpec.from_json(spec))


@lru_cache(maxsize=512)
def _known_spec(raw: bytes) -> JobRunSpec:
    return compact_spec(JobRunSpec.from_json(orjson.loads(raw)))


def _definition(manifest: Manifest, meta: Meta) -> DefinitionView:
    spec = JobDefinitionSpec.from_json(manifest.get("spec"))
    status = definition_status_from_json(manifest.get("status"))
    return DefinitionView(meta=meta, spec=spec, status=status, revision=revision_name(meta.name, spec))


def _pod(manifest: Manifest, meta: Meta) -> PodView:
    labels = _labels(manifest)
    annotations = _mapping(manifest["metadata"].get("annotations"))
    status = _mapping(manifest.get("status"))
    main = _container(status.get("containerStatuses"), "main")
    state = _mapping(main.get("state"))
    ended = _end(_mapping(state.get("terminated"))) if state.get("terminated") else None
    waiting = _waiting(status, state)
    index, pools = labels.get(names.INDEX), annotations.get(names.POOLS)
    node = _mapping(manifest.get("spec")).get("nodeName")
    unschedulable, disruption = _conditions(status.get("conditions") or ())
    started = _moment(_mapping(state.get("running")).get("startedAt"))
    return PodView(
        meta=meta,
        run=share(labels[names.RUN]),
        root=share(labels[names.ROOT_RUN]),
        task=share(labels[names.TASK]),
        handler=labels.get(names.HANDLER) == "true",
        index=int(index) if index is not None else None,
        attempt=int(labels[names.ATTEMPT]),
        phase=share(_text(status, "phase") or "Pending"),
        reason=share(_text(status, "reason")),
        message=share(_text(status, "message") or _init_failure(status, ended)),
        node=share(node) if node else None,
        unschedulable=share(unschedulable),
        disruption=share(disruption),
        waiting_reason=share(_text(waiting, "reason")),
        waiting_message=share(_text(waiting, "message")),
        started_at=started or (ended.started_at if ended else None),
        ended=ended,
        deletion_grace=manifest["metadata"].get("deletionGracePeriodSeconds"),
        deleted_at=_deleted_at(manifest["metadata"]),
        nonce=_text(annotations, names.NONCE),
        captures=names.CAPTURE in annotations,
        lock=share(labels.get(names.LOCK, "")),
        pools=_shared_tuple(tuple(map(str, orjson.loads(pools)))) if pools else (),
    )


def _claim(manifest: Manifest, meta: Meta) -> ClaimView:
    return ClaimView(
        meta=meta,
        phase=share(_text(_mapping(manifest.get("status")), "phase") or "Pending"),
        owners=tuple(share(one["uid"]) for one in manifest["metadata"].get("ownerReferences") or ()),
        made=names.ROOT_RUN in _labels(manifest),
        access_modes=_shared_tuple(tuple(_mapping(manifest.get("spec")).get("accessModes") or ())),
    )


def _revision(manifest: Manifest, meta: Meta) -> RevisionView:
    return RevisionView(meta, share(_labels(manifest)[names.DEFINITION]), number=int(manifest["revision"]))


# --- Parts of a Pod ---


def _container(statuses: Iterable[Object] | None, name: str) -> Object:
    return next((one for one in statuses or () if one.get("name") == name), _NOTHING)


def _end(terminated: Object) -> ContainerEnd:
    return ContainerEnd(
        exit_code=int(terminated.get("exitCode", 0)),
        signal=int(terminated.get("signal") or 0),
        reason=share(_text(terminated, "reason")),
        message=share(_text(terminated, "message")),
        started_at=_moment(terminated.get("startedAt")),
        finished_at=_moment(terminated.get("finishedAt")),
    )


def _deleted_at(metadata: Object) -> datetime | None:
    """Return when the deletion was asked for: the timestamp is the end of the grace period, and moves with it."""
    until = _moment(metadata.get("deletionTimestamp"))
    grace = timedelta(seconds=int(metadata.get("deletionGracePeriodSeconds") or 0))
    return None if until is None else until - grace


def _waiting(status: Object, main: Object) -> Object:
    """Return why the Pod waits: an init container's reason says more than that ``main`` waits for it."""
    for one in status.get("initContainerStatuses") or ():
        waiting = _mapping(_mapping(one.get("state")).get("waiting"))
        if waiting and waiting.get("reason") != "PodInitializing":
            return waiting
    return _mapping(main.get("waiting"))


def _init_failure(status: Object, main: ContainerEnd | None) -> str:
    if main is not None or status.get("phase") != "Failed":
        return ""
    for one in status.get("initContainerStatuses") or ():
        ended = _mapping(_mapping(one.get("state")).get("terminated"))
        if ended.get("exitCode"):
            detail = ended.get("message") or ended.get("reason") or ""
            return f"init container {one.get('name')} ended with exit code {ended['exitCode']}: {detail}".rstrip(": ")
    return ""


def _conditions(conditions: Iterable[Object]) -> tuple[str, str]:
    """Return the scheduler's words, and the reason of a disruption."""
    unschedulable = disruption = ""
    for condition in conditions:
        kind, status = condition.get("type"), condition.get("status")
        if kind == "PodScheduled" and status == "False" and condition.get("reason") == "Unschedulable":
            unschedulable = _text(condition, "message") or "Unschedulable"
        elif kind == "DisruptionTarget" and status == "True":
            disruption = _text(condition, "reason") or "DisruptionTarget"
    return unschedulable, disruption


# --- Parts of any object ---


def _guarded(read: Callable[[Manifest, Meta], V], manifest: Manifest, model: type[BaseModel] | None) -> V | Malformed:
    try:
        meta = parse_meta(manifest)
    except Exception as error:  # noqa: BLE001 - every object is poison until parsed
        return Malformed(_salvaged(manifest), f"metadata: {_explained(error, None)}")
    try:
        return read(manifest, meta)
    except Exception as error:  # noqa: BLE001 - the same
        return Malformed(meta, _explained(error, model))


def _explained(error: Exception, model: type[BaseModel] | None) -> str:
    if isinstance(error, ValidationError) and model is not None:
        part = {"JobRunSpec": "spec", "JobDefinitionSpec": "spec"}.get(error.title, "status")
        field = model.model_fields[part].annotation
        if isinstance(field, type) and issubclass(field, BaseModel):
            return "; ".join(map(str, problems_of(error, field, prefix=part)))
        first = error.errors(include_url=False)[0]
        return f"{part}.{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return f"cannot be read: {error}"


def _salvaged(manifest: object) -> Meta:
    found = manifest.get("metadata") if isinstance(manifest, Mapping) else None
    meta = found if isinstance(found, Mapping) else _NOTHING
    texts = {field: str(meta.get(field) or "") for field in ("namespace", "name", "uid", "resourceVersion")}
    return Meta(texts["namespace"], texts["name"], texts["uid"], texts["resourceVersion"], created_at=_EPOCH)


def _mapping(value: object) -> Object:
    if value is None:
        return _NOTHING
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _text(container: Object, field: str) -> str:
    value = container.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{field}: expected a string, found {type(value).__name__}")
    return value


def _labels(manifest: Manifest) -> Mapping[str, str]:
    return _mapping(manifest["metadata"].get("labels"))


def _controller(references: Iterable[Object]) -> str | None:
    return next((share(one["uid"]) for one in references if one.get("controller")), None)


def _gitops(manifest: Manifest, labels: Mapping[str, str]) -> bool:
    annotations = _mapping(manifest["metadata"].get("annotations"))
    if labels.get(_HELM[0]) == _HELM[1] or any(one in labels or one in annotations for one in names.GITOPS_MARKERS):
        return True
    writers = manifest["metadata"].get("managedFields") or ()
    return any(one.get("manager") in names.GITOPS_MANAGERS for one in writers)


def _moment(text: str | None) -> datetime | None:
    moment = parse_time(text) if text else None
    return None if moment == _EPOCH else moment  # runtimes write the epoch for what never started


@lru_cache(maxsize=1024)
def _shared_tuple(value: tuple[str, ...]) -> tuple[str, ...]:
    return value
