"""Views as the controller's indexes get them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from brood.api.conditions import set_condition
from brood.api.jobrun import JobRunSpec
from brood.api.phases import RunPhase
from brood.api.status import JobRunStatus
from brood.views import Meta, PodView, RunView

START = datetime(2026, 1, 1, tzinfo=UTC)


def meta(name: str, *, version: int = 1, **more: Any) -> Meta:
    return Meta("default", name, more.pop("uid", f"uid-{name}"), str(version), more.pop("created_at", START), **more)


def run(
    name: str, *, parent: str | None = None, root: str | None = None, index: int | None = None, **more: Any
) -> RunView:
    spec: dict[str, Any] = {"definitionRef": {"name": "hello"}, **more.pop("spec", {})}
    if parent is not None:
        spec["parentRef"] = {"name": parent, "uid": f"uid-{parent}", "task": "each"}
        if index is not None:
            spec["parentRef"]["index"] = index
    return RunView(
        meta=meta(name, **more),
        spec=JobRunSpec.from_json(spec),
        status=JobRunStatus(),
        root=root or parent or name,
        task="each" if parent is not None else None,
        index=index,
    )


def admitted(view: RunView) -> RunView:
    conditions = set_condition((), "Admitted", status="True", reason="Admitted", now=START)
    return newer(view, status=replace(view.status, conditions=conditions, phase=RunPhase.RUNNING))


def finished(view: RunView, phase: RunPhase = RunPhase.SUCCEEDED) -> RunView:
    return newer(view, status=replace(view.status, phase=phase, completion_time=START))


def newer(view: RunView, **changes: Any) -> RunView:
    version = str(int(view.meta.resource_version) + 1)
    return replace(view, meta=replace(view.meta, resource_version=version), **changes)


def later(view: RunView, seconds: int) -> RunView:
    return replace(view, meta=replace(view.meta, created_at=START + timedelta(seconds=seconds)))


def pod(name: str, *, run: str, attempt: int = 1, **more: Any) -> PodView:
    return PodView(
        meta=meta(name, owner_uid=f"uid-{run}", finalizers=("brood.dev/result",), version=more.pop("version", 1)),
        run=run,
        root=more.pop("root", run),
        task=more.pop("task", "do"),
        handler=more.pop("handler", False),
        index=None,
        attempt=attempt,
        phase=more.pop("phase", "Pending"),
        **more,
    )
