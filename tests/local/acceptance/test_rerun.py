"""`rerunOf` on the local cluster: real bytes, real directories, the earlier run deleted (contract §2, §4)."""

import json
from pathlib import Path

from brood.cluster.port import Kind
from tests.local.acceptance.command import Command
from tests.local.acceptance.lab import Lab
from tests.local.acceptance.manifests import definition, job_run, phases, rows

PIPELINE = """
artifacts: {retain: RETAIN}
tasks:
  - {name: fetch, script: 'echo fetch >> @DIR@/ran; head -c 60000 /dev/zero | tr "\\\\0" x > big; printf small; echo "SIZE=60000" >> "$BROOD_OUTPUT"; cat big >&2', artifacts: {paths: [big]}, output: FETCHED}
  - name: each
    run: {definitionRef: {name: item}}
    parallel: {items: [a, b, c]}
    output: ALL
  - {name: apart, fork: {definitionRef: {name: item}, params: {WHAT: z}}}
  - {name: join, await: {tasks: [apart]}}
  - name: end
    dependsOn: [each]
    artifactsFrom: [fetch, join]
    script: 'echo end >> @DIR@/ran; echo "$(wc -c < big) $(cat z) $SIZE $FETCHED"; echo "$ALL" | wc -c'
    output: END
definitions:
  - name: item
    params: [{name: WHAT}]
    tasks:
      - {name: make, script: 'echo "make $WHAT" >> @DIR@/ran; echo "of $WHAT" > "$WHAT"; head -c 4000 /dev/zero | tr "\\\\0" "$WHAT"', artifacts: {paths: ["{{ params.WHAT }}"]}, output: MADE}
      - {name: check, dependsOn: [make], script: 'echo "check $WHAT" >> @DIR@/ran; test $WHAT != b || test -e @DIR@/mended'}
"""


async def _failed_then_rerun(here: Lab, retain: str) -> list[str]:
    """Let a run fail at one item, rerun it, and return what scripts ran in the rerun."""
    await here.apply(definition(PIPELINE.replace("RETAIN", retain)), job_run("first"))
    first = await here.ended("first")
    assert phases(first) == {
        "fetch": "Succeeded",
        "each": "Failed",
        "apart": "Succeeded",
        "join": "Succeeded",
        "end": "Skipped",
    }
    ran = len(here.written("ran"))
    here.touch("mended")
    await here.apply(job_run("second", spec="rerunOf: {name: first}"))
    assert (await here.ended("second"))["status"]["phase"] == "Succeeded"
    return sorted(here.written("ran")[ran:])


def _size(url: str) -> int:
    return Path(url.removeprefix("file://")).stat().st_size


async def test_a_rerun_runs_what_failed_and_reads_the_files_and_outputs_of_the_rest(here: Lab) -> None:
    assert await _failed_then_rerun(here, "OnFailure") == ["check b", "end"]
    second = await here.get("second")
    assert rows(second)["fetch"]["message"] == "taken over from first"
    assert second["status"]["outputs"]["END"].splitlines()[0] == "60000 of z 60000 small"
    [claim] = await here.objects(Kind.CLAIM)
    assert second["status"]["artifacts"]["claimName"] == claim["metadata"]["name"]
    made = [
        child
        for child in await here.children("second")
        if child["status"].get("message", "").startswith("taken over from")
    ]
    assert len(made) == 3, "items a and c, and the fork's child"
    assert {child["status"]["phase"] for child in made} == {"Succeeded"}


async def test_nothing_of_a_rerun_is_lost_with_the_run_before(here: Lab) -> None:
    await _failed_then_rerun(here, "Always")
    before = await here.get("second")
    await here.delete("first")

    def alone() -> bool:
        return not here.cluster.store.list(Kind.JOB_RUN, labels="brood.dev/root-run=first").items

    await here.true(alone, "the children of the first run are left")
    await here.true(lambda: len(here.cluster.store.list(Kind.CONFIG_MAP).items) > 0)
    assert await here.get("second") == before
    await here.apply(job_run("third", spec="rerunOf: {name: second}"))
    third = await here.ended("third")
    assert (third["status"]["phase"], await here.pods("third")) == ("Succeeded", [])
    refs = third["status"]["outputRefs"]["ALL"]
    text = (await here.get(refs["configMap"], Kind.CONFIG_MAP))["data"][refs["key"]]
    aggregate = json.loads(text)
    assert [one["MADE"] for one in aggregate["outputs"]] == [what * 4000 for what in "abc"]
    sizes = {file["size"]: _size(file["url"]) for file in third["status"]["artifacts"]["files"]}
    assert sizes == {60000: 60000}
    await here.delete("second")
    await here.delete("third")
    await here.true(lambda: not here.cluster.store.list(Kind.CLAIM).items, "the volume outlives its last run")


