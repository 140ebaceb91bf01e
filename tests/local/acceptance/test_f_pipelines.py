"""Rows F1 to F11: parallel pipelines with parent and child (seed 000)."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from brood.cluster.port import Kind
from tests.local.acceptance.command import Command
from tests.local.acceptance.lab import Lab
from tests.local.acceptance.manifests import admitted, condition, definition, job_run, meet, phases, rows, wait_for

EXAMPLE = Path(__file__).parents[3] / "examples" / "02-parallel-video"

TWO_VERSIONS = definition(
    """
    type: video-encoding
    version: 1.0-dev
    params: [{name: URL, required: true}]
    tasks: [{name: encode, script: 'echo "1.0-dev $URL"', output: DONE}]
    """,
    name="encoder-a",
) + definition(
    """
    type: video-encoding
    version: "2.0"
    params: [{name: URL, required: true}]
    tasks: [{name: encode, script: 'echo "2.0 $URL"', output: DONE}]
    """,
    name="encoder-b",
)


def test_f1_the_video_pipeline_of_the_page_joins_the_parts_byte_for_byte(run: Command) -> None:
    video = run.path / "in-put'$x.mp4"
    video.write_bytes(os.urandom(300_001))
    for file in ("parallel-video-encoding.yaml", "video-encoding.yaml"):
        shutil.copy(EXAMPLE / file, run.path)
    result = run(
        job_run("encode", "parallel-video-encoding", "params: {InputEncoding: MP4, OutputEncoding: WebM}"),
        "-p", f"URL=file://{video}", "parallel-video-encoding.yaml", "video-encoding.yaml",
    )  # fmt: skip
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert list(result.phases) == [
        "validate",
        "download",
        "split",
        "fork-encode1",
        "fork-encode2",
        "fork-await",
        "combine",
    ]
    assert set(result.phases.values()) == {"Succeeded"}
    [combined] = [file for file in result.status["artifacts"]["files"] if file["task"] == "combine"]
    assert combined["path"] == "video_file.WebM"
    assert Path(combined["url"].removeprefix("file://")).read_bytes() == video.read_bytes()
    assert combined["size"] == 300_001
    assert [child["status"]["phase"] for child in result.children] == ["Succeeded"] * 2


def test_f2_a_fork_spawns_a_child_of_a_type_version_and_params(run: Command) -> None:
    fork = "fork: {definitionRef: {type: video-encoding, version: 1.0-dev}, params: {URL: '%s'}}"
    result = run(
        TWO_VERSIONS
        + definition(f"""
        tasks:
          - {{name: one, {fork % "file:///a b"}}}
          - {{name: two, {fork % "file:///c"}}}
          - {{name: other, fork: {{definitionRef: {{type: video-encoding, version: "2.0"}}, params: {{URL: x}}}}}}
        """)
        + job_run("video")
    )
    assert result.code == 0, result.stderr
    made = {child["spec"]["parentRef"]["task"]: child for child in result.children}
    assert {task: child["spec"]["params"]["URL"] for task, child in made.items()} == {
        "one": "file:///a b", "two": "file:///c", "other": "x",
    }  # fmt: skip
    named = {task: child["spec"]["definitionRef"]["name"] for task, child in made.items()}
    assert named == {"one": "encoder-a", "two": "encoder-a", "other": "encoder-b"}
    assert made["one"]["status"]["outputs"] == {"DONE": "1.0-dev file:///a b"}
    assert made["one"]["status"]["revision"].startswith("encoder-a-")
    assert made["one"]["metadata"]["labels"]["brood.dev/definition"] == "encoder-a"


def test_f2_a_version_that_is_in_no_file_is_refused_naming_it(run: Command) -> None:
    task = "tasks: [{name: f, fork: {definitionRef: {type: video-encoding, version: '9.9'}, params: {URL: x}}}]"
    result = run(TWO_VERSIONS + definition(task) + job_run("video"))
    assert (result.code, result.lines) == (2, [])
    assert "video-encoding" in result.stderr
    assert "9.9" in result.stderr


async def test_f2_a_version_that_does_not_exist_fails_the_fork_naming_it(here: Lab) -> None:
    task = "tasks: [{name: f, fork: {definitionRef: {type: video-encoding, version: '9.9'}, params: {URL: x}}}]"
    await here.apply(TWO_VERSIONS, definition(task), job_run("video"))
    waiting = await here.until("video", lambda one: "9.9" in str(one.get("status")))
    assert phases(waiting) == {"f": "Pending"}
    here.ahead = timedelta(seconds=31)
    await here.patch("video", {"priority": 1})  # anything that rings
    done = await here.ended("video")
    row = rows(done)["f"]
    assert (done["status"]["phase"], row["phase"], row["reason"]) == ("Failed", "Failed", "DefinitionNotFound")
    assert "9.9" in row["message"]
    assert await here.children("video") == []


def test_f3_children_run_at_one_instant_and_hold_up_nothing_of_the_parent(run: Command) -> None:
    result = run(
        definition(f"""
        tasks:
          - {{name: one, fork: {{definitionRef: {{name: child}}, params: {{NR: 1}}}}}}
          - {{name: two, fork: {{definitionRef: {{name: child}}, params: {{NR: 2}}}}}}
          - name: next
            dependsOn: [one, two]
            script: touch @DIR@/go
        definitions:
          - name: child
            params: [{{name: NR}}]
            tasks: [{{name: work, script: '{meet(2)}; {wait_for("go")}'}}]
        """)
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert len(result.children) == 2
    for fork in ("one", "two"):
        for child in result.children:
            assert result.rows[fork]["completionTime"] <= child["status"]["completionTime"]


FORKS = """
tasks:
  - {{name: good, fork: {{definitionRef: {{name: child}}, params: {{CODE: "0"}}}}}}
  - {{name: bad, fork: {{definitionRef: {{name: child}}, params: {{CODE: "7"}}}}}}
  - {{name: wait, await: {{tasks: [good, bad]}}{more}}}
  - {{name: after, dependsOn: [wait], script: 'true'}}
  {tasks}
