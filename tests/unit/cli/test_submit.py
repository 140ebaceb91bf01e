"""Commands that change a cluster, against a store that takes what an API server takes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from brood.cli.findings import CommandError, InputRefusedError
from brood.cli.options import AfterOptions, ObjectFormat, SubmitOptions
from brood.cli.reach import Reach
from brood.cli.steering import steer
from brood.cli.submit import rerun, submit
from brood.cli.watch import EXIT_TIMED_OUT, wait
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind, Manifest

FILE = """\
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {name: hello}
spec:
  description: Greets
  params: [{name: WHO, required: true}]
  ttlSecondsAfterFinished: 60
  tasks: [{name: a, script: echo hello}]
"""
QUIET = AfterOptions()


@pytest.fixture
async def reach(tmp_path: Path) -> AsyncIterator[Reach]:
    async with LocalCluster(tmp_path / "cluster", run_pods=False) as port:
        yield Reach(port, "team")


def written(tmp_path: Path, text: str = FILE) -> str:
    file = tmp_path / "hello.yaml"
    file.write_text(text)
    return str(file)


async def submitted(reach: Reach, source: str, *params: str, **options: Any) -> int:
    return await submit(reach, SubmitOptions(sources=[source], params=list(params), **options), QUIET)


async def runs(reach: Reach) -> list[Manifest]:
    return (await reach.port.list(Kind.JOB_RUN, namespace="team")).items


async def ended(reach: Reach, name: str, phase: str) -> None:
    await reach.port.patch(Kind.JOB_RUN, "team", name, {"status": {"phase": phase}}, subresource="status")


async def test_a_file_is_created_in_the_namespace_that_is_meant_with_all_its_fields(
    reach: Reach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await submitted(reach, written(tmp_path), "WHO=you", name="hello-1") == 0
    assert capsys.readouterr().out == "jobdefinition.brood.dev/hello created\njobrun.brood.dev/hello-1 created\n"
    definition = await reach.port.get(Kind.JOB_DEFINITION, "team", "hello")
    assert definition["spec"]["ttlSecondsAfterFinished"] == 60
    [run] = await runs(reach)
    assert run["spec"] == {"definitionRef": {"name": "hello"}, "params": {"WHO": "you"}}


async def test_a_definition_that_is_there_becomes_what_the_file_says(
    reach: Reach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await submitted(reach, written(tmp_path), "WHO=you")
    await submitted(reach, written(tmp_path), "WHO=you")
    await submitted(reach, written(tmp_path, FILE.replace("  description: Greets\n", "")), "WHO=you")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("jobdefinition")]
    assert [line.rpartition(" ")[2] for line in lines] == ["created", "unchanged", "configured"]
    assert "description" not in (await reach.port.get(Kind.JOB_DEFINITION, "team", "hello"))["spec"]
    assert len(await runs(reach)) == 3


async def test_a_definition_of_the_cluster_is_run_by_its_name(reach: Reach, tmp_path: Path) -> None:
    await submitted(reach, written(tmp_path), "WHO=you")
    await submitted(reach, "hello", "WHO=me", name="mine")
    assert (await reach.run("mine"))["spec"]["params"] == {"WHO": "me"}


@pytest.mark.parametrize(
    ("source", "params", "said"),
    [
        ("hallo", [], "JobDefinition hallo is not in namespace team; did you mean hello?"),
        ("hello", [], "missing required param WHO"),
        ("hello", ["WHO=x", "WHOM=y"], "WHOM"),
        ("./hallo.yaml", [], "no such file"),
        ("hello", ["WHO"], "has no '='"),
    ],
)
async def test_what_cannot_be_run_is_refused_and_nothing_is_created(
    reach: Reach, tmp_path: Path, source: str, params: list[str], said: str
) -> None:
    await reach.port.create(
        Kind.JOB_DEFINITION, {**yaml.safe_load(FILE), "metadata": {"name": "hello", "namespace": "team"}}
    )
    with pytest.raises((InputRefusedError, CommandError)) as refused:
        await submitted(reach, source, *params)
    assert said in str(refused.value)
    assert await runs(reach) == []


RUN = "apiVersion: brood.dev/v1alpha1\nkind: JobRun\nmetadata: {name: r}\nspec: {definitionRef: {name: NAME}, params: {WHO: x}}\n"


async def test_a_run_of_a_definition_that_is_nowhere_is_refused(reach: Reach, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="JobDefinition elsewhere is not in namespace team; there is none"):
        await submitted(reach, written(tmp_path, RUN.replace("NAME", "elsewhere")))


async def test_a_name_that_is_taken_is_refused_before_the_definition_changes(reach: Reach, tmp_path: Path) -> None:
    await submitted(reach, written(tmp_path), "WHO=x", name="r")
    changed = FILE.replace("Greets", "Shouts") + "---\n" + RUN.replace("NAME", "hello")
    with pytest.raises(InputRefusedError, match=r"JobRun r is there already; .* brood rerun r"):
        await submitted(reach, written(tmp_path, changed))
    assert (await reach.port.get(Kind.JOB_DEFINITION, "team", "hello"))["spec"]["description"] == "Greets"


async def test_files_of_another_namespace_are_refused(reach: Reach, tmp_path: Path) -> None:
    other = FILE.replace("{name: hello}", "{name: hello, namespace: other}")
    with pytest.raises(InputRefusedError, match="the files name namespace other, and team is meant"):
        await submitted(reach, written(tmp_path, other), "WHO=x")


async def test_a_run_is_steered_and_one_that_has_ended_is_left_alone(
    reach: Reach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two", "done"):
        await submitted(reach, written(tmp_path), "WHO=x", name=name)
    await ended(reach, "done", "Succeeded")
    capsys.readouterr()
    text = ObjectFormat.TEXT
    await steer(reach, ["one", "done"], {"shutdown": "Interrupt"}, word="interrupted", output=text)
    await steer(reach, ["one"], {"shutdown": "Terminate"}, word="terminated", output=text)
    await steer(reach, ["one"], {"shutdown": "Interrupt"}, word="interrupted", output=text)
    await steer(reach, ["two"], {"suspend": True}, word="suspended", output=text)
    assert (await reach.run("two"))["spec"]["suspend"] is True
    await steer(reach, ["two"], {"suspend": None}, word="resumed", output=ObjectFormat.NAME)
    assert capsys.readouterr().out.splitlines() == [
        "jobrun.brood.dev/one interrupted",
        "jobrun.brood.dev/done unchanged: it has ended (Succeeded)",
        "jobrun.brood.dev/one terminated",
        "jobrun.brood.dev/one unchanged: already terminated",
        "jobrun.brood.dev/two suspended",
        "jobrun.brood.dev/two",
    ]
    assert not (await reach.run("two"))["spec"].get("suspend")
    with pytest.raises(CommandError, match="JobRun three is not in namespace team; there are: done, one, two"):
        await steer(reach, ["one", "three"], {"suspend": True}, word="suspended", output=text)


async def test_wait_returns_when_the_last_run_has_ended_with_its_result(
    reach: Reach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        await submitted(reach, written(tmp_path), "WHO=x", name=name)
    capsys.readouterr()
    waiting = asyncio.create_task(wait(reach, ["one", "two"], seconds=None, output=ObjectFormat.JSON))
    await ended(reach, "one", "Succeeded")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await ended(reach, "two", "Failed")
    async with asyncio.timeout(0.9):  # less than a tick: it is told, it does not ask
        assert await waiting == 1
    assert [one["status"]["phase"] for one in json.loads(capsys.readouterr().out)["items"]] == ["Succeeded", "Failed"]
    assert await wait(reach, ["one"], seconds=None, output=ObjectFormat.NAME) == 0


async def test_wait_gives_up_with_a_code_of_its_own(reach: Reach, tmp_path: Path) -> None:
    await submitted(reach, written(tmp_path), "WHO=x", name="one")
    assert await wait(reach, ["one"], seconds=0.05, output=ObjectFormat.TEXT) == EXIT_TIMED_OUT


async def test_a_run_that_is_deleted_while_somebody_waits_did_not_succeed(
    reach: Reach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await submitted(reach, written(tmp_path), "WHO=x", name="one")
    waiting = asyncio.create_task(wait(reach, ["one"], seconds=5, output=ObjectFormat.TEXT))
    await asyncio.sleep(0.02)
    await reach.port.delete(Kind.JOB_RUN, "team", "one", uid=(await reach.run("one"))["metadata"]["uid"])
    assert await waiting == 1
    assert "one was deleted" in capsys.readouterr().out


async def test_a_rerun_is_a_new_run_with_the_same_params_and_may_take_over_what_succeeded(
    reach: Reach, tmp_path: Path
) -> None:
    await submitted(reach, written(tmp_path), "WHO=x", name="one")
    with pytest.raises(CommandError, match="has not ended"):
        await rerun(reach, "one", None, QUIET, from_failed=True)
    await ended(reach, "one", "Failed")
    with pytest.raises(CommandError, match="never started"):
        await rerun(reach, "one", None, QUIET, from_failed=True)
    pinned = {"status": {"revision": "hello-5d8f7c4b9x"}}
    await reach.port.patch(Kind.JOB_RUN, "team", "one", pinned, subresource="status")
    await reach.port.patch(Kind.JOB_RUN, "team", "one", {"spec": {"shutdown": "Interrupt", "priority": 7}})
    await rerun(reach, "one", "two", QUIET, from_failed=True)
    await rerun(reach, "one", None, QUIET, from_failed=False)
    whole = {"definitionRef": {"name": "hello"}, "params": {"WHO": "x"}, "priority": 7}
    followed = {"name": "hello", "revision": "hello-5d8f7c4b9x"}
    _, two, three = [one["spec"] for one in await runs(reach)]
    assert two == {**whole, "definitionRef": followed, "rerunOf": {"name": "one"}}
    assert three == whole


async def test_submit_and_wait_prints_the_run_once_as_it_ended(
    reach: Reach, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = SubmitOptions(sources=[written(tmp_path)], params=["WHO=x"], name="one")
    waiting = asyncio.create_task(submit(reach, options, AfterOptions(wait=True, output=ObjectFormat.JSON)))
    async with asyncio.timeout(5):
        while not await runs(reach):  # noqa: ASYNC110 - what is waited for is the command's doing
            await asyncio.sleep(0.01)
    await ended(reach, "one", "Succeeded")
    assert await asyncio.wait_for(waiting, 5) == 0
    assert json.loads(capsys.readouterr().out)["status"]["phase"] == "Succeeded"
