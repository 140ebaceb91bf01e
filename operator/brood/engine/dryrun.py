"""Each task's Pod as far as a definition alone tells it, for a dry run (§1.1).

Contract §1.1: "Each task's Pod is tried by a server-side dry-run create (`fieldValidation=Strict`, defaults rendered, what cannot be
rendered left out)".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from brood.api.container import EnvVar
from brood.api.jobdefinition import Param
from brood.api.names import object_name
from brood.engine.graph import Body, Graph, Node, compile_graph
from brood.engine.render import render_container, render_env, text
from brood.layout import VolumeUse
from brood.templating import Context, TemplateError, is_template
from brood.views import ArtifactRule, ArtifactSource, DefinitionView, PodRequest

PLACEHOLDER_IMAGE = "brood.dev/known-only-in-a-run"
"""Stands for an image whose template needs what only a run knows: without any the server would refuse the Pod."""

_PLACE = "dry-run"


@dataclass(frozen=True, slots=True)
class Trial:
    """A Pod to try, and whose it is."""

    path: str  # of the task or handler: ``spec.tasks[2]``
    title: str  # ``task build``, ``handler onExit``
    request: PodRequest


def trials(view: DefinitionView) -> tuple[Trial, ...]:
    """Return the Pods of a valid definition: its tasks', its handlers', and those of its local definitions.

    Of Pods that differ in nothing but names and scripts, which no server looks into, only the first is there.

    Raises
    ------
    TemplateError
        If a template does not parse: `engine.validate` comes first.
    """
    found: dict[str, Trial] = {}
    for trial in _all(view):
        found.setdefault(_shape(trial.request), trial)
    return tuple(found.values())


def _all(view: DefinitionView) -> Iterator[Trial]:
    graph = compile_graph(view.revision, view.spec, definition=view.meta.name)
    yield from _of_graph(view, graph, "spec")
    for at, local in enumerate(view.spec.definitions):
        graph = compile_graph(view.revision, view.spec, definition=view.meta.name, local=local.name)
        yield from _of_graph(view, graph, f"spec.definitions[{at}]")


def _of_graph(view: DefinitionView, graph: Graph, path: str) -> Iterator[Trial]:
    ctx = Context(params=_defaults(graph.params), run=_run(view))
    for node in graph.nodes:
        if node.body is Body.CONTAINER:
            yield Trial(f"{path}.tasks[{node.position}]", f"task {node.name}", _request(view, graph, node, ctx))
    for node in graph.handlers:
        yield Trial(f"{path}.handlers.{node.name}", f"handler {node.name}", _request(view, graph, node, ctx))


def _defaults(params: Sequence[Param]) -> dict[str, str | int]:
    """Return what is known of the params; one without a default is known only in a run."""
    return {param.name: param.default for param in params if param.default is not None}


def _run(view: DefinitionView) -> dict[str, str]:
    meta = view.meta
    return {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid, "root": meta.name}


def _request(view: DefinitionView, graph: Graph, node: Node, ctx: Context) -> PodRequest:
    meta, task = view.meta, node.task
    uses_volume = task.artifacts is not None or bool(task.artifacts_from)
    title = f"{node.name}/handler" if node.handler else node.name
    return PodRequest(
        namespace=meta.namespace,
        name=object_name(meta.name, meta.uid, task=title, index=None, attempt=1),
        run=meta.name,
        run_uid=meta.uid,
        root=meta.name,
        root_uid=meta.uid,
        definition=meta.name,
        task=node.name,
        handler=node.handler,
        index=None,
        attempt=1,
        container=render_container(_renderable(task.container or {}, ctx), ctx, field="container"),
        script=task.script,
        env=render_env(_env((*graph.env, *task.env), ctx), ctx, field="env"),
        params=tuple((name, str(value)) for name, value in _defaults(graph.params).items()),
        outputs=(),
        output_refs={},
        capture_stdout=task.output is not None,
        timeout_seconds=task.timeout_seconds,
        artifacts=None if task.artifacts is None else ArtifactRule((_PLACE,), str(task.artifacts.keep)),
        artifact_sources=(ArtifactSource(_PLACE),) if task.artifacts_from else (),
        volume=VolumeUse(claim=_PLACE, directory=_PLACE, single_node=True) if uses_volume else None,
        pod_template=task.pod_template,
    )


def _renders(value: str, ctx: Context) -> bool:
    if not is_template(value):
        return True
    try:
        text(value, ctx, field="")
    except TemplateError:
        return False
    return True


def _env(env: Sequence[EnvVar], ctx: Context) -> Iterator[EnvVar]:
    for one in env:
        unknown = isinstance(one.value, str) and not _renders(one.value, ctx)
        yield one.model_copy(update={"value": ""}) if unknown else one


def _renderable(container: Mapping[str, JsonValue], ctx: Context) -> dict[str, JsonValue]:
    """Return a container without the templates that need a run."""
    kept = dict(container)
    image = kept.get("image")
    if isinstance(image, str) and not _renders(image, ctx):
        kept["image"] = PLACEHOLDER_IMAGE
    for key in ("command", "args"):
        values = kept.get(key)
        if isinstance(values, list):
            kept[key] = ["" if isinstance(one, str) and not _renders(one, ctx) else one for one in values]
    env = kept.get("env")
    if isinstance(env, list):
        kept["env"] = [_variable(one, ctx) for one in env]
    return kept


def _variable(one: JsonValue, ctx: Context) -> JsonValue:
    if isinstance(one, dict) and isinstance(value := one.get("value"), str) and not _renders(value, ctx):
        return {**one, "value": ""}
    return one


def _shape(request: PodRequest) -> str:
    """Return the request without what makes no difference to the server."""
    script = None if request.script is None else ""
    return repr(replace(request, name="", task="", handler=False, script=script, capture_stdout=False))