definitions:
  - name: child
    params: [{{name: CODE}}]
    tasks: [{{name: work, script: 'sleep 0.4; touch "@DIR@/$CODE"; exit "$CODE"'}}]
"""


def test_f4_an_await_blocks_until_both_ended_and_fails_with_one_of_them(run: Command) -> None:
    result = run(definition(FORKS.format(more="", tasks="")))
    assert (result.code, result.phase) == (1, "Failed")
    assert result.phases == {"good": "Succeeded", "bad": "Succeeded", "wait": "Failed", "after": "Skipped"}
    assert result.rows["wait"]["reason"] == "ChildFailed"
    [child] = result.children_of("bad")
    assert "bad" in result.rows["wait"]["message"]
    assert child["metadata"]["name"] in result.rows["wait"]["message"]
    assert result.rows["after"]["reason"] == "UpstreamFailed"
    assert sorted(file.name for file in run.shared.iterdir()) == ["0", "7"]
    for child in result.children:
        assert child["status"]["completionTime"] <= result.rows["wait"]["completionTime"]


def test_f4_the_parents_onfailed_route_handles_a_failed_child(run: Command) -> None:
    rescue = "- {name: rescue, script: 'echo \"{0}\"', output: RESCUED}"
    result = run(definition(FORKS.format(more=", onFailed: rescue", tasks=rescue)))
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert result.phases["wait"] == "Failed"
    assert result.phases["rescue"] == "Succeeded"


PARTS = """
tasks:
  - {name: one, fork: {definitionRef: {name: child}, params: {NR: 1}}}
  - {name: two, fork: {definitionRef: {name: child}, params: {NR: 2}}}
  - {name: fork-await, await: {tasks: [one, two]}}
  - name: gather
    artifactsFrom: [fork-await]
    output: FOUND
    script: find . -type f | sort; cat one/make/same.txt two/make/same.txt part-1 deep/2/x
definitions:
  - name: child
    params: [{name: NR}]
    tasks:
      - name: make
        script: |
          echo "part $NR" > "part-$NR"
          echo "same of $NR" > same.txt
          mkdir -p "deep/$NR"; echo "deep $NR" > "deep/$NR/x"
        artifacts: {paths: ["part-{{ params.NR }}", same.txt, deep]}
