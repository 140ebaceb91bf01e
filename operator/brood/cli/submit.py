"""``brood submit`` and ``brood rerun``: create definitions and runs on a cluster."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from brood.api.base import API_VERSION
from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.phases import RunPhase
from brood.cli.bundle import Bundle, Run, name_problem, read_bundle
from brood.cli.choose import Wishes, apply_wishes, choose_runs, fresh_name, parse_params, run_of
from brood.cli.findings import CommandError, InputRefusedError, refuse
from brood.cli.manifests import STDIN, SUFFIXES, load_documents
from brood.cli.options import AfterOptions, ObjectFormat, SubmitOptions
from brood.cli.printing import name_of, print_objects
from brood.cli.reach import Reach
from brood.cli.references import check_references, params_problem
from brood.cli.watch import wait, watch
from brood.cluster.port import AlreadyExists, Invalid, Kind, Manifest


async def submit(reach: Reach, options: SubmitOptions, after: AfterOptions) -> int:
    """Create what files hold, or a run of a definition that is there, and follow it if asked to."""
    wishes = Wishes(params=parse_params(options.params or ()), name=options.name, definition=options.definition)
    if len(options.sources) == 1 and _names_definition(options.sources[0]):
        [name] = options.sources
        run = run_of(name, await _spec(reach, name), wishes, namespace=reach.namespace)
        return await _create(reach, [], [run], after)
    bundle = read_bundle(load_documents(options.sources), namespace=reach.namespace, local=False)
    apply_wishes(bundle, wishes)
    bundle.findings += check_references(bundle, complete=False)
    if bundle.findings:
        raise InputRefusedError(bundle.findings)
    strangers = bundle.namespaces - {reach.namespace}
    if strangers:
        raise refuse(f"the files name namespace {', '.join(strangers)}, and {reach.namespace} is meant: see -n")
    for one in bundle.runs:
        await _check_run(reach, bundle, one)
    runs = choose_runs(bundle, wishes)
    return await _create(reach, [bundle.manifest(one.document) for one in bundle.definitions], runs, after)


async def rerun(reach: Reach, name: str, new_name: str | None, after: AfterOptions, *, from_failed: bool) -> int:
    """Create a run like another one; with ``from_failed`` it takes over what succeeded there."""
    old = await reach.run(name)
    spec = {key: value for key, value in old["spec"].items() if key not in ("shutdown", "suspend", "rerunOf")}
    if "parentRef" in old["spec"]:
        raise CommandError(f"JobRun {name} is a child of {old['spec']['parentRef']['name']}; rerun its root run")
    if from_failed:
        spec |= {"definitionRef": _pinned(name, old), "rerunOf": {"name": name}}
    metadata = {"name": new_name or fresh_name(name), "namespace": reach.namespace}
    made = {"apiVersion": API_VERSION, "kind": "JobRun", "metadata": metadata, "spec": spec}
    return await _create(reach, [], [made], after)


def _pinned(name: str, run: Manifest) -> dict[str, str]:
    """Return the revision that an ended run followed: what it did can be taken over by a run of the same one only."""
    status = run.get("status") or {}
    phase, revision = status.get("phase"), status.get("revision")
    if phase is None or not RunPhase(phase).ended:
        raise CommandError(f"JobRun {name} has not ended ({phase or 'new'}): brood wait {name}")
    if revision is None:
        raise CommandError(f"JobRun {name} never started, so there is nothing to take over: leave out --from-failed")
    return {"name": revision.rpartition("-")[0], "revision": revision}


def _names_definition(source: str) -> bool:
    path = Path(source)
    return source != STDIN and not path.exists() and path.suffix not in SUFFIXES and not name_problem(source)


async def _spec(reach: Reach, name: str) -> JobDefinitionSpec:
    stored = await reach.definition(name)
    try:
        return JobDefinitionSpec.from_json(stored["spec"])
    except ValidationError as error:
        raise CommandError(f"JobDefinition {name} cannot be read: {error.errors()[0]['msg']}") from error


async def _check_run(reach: Reach, bundle: Bundle, run: Run) -> None:
    """Refuse a run of a definition that is nowhere, or with params that it does not take; those in the files are checked."""
    name = run.spec.definition_ref.name
    if name is None or bundle.named(reach.namespace, name) is not None:
        return
    problem = params_problem((await _spec(reach, name)).params, run.spec.params or {}, f"JobDefinition {name}")
    if problem:
        raise refuse(problem, subject=run.subject, field="spec.params")


async def _create(reach: Reach, definitions: Sequence[Manifest], runs: Sequence[Manifest], after: AfterOptions) -> int:
    """Create everything, or nothing where the server finds something of it invalid; say so, and follow the runs."""
    for kind, manifests in ((Kind.JOB_DEFINITION, definitions), (Kind.JOB_RUN, runs)):
        for manifest in manifests:
            try:
                await reach.port.create(kind, manifest, dry_run=True)
            except Invalid as error:
                raise refuse(error.message, subject=name_of(_named(manifest))) from error
            except AlreadyExists as error:
                if kind is Kind.JOB_RUN:
                    raise refuse(_taken(manifest)) from error
    stored, lines = [], []
    for manifest in definitions:
        made, what = await _applied(reach, manifest)
        stored.append(made)
        lines.append(f"{name_of(made)} {what}")
    created = [await reach.port.create(Kind.JOB_RUN, manifest) for manifest in runs]
    lines += [f"{name_of(one)} created" for one in created]
    if after.output is ObjectFormat.TEXT or not after.wait:  # else they are printed once, as they ended
        print_objects(created if after.output is ObjectFormat.NAME else [*stored, *created], after.output, text=lines)
    names = [one["metadata"]["name"] for one in created]
    if after.watch:
        return await watch(reach, names, no_color=after.no_color)
    return await wait(reach, names, seconds=None, output=after.output) if after.wait else 0


def _named(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {"name": metadata.get("name") or f"{metadata['generateName']}…"}}


def _taken(manifest: Manifest) -> str:
    name = manifest["metadata"]["name"]
    return f"JobRun {name} is there already; choose another --name, or run the same again: brood rerun {name}"


async def _applied(reach: Reach, manifest: Manifest) -> tuple[Manifest, str]:
    """Create a definition, or bring the one that is there to what the file says; runs that have started keep theirs."""
    try:
        return await reach.port.create(Kind.JOB_DEFINITION, manifest), "created"
    except AlreadyExists:
        name = manifest["metadata"]["name"]
    old = await reach.port.get(Kind.JOB_DEFINITION, reach.namespace, name)
    change = {"spec": _change(old["spec"], manifest["spec"])}
    new = await reach.port.patch(Kind.JOB_DEFINITION, reach.namespace, name, change)
    same = new["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"]
    return new, "unchanged" if same else "configured"


def _change(old: Any, new: Any) -> Any:
    """Return the JSON merge patch that makes one value of the other: what is not in the new one becomes null."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    gone = {key: None for key in old if key not in new}
    return gone | {key: _change(old.get(key), value) for key, value in new.items()}
