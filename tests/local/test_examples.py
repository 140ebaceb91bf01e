"""Every example as a reader runs it: `brood lint` finds no error, `brood run` comes to the end that the example promises."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import debian
from tests.cluster.places import PROJECT, Missing

EXAMPLES = PROJECT / "examples"
NAMES = sorted(one.name for one in EXAMPLES.glob("[0-9]*"))
BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]
SECONDS = 100


class Played:
    """A run of an example at its end."""

    def __init__(self, line: str, code: int) -> None:
        found: dict[str, Any] = json.loads(line)
        self.code = code
        self.outputs: dict[str, str] = found["outputs"]
        self.status: dict[str, Any] = found["run"]["status"]
        self.children: list[dict[str, Any]] = found["children"]

    @property
    def end(self) -> tuple[str, int]:
        return self.status["phase"], self.code

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.status["tasks"]}

    @property
    def phases(self) -> dict[str, str]:
        return {name: row["phase"] for name, row in self.rows.items()}

    def summary(self, output: str) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.outputs[output])["summary"]
        return {name: count for name, count in found.items() if count}


def brood(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    return subprocess.run(
        [*BROOD, *words], capture_output=True, text=True, timeout=SECONDS, env=environment, cwd=EXAMPLES, check=False
    )


def play(tmp_path: Path, name: str, *words: str) -> Played:
    done = brood(tmp_path, "run", "-o", "json", "--children", "--keep", str(tmp_path / "kept"), name, *words)
    assert done.returncode in (0, 1), done.stderr
    [line] = done.stdout.splitlines()
    return Played(line, done.returncode)


@pytest.fixture(scope="session")
def ffmpeg() -> None:
    """See that ffmpeg is there; where clusters are required it is installed, or else its absence is a failure."""
    if shutil.which("ffmpeg") is not None:
        return
    if not os.environ.get("BROOD_REQUIRE_CLUSTER"):
        pytest.skip("ffmpeg is not installed")
    try:
        debian.install(("ffmpeg",))
    except Missing as missing:
        pytest.fail(f"ffmpeg is missing and cannot be installed: {missing}")


def test_there_is_a_test_here_for_every_example() -> None:
    tested = {name.split("_")[2] for name in globals() if name.startswith("test_example_")}
    assert {name[:2] for name in NAMES} == tested


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_and_nothing_in_it_is_a_warning(tmp_path: Path, name: str) -> None:
    done = brood(tmp_path, "lint", "--strict", name)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_example_01_hello(tmp_path: Path) -> None:
    played = play(tmp_path, "01-hello", "-p", "WHO=reader")
    assert played.end == ("Succeeded", 0)
    assert played.outputs == {"GREETING": "hello reader", "LOUD": "HELLO READER!"}


def test_example_02_combines_the_parts_to_the_very_bytes_of_the_source(tmp_path: Path) -> None:
    source = tmp_path / "in put.mp4"
    source.write_bytes(os.urandom(100_001))
    played = play(tmp_path, "02-parallel-video", "-p", f"URL={source.as_uri()}")
    assert played.end == ("Succeeded", 0)
    assert set(played.phases.values()) == {"Succeeded"}
    assert [one["status"]["phase"] for one in played.children] == ["Succeeded", "Succeeded"]
    [combined] = [one for one in played.status["artifacts"]["files"] if one["task"] == "combine"]
    assert (combined["path"], combined["size"]) == ("video_file.WebM", 100_001)
    assert Path(combined["url"].removeprefix("file://")).read_bytes() == source.read_bytes()


@pytest.mark.usefixtures("ffmpeg")
def test_example_03_makes_a_real_video(tmp_path: Path) -> None:
    played = play(tmp_path, "03-ffmpeg", "-p", "LENGTH=2")
    assert played.end == ("Succeeded", 0), played.status["tasks"]
    assert played.outputs["RESULT"].startswith("vp8 2.")
    assert len(played.children) == 2


@pytest.mark.parametrize("chunks", [1, 4, 12])
def test_example_04_adds_up_what_the_chunks_count(tmp_path: Path, chunks: int) -> None:
    played = play(tmp_path, "04-map-reduce", "-p", f"CHUNKS={chunks}")
    assert played.end == ("Succeeded", 0), played.status["tasks"]
    assert played.outputs["WORDS"] == str(sum(10 * one for one in range(1, chunks + 1)))
    assert played.rows["map"]["items"]["succeeded"] == len(played.children) == chunks


def test_example_05_takes_each_line_as_one_file(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("sales 2025.csv", "users.csv", "it's $(touch x).csv"):
        (files / name).write_text("12345")
    (files / "other").write_text("is not found")
    played = play(tmp_path, "05-batch-files", "-p", f"DIR={files}")
    assert played.end == ("Succeeded", 0)
    assert played.outputs["SUMMARY"] == "processed 3 files: 3 succeeded, 0 failed"
    results = json.loads(played.outputs["RESULTS"])["results"]
    assert sorted(Path(one["parameters"]).name for one in results) == [
        "it's $(touch x).csv",
        "sales 2025.csv",
        "users.csv",
    ]
    assert {one["output"]["BYTES"] for one in results} == {"5"}


def test_example_06_processes_what_passed_the_validation(tmp_path: Path) -> None:
    played = play(tmp_path, "06-two-stage-validation")
    assert played.end == ("PartiallySucceeded", 0)
    assert played.phases["validate-all"] == "Failed"
    assert played.outputs["REPORT"] == "3 validated, 2 processed"
    processed = json.loads(played.outputs["PROCESSED"])
    assert [one["RESULT_FILE"] for one in processed["outputs"]] == ["sales.parquet", "users.parquet"]


def test_example_07_hands_the_keys_of_an_object_to_its_child(tmp_path: Path) -> None:
    played = play(tmp_path, "07-etl")
    assert played.end == ("Succeeded", 0)
    assert played.outputs["LOADED"] == "loaded 3 tables, first sales from raw_sales into clean_sales"
    assert [one["spec"]["params"]["TABLE"] for one in played.children] == ["raw_sales", "raw_users", "raw_products"]


def test_example_08_deploys_to_every_region(tmp_path: Path) -> None:
    played = play(tmp_path, "08-multi-region", "-p", "RELEASE=v2")
    assert played.end == ("Succeeded", 0)
    assert played.summary("DEPLOYED") == {"total": 3, "succeeded": 3}
    stacks = [one["STACK"] for one in json.loads(played.outputs["DEPLOYED"])["outputs"]]
    assert stacks == [f"v2 to {region}, 3 replicas" for region in ("us-east-1", "eu-west-1", "ap-south-1")]
    assert json.loads(played.outputs["VERIFIED"]) == json.loads(played.outputs["DEPLOYED"])


def test_example_09_lets_one_suite_of_four_fail(tmp_path: Path) -> None:
    played = play(tmp_path, "09-test-matrix")
    assert played.end == ("PartiallySucceeded", 0)
    assert set(played.phases.values()) == {"Succeeded"}
    assert played.summary("REPORT") == {"total": 4, "succeeded": 3, "failed": 1}
    [failed] = [one for one in json.loads(played.outputs["REPORT"])["results"] if one["status"] == "failed"]
    assert failed["parameters"] == {"ENVIRONMENT": "production", "SUITE": "performance"}
    assert failed["output"] == {"VERDICT": "performance on production"}


def test_example_10_handles_six_instances_of_three_regions(tmp_path: Path) -> None:
    played = play(tmp_path, "10-nested-regions")
    assert played.end == ("Succeeded", 0)
    made = [one["spec"]["parentRef"]["task"] for one in played.children]
    assert (made.count("process-regions"), made.count("process-instances"), len(made)) == (3, 6, 9)
    regions = [json.loads(one["HANDLED"]) for one in json.loads(played.outputs["REGIONS"])["outputs"]]
    handled = [one["DONE"] for region in regions for one in region["outputs"]]
    names = ("us-east-1", "eu-west-1", "ap-south-1")
    assert handled == [f"handled {region}-{letter}" for region in names for letter in "ab"]


def test_example_11_tries_three_times_and_cleans_up(tmp_path: Path) -> None:
    played = play(tmp_path, "11-retries")
    assert played.end == ("Succeeded", 0)
    assert (played.rows["flaky"]["attempt"], played.outputs["LAST"]) == (3, "attempt 3")
    [handler] = played.status["handlers"]
    assert (handler["name"], handler["phase"]) == ("onExit", "Succeeded")


@pytest.mark.parametrize(
    ("params", "way", "notice"),
    [
        (["CODE=0"], "fast-path", "repair is Skipped"),
        (["CODE=3"], "repair", "repair is Succeeded"),
        (["CODE=4"], "give-up", "repair is Skipped"),
        (["CODE=3", "NOTIFY=no"], "repair", None),
    ],
)
def test_example_12_goes_one_way_and_joins(tmp_path: Path, params: list[str], way: str, notice: str | None) -> None:
    played = play(tmp_path, "12-branches", *(word for one in params for word in ("-p", one)))
    assert played.end == ("Succeeded", 0)
    branches = {name: played.phases[name] for name in ("fast-path", "repair", "give-up")}
    assert branches == {name: "Succeeded" if name == way else "Skipped" for name in branches}
    assert played.phases["notify"] == ("Skipped" if notice is None else "Succeeded")
    assert played.outputs.get("NOTICE") == notice


def test_example_13_runs_a_small_job_for_each_part(tmp_path: Path) -> None:
    played = play(tmp_path, "13-big-job", "-p", "PARTS=a b b c")
    assert played.end == ("Succeeded", 0)
    assert played.outputs["REPORT"] == "3 small jobs succeeded"  # equal parts run once
    assert json.loads(played.outputs["DONE"])["outputs"] == [{}, {}, {}]


def test_example_13_fails_with_one_bad_part_and_says_which(tmp_path: Path) -> None:
    played = play(tmp_path, "13-big-job", "-p", "PARTS=a bad-one c")
    assert played.end == ("Failed", 1)
    assert sorted(one["status"]["phase"] for one in played.children) == ["Failed", "Succeeded", "Succeeded"]
    [failed] = [one for one in played.children if one["status"]["phase"] == "Failed"]
    assert "invalid data received: bad-one" in failed["status"]["message"]
    assert played.rows["report"]["reason"] == "UpstreamFailed"


def test_example_13_without_parts_has_nothing_to_report(tmp_path: Path) -> None:
    played = play(tmp_path, "13-big-job", "-p", "PARTS=")
    assert played.end == ("Succeeded", 0)
    assert (played.rows["small-jobs"]["reason"], played.rows["report"]["reason"]) == ("NoItems", "ConditionNotMet")
