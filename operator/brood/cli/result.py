"""What is told at the end: results, outputs, where files and logs are; or, for programs, one JSON line per root run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from brood.api.phases import RunPhase
from brood.cli.failures import failures
from brood.cli.forest import Forest, Key
from brood.cli.logtail import last_lines
from brood.cli.wording import one_line, plural, printable, size, span
from brood.cluster.local.layout import LocalLayout
from brood.cluster.port import ApiError, Kind, Manifest, Port
from brood.views import RunView

EXIT_SUCCEEDED: Final = 0
EXIT_NOT_SUCCEEDED: Final = 1

LOG_LINES: Final = 10
FAILURES_TOLD: Final = 20
FILES_TOLD: Final = 20
OUTPUT_WIDTH: Final = 160


def exit_code(forest: Forest) -> int:
    """Return 0 if all root runs ended Succeeded or PartiallySucceeded, else 1."""
    views = [forest.view(key) for key in forest.roots]
    good = (RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED)
    return EXIT_SUCCEEDED if all(view and view.status.phase in good for view in views) else EXIT_NOT_SUCCEEDED


async def outputs_of(port: Port, manifest: Manifest) -> dict[str, str]:
    """Return all outputs of a run in full; the large ones are read from their ConfigMaps.

    Contract §4: "`status.outputRefs` maps the NAME of a large one to `{configMap, key}`; `brood run -o json` gives all
    in full".
    """
    status: Mapping[str, Any] = manifest.get("status") or {}
    outputs = dict(status.get("outputs") or {})
    for name, ref in (status.get("outputRefs") or {}).items():
        try:
            stored = await port.get(Kind.CONFIG_MAP, manifest["metadata"]["namespace"], ref["configMap"])
        except ApiError:
            continue  # it was deleted with its run
        outputs[name] = stored["data"][ref["key"]]
    return outputs


async def json_lines(port: Port, forest: Forest, *, children: bool) -> bytes:
    """Return a line for each root run, in the files' order: ``{"run", "outputs"}``, and ``"children"`` if asked for."""
    lines = []
    for key in forest.roots:
        manifest = forest.manifest(key)
        if manifest is None:
            continue
        result: dict[str, Any] = {"run": manifest, "outputs": await outputs_of(port, manifest)}
        if children:
            result["children"] = list(forest.below(key))
        lines.append(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


async def text_lines(port: Port, forest: Forest, layout: LocalLayout) -> list[str]:
    """Return the closing words on every root run."""
    lines: list[str] = []
    for key in forest.roots:
        view, manifest = forest.view(key), forest.manifest(key)
        if view is None or manifest is None:
            continue
        lines += ["", headline(view)]
        lines += _outputs(await outputs_of(port, manifest))
        lines += _artifacts(forest, key, view, volumes=layout.state / "volumes")
        lines += _failures(forest, key, layout)
    return lines


def headline(view: RunView) -> str:
    """Return a line that tells how a run ended: ``encode-42 Succeeded (7 tasks, 12s)``."""
    status = view.status
    took = span(status.start_time, status.completion_time)
    facts = [plural(status.summary.total, "task") if status.summary else "", took]
    known = ", ".join(fact for fact in facts if fact)
    message = one_line(status.message) if status.phase is not RunPhase.SUCCEEDED else ""
    head = f"{view.meta.name} {status.phase or RunPhase.PENDING}"
    return head + (f" ({known})" if known else "") + (f": {message}" if message else "")


def _outputs(outputs: Mapping[str, str]) -> Iterator[str]:
    if outputs:
        yield "outputs:"
    for name, value in outputs.items():
        yield f"  {name} = {one_line(value, width=OUTPUT_WIDTH)}"


def _artifacts(forest: Forest, key: Key, view: RunView, *, volumes: Path) -> Iterator[str]:
    artifacts = view.status.artifacts
    if artifacts is not None and artifacts.files:
        yield "artifacts:"
        if artifacts.count > FILES_TOLD:
            yield f"  {plural(artifacts.count - FILES_TOLD, 'file')} more, and the last ones"
        for file in artifacts.files[-FILES_TOLD:]:
            path = file.url.removeprefix("file://")
            yield f"  {file.task}/{printable(file.path)} ({size(file.size)})  {printable(path)}"
    below = sum(((child.get("status") or {}).get("artifacts") or {}).get("count", 0) for child in forest.below(key))
    if below:
        yield f"artifacts of child runs: {plural(below, 'file')} below {volumes}"


def _failures(forest: Forest, key: Key, layout: LocalLayout) -> Iterator[str]:
    """Name what failed by itself, with the end of its log."""
    for told, one in enumerate(failures(forest, key)):
        if told == 0:
            yield "failed:"
        if told == FAILURES_TOLD:
            yield "  and more; `-o json --children` gives all"
            return
        yield f"  {one.path}: {one.why}"
        if one.pod is not None:
            yield from _log_tail(layout.log(one.namespace, one.pod))


def _log_tail(path: Path) -> Iterator[str]:
    try:
        lines = last_lines(path, count=LOG_LINES)
    except OSError:
        return
    yield f"    log: {path}"
    for line in lines:
        yield f"    | {line[:500]}"