async def test_without_its_files_a_task_runs_again(here: Lab) -> None:
    assert await _failed_then_rerun(here, "Never") == [
        "check b", "end", "fetch", "make a", "make b", "make c", "make z",
    ]  # fmt: skip


async def test_on_a_claim_of_ones_own_the_files_are_there_and_the_claim_stays_ones_own(here: Lab) -> None:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    mine = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "mine", "namespace": "default"},
        "spec": spec,
    }
    await here.cluster.create(Kind.CLAIM, mine)
    text = """
    artifacts: {claimName: mine}
    tasks:
      - {name: make, script: 'echo made >> @DIR@/ran; echo of-$BROOD_ROOT > f', artifacts: {paths: [f]}}
      - {name: use, script: 'test -e @DIR@/mended; cat f', artifactsFrom: [make], output: USED}
    """
    await here.apply(definition(text), job_run("first"))
    assert (await here.ended("first"))["status"]["phase"] == "Failed"
    here.touch("mended")
    await here.apply(job_run("second", spec="rerunOf: {name: first}"))
    second = await here.ended("second")
    assert (second["status"]["outputs"], here.written("ran")) == ({"USED": "of-first"}, ["made"])
    assert "ownerReferences" not in (await here.get("mine", Kind.CLAIM))["metadata"]


def test_brood_run_begins_a_rerun_when_the_run_before_has_ended(run: Command) -> None:
    text = definition("""
    concurrency: {policy: Reject}
    params: [{name: WHO, default: you}]
    tasks:
      - {name: once, script: 'echo once >> @DIR@/ran; echo "for $WHO"', output: ONCE}
      - {name: flaky, script: 'echo flaky >> @DIR@/ran; mkdir @DIR@/seen && exit 3; exit 0'}
    """)
    result = run(text + job_run("first") + job_run("second", spec="rerunOf: {name: first}"))
    first, second = result.lines
    assert (result.code, sorted(result.written("ran"))) == (1, ["flaky", "flaky", "once"])  # the two run side by side
    assert (first["run"]["status"]["phase"], second["run"]["status"]["phase"]) == ("Failed", "Succeeded")
    assert first["run"]["status"]["completionTime"] <= second["run"]["status"]["startTime"]
    assert second["outputs"] == {"ONCE": "for you"}


async def test_after_an_edit_a_rerun_may_follow_the_revision_of_the_run_before(here: Lab) -> None:
    await here.apply(
        definition("tasks: [{name: a, script: 'echo a >> @DIR@/ran'}, {name: b, script: 'test -e @DIR@/mended'}]"),
        job_run("first"),
    )
    revision = (await here.ended("first"))["status"]["revision"]
    await here.cluster.patch(
        Kind.JOB_DEFINITION, "default", "main", {"spec": {"tasks": [{"name": "other", "script": "true"}]}}
    )
    here.touch("mended")
    await here.apply(job_run("second", spec="rerunOf: {name: first}"))
    refused = (await here.ended("second"))["status"]["message"]
    assert refused.startswith(f"rerunOf: first followed revision {revision}, this run would follow main-")
    third = job_run("third", spec="rerunOf: {name: first}").replace(
        "{name: main}", f"{{name: main, revision: {revision}}}"
    )
    await here.apply(third)
    assert phases(await here.ended("third")) == {"a": "Succeeded", "b": "Succeeded"}
    assert here.written("ran") == ["a"]


async def test_a_rerun_that_cannot_be_is_refused_before_any_pod(here: Lab) -> None:
    await here.apply(definition("tasks: [{name: work, script: 'sleep 60'}]"), job_run("first"))
    await here.phase("first", "Running")
    await here.apply(job_run("second", spec="rerunOf: {name: first}"), job_run("third", spec="rerunOf: {name: nobody}"))
    for name, told in (("second", "rerunOf: first has not ended"), ("third", "rerunOf: there is no run nobody")):
        run = await here.ended(name)
        assert (run["status"]["phase"], run["status"]["message"]) == ("Failed", told)
        assert await here.pods(name) == []
    await here.patch("first", {"shutdown": "Terminate"})
    await here.ended("first")
