"""The command line against a real API server: what it says of runs there, and what it does to them."""

from pathlib import Path

import pytest
import yaml

from tests.kubernetes.arenas import Arena, definition, fresh, run, script, simulated
from tests.kubernetes.commandline import answers, brood


def test_a_file_is_submitted_watched_and_told_about(simulation: Arena, tmp_path: Path) -> None:
    name = fresh()
    parallel = {"items": ["a", "b", "c"], "maxConcurrent": 2}
    tasks = [simulated("first", seconds=1), simulated("fan", code=3, dependsOn=["first"], parallel=parallel)]
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(definition(name, tasks)))
    made = brood(simulation, "submit", str(tmp_path / "a.yaml"), "--name", f"{name}-1", "-o", "name")
    assert made == f"jobrun.brood.dev/{name}-1\n"
    text = brood(simulation, "watch", f"{name}-1", code=1)
    assert f"{name}-1/first  Succeeded" in text
    assert "3/3 items, 3 failed (0-2)" in text
    assert f"{name}-1/fan[0-2]" in answers(simulation, f"{name}-1")
    assert 'class="box Failed"' in brood(simulation, "report", f"{name}-1")
    assert "✘ fan (for each item)" in brood(simulation, "graph", f"{name}-1")
    again = brood(simulation, "rerun", f"{name}-1", "--name", f"{name}-2", "--wait", code=1)
    assert f"jobrun.brood.dev/{name}-2 Failed" in again


def test_what_the_server_finds_wrong_is_refused_before_anything_is_created(simulation: Arena, tmp_path: Path) -> None:
    name = fresh()
    made = definition(name, [simulated("main")])
    made["spec"]["tasks"].append(
        {"name": "main2", "container": {"image": "alpine"}, "podTemplate": {"spec": {"nope": 1}}}
    )
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([made, run(f"{name}_1", name)]))
    assert "refused, nothing ran" in brood(simulation, "submit", str(tmp_path / "a.yaml"), code=2)
    assert f"JobDefinition {name} is not in namespace" in brood(simulation, "submit", name, code=2)


@pytest.mark.parametrize(
    "words", [["tree", "nothing"], ["why", "nothing"], ["logs", "nothing"], ["wait", "nothing"], ["report", "nothing"]]
)
def test_a_run_that_is_not_there_is_named(simulation: Arena, words: list[str]) -> None:
    assert brood(simulation, *words, code=2).startswith(
        f"JobRun nothing is not in namespace {simulation.namespace}; there "
    )


def test_logs_are_followed_to_the_end_with_their_origin(real: Arena) -> None:
    lines = 'for i in 1 2 3; do echo "line $i"; sleep 0.5; done'
    fan = script("fan", 'echo "item $1"', parallel={"items": ["a", "b"]}, dependsOn=["one"])
    name = real.run([script("one", lines), fan, script("bad", "echo oops >&2; exit 3")])
    text = brood(real, "logs", "-f", name)
    assert [line.partition("|")[2].strip() for line in text.splitlines() if line.startswith("one ")] == [
        "line 1",
        "line 2",
        "line 3",
    ]
    assert {line.replace(" ", "") for line in text.splitlines()} >= {"fan[0]|itema", "fan[1]|itemb", "bad|oops"}
    assert brood(real, "logs", name, "fan/1") == "fan[1] | item b\n"
    assert "ExitCode" in answers(real, name)[f"{name}/bad"]["reason"]