"""
FOUND = """\
./deep/1/x
./deep/2/x
./one/make/deep/1/x
./one/make/part-1
./one/make/same.txt
./part-1
./part-2
./two/make/deep/2/x
./two/make/part-2
./two/make/same.txt
same of 1
same of 2
part 1
deep 2"""


async def test_f5_all_artifacts_of_the_children_are_there_and_a_collision_is_only_below_its_fork(here: Lab) -> None:
    await here.apply(definition(PARTS), job_run("parts"))
    done = await here.ended("parts")
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert done["status"]["outputs"]["FOUND"] == FOUND
    await here.true(lambda: here.history(Kind.EVENT), "no event")
    warnings = [one for one in await here.objects(Kind.EVENT) if one["type"] == "Warning"]
    assert len(warnings) == 1
    assert "same.txt" in warnings[0]["message"]


def test_f5_a_file_and_a_directory_of_one_name_collide_too(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - {name: one, fork: {definitionRef: {name: child}, params: {DO: 'echo 1 > x; echo 1 > left'}}}
          - {name: two, fork: {definitionRef: {name: child}, params: {DO: 'mkdir x; echo 2 > x/deep; echo 2 > one'}}}
          - {name: all, await: {tasks: [one, two]}}
          - {name: gather, artifactsFrom: [all], script: 'find . -type f | sort', output: FOUND}
        definitions:
          - name: child
            params: [{name: DO}]
            tasks: [{name: make, script: 'eval "$DO"', artifacts: {paths: ["*"]}}]
        """)
    )
    assert result.code == 0, result.stderr
    assert result.outputs["FOUND"].split("\n") == [
        "./left", "./one/make/left", "./one/make/x", "./two/make/one", "./two/make/x/deep",
    ]  # fmt: skip


def test_f6_the_urls_of_split_are_its_files_in_the_order_of_its_paths(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - name: split
            script: for n in 1 2 3; do echo "content $n" > "video.mp4.$n"; done
            artifacts: {paths: [video.mp4.2, video.mp4.1]}
          - name: first
            run:
              definitionRef: {name: child}
              params: {URL: "{{ tasks['split'].artifacts[0].url }}", PATHNAME: "{{ tasks['split'].artifacts[0].path }}"}
            output: FIRST
          - name: second
            run:
              definitionRef: {name: child}
              params: {URL: "{{ tasks['split'].artifacts[1].url }}", PATHNAME: "{{ tasks['split'].artifacts[1].size }}"}
            output: SECOND
        definitions:
          - name: child
            params: [{name: URL}, {name: PATHNAME}]
            tasks: [{name: read, script: 'echo "$PATHNAME: $(cat "${URL#file://}")"', output: READ}]
        """)
    )
    assert result.code == 0, result.stderr
    assert [file["path"] for file in result.status["artifacts"]["files"]] == ["video.mp4.2", "video.mp4.1"]
    assert result.outputs["FIRST"] == '{"READ":"video.mp4.2: content 2"}'
    assert result.outputs["SECOND"] == '{"READ":"10: content 1"}'


CHAIN = """
tasks:
  - {{name: c, script: 'echo c >> @DIR@/order', onSucceeded: d}}
  - {{name: a, script: 'echo a >> @DIR@/order', onSucceeded: b}}
  - {{name: d, script: 'echo d >> @DIR@/order'}}
  - {{name: b, script: 'echo b >> @DIR@/order; exit {code}', onSucceeded: c}}
"""


def test_f7_a_chain_of_onsucceeded_runs_in_its_order(run: Command) -> None:
    result = run(definition(CHAIN.format(code=0)))
    assert (result.code, result.phase) == (0, "Succeeded")
    assert result.written("order") == ["a", "b", "c", "d"]
    times = [result.rows[name]["startTime"] for name in "abcd"]
    assert times == sorted(times)


def test_f7_a_failing_task_stops_the_chain_and_fails_the_run(run: Command) -> None:
    result = run(definition(CHAIN.format(code=3)))
    assert (result.code, result.phase) == (1, "Failed")
    assert result.written("order") == ["a", "b"]
    assert result.phases == {"a": "Succeeded", "b": "Failed", "c": "Skipped", "d": "Skipped"}
    assert {result.rows[name]["reason"] for name in "cd"} == {"NotRouted"}
    assert condition(result.run, "Succeeded")["reason"] == "TaskFailed"


async def test_f8_the_second_run_waits_as_queued_and_names_the_first(here: Lab) -> None:
    spec = f"""
    concurrency: {{maxActiveRuns: 1}}
    tasks: [{{name: a, script: '{wait_for("go")}'}}]
    """
    await here.apply(definition(spec), job_run("first"))
    await here.phase("first", "Running")
    await here.apply(job_run("second"))
    waiting = await here.phase("second", "Queued")
    assert "first" in waiting["status"]["message"]
    assert condition(waiting, "Reconciling")["reason"] == "Queued"
    assert not admitted(waiting)
    assert await here.pods("second") == []
    here.touch("go")
    first, second = await here.ended("first"), await here.ended("second")
    assert first["status"]["phase"] == second["status"]["phase"] == "Succeeded"
    assert first["status"]["completionTime"] <= second["status"]["startTime"]


def test_f9_combine_sees_the_files_of_its_dependencies(run: Command) -> None:
    result = run(
        definition("""
        tasks:
          - {name: a, script: 'echo 1 > a.txt; mkdir sub; echo 2 > sub/b.txt', artifacts: {paths: [a.txt, sub]}}
          - {name: c, script: 'echo 3 > "c d.txt"', artifacts: {paths: ["*.txt"]}}
          - {name: combine, artifactsFrom: [a, c], script: 'cat a.txt sub/b.txt "c d.txt"; pwd; echo "$BROOD_WORKDIR"', output: ALL}
        """)
    )
    assert result.code == 0, result.stderr
    *content, directory, named = result.outputs["ALL"].split("\n")
    assert content == ["1", "2", "3"]
    assert directory == named


def test_f9_a_path_that_matches_nothing_fails_the_task_naming_it(run: Command) -> None:
    result = run(definition("tasks: [{name: a, script: 'echo x > b', artifacts: {paths: [b, 'miss*.bin']}}]"))
    assert result.code == 1
    assert (result.rows["a"]["phase"], result.rows["a"]["reason"]) == ("Failed", "ArtifactMissing")
    assert "miss*.bin" in result.rows["a"]["message"]


NEEDY = definition("""
params: [{name: URL, required: true}, {name: Mode, default: x, enum: [x, z]}]
tasks: [{name: a, script: 'touch @DIR@/ran'}]
""")


def test_f10_a_missing_param_is_refused_before_anything_runs(run: Command) -> None:
    for refused, word in ((run(NEEDY + job_run("r")), "URL"), (run(NEEDY, "-p", "URL=x", "-p", "Mode=q"), "Mode")):
        assert (refused.code, refused.lines) == (2, [])
        assert word in refused.stderr
    assert run.shared.exists()
    assert list(run.shared.iterdir()) == []


async def test_f10_a_missing_param_fails_a_run_that_was_applied_before_any_pod(here: Lab) -> None:
    await here.apply(NEEDY, job_run("r"), job_run("s", spec="params: {URL: x, Other: y}"))
    for name, word in (("r", "URL"), ("s", "Other")):
        done = await here.ended(name)
        assert done["status"]["phase"] == "Failed"
        assert condition(done, "Succeeded")["reason"] == "InvalidParams"
        assert word in condition(done, "Succeeded")["message"]
    assert here.history(Kind.POD) == []


def test_f11_a_fork_inside_a_child_three_levels_deep(run: Command) -> None:
    def level(name: str, below: str) -> str:
        return f"""
          - name: {name}
            tasks: [{{name: down, fork: {{definitionRef: {{name: {below}}}}}}}, {{name: up, await: {{tasks: [down]}}}}]"""

    result = run(
        definition(f"""
        tasks: [{{name: down, fork: {{definitionRef: {{name: two}}}}}}, {{name: up, await: {{tasks: [down]}}}}]
        definitions:{level("two", "three")}{level("three", "leaf")}
          - name: leaf
            tasks: [{{name: work, script: 'echo "$BROOD_ROOT" > @DIR@/leaf'}}]
        """)
        + job_run("top")
    )
    assert (result.code, result.phase) == (0, "Succeeded"), result.stderr
    assert len(result.children) == 3
    assert result.written("leaf") == ["top"]
    assert {child["metadata"]["labels"]["brood.dev/root-run"] for child in result.children} == {"top"}


def test_f11_a_definition_that_forks_itself_ends_at_the_depth_limit(run: Command) -> None:
    result = run(definition("tasks: [{name: again, fork: {definitionRef: {name: main}}}]"))
    assert (result.code, result.phase) == (1, "Failed")
    reasons: list[Any] = [condition(child, "Succeeded")["reason"] for child in result.children]
    assert reasons.count("DepthExceeded") == 1
    assert len(result.children) <= 16
