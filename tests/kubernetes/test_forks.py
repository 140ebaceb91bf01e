"""Forks, awaits and the artifacts of children on a real node: names that collide, children that fail, files that lack."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena, condition, definition, row, run, script
from tests.kubernetes.history import Object

CHILD = {
    "name": "child",
    "params": [{"name": "TEXT"}],
    "tasks": [
        script(
            "make",
            'test "$TEXT" != bad || exit 5; mkdir -p sub; echo "$TEXT" > same.txt; echo "$TEXT" > "sub/$TEXT only.txt"',
            artifacts={"paths": ["same.txt", "sub"]},
        )
    ],
}
READER = {
    "name": "reader",
    "params": [{"name": "URL"}],
    "tasks": [
        script("read", 'cat "${URL#file://}"; touch "$BROOD_ARTIFACTS/x"', output="READ"),
        {
            "name": "bare",
            "container": {"image": "alpine", "command": ["sh", "-c", 'cat "${URL#file://}"']},
            "output": "BARE",
        },
    ],
}
LOOK = "find . -type f | sort; cat left/make/same.txt right/make/same.txt"


def fork(name: str, text: str, **task: object) -> Object:
    """Return a task that forks the child with a text."""
    return {"name": name, "fork": {"definitionRef": {"name": "child"}, "params": {"TEXT": text}}, **task}


@pytest.fixture(scope="module")
def forked(kube: Cluster) -> Iterator[Arena]:
    """Give a namespace where all runs of this module were applied at once."""
    joined = {"name": "joined", "await": {"tasks": ["left", "right"]}}
    scene = {
        "collide": [
            fork("left", "one"),
            fork("right", "two"),
            joined,
            script("look", LOOK, artifactsFrom=["joined"], output="FOUND"),
        ],
        "breaks": [
            fork("left", "fine"),
            fork("right", "bad"),
            joined | {"onSucceeded": "usual", "onFailed": "repair"},
            script("usual", "true"),
            script("repair", "echo mended", output="SAID"),
        ],
        "lacks": [
            script("first", "true", artifacts={"paths": ["no such file.*"]}, onSucceeded="second"),
            script("second", "true"),
        ],
        "reads": [
            script("make", "echo told > file", artifacts={"paths": ["file"]}),
            {
                "name": "call",
                "run": {
                    "definitionRef": {"name": "reader"},
                    "params": {"URL": '{{ tasks["make"].artifacts[0].url }}'},
                },
                "output": "FOUND",
            },
        ],
    }
    with arena(kube) as made:
        made.apply(*(definition(name, tasks, definitions=[CHILD, READER]) for name, tasks in scene.items()))
        made.apply(*(run(name, name) for name in scene))
        yield made


def test_f5_all_artifacts_of_children_are_there_and_colliding_names_under_their_own(forked: Arena) -> None:
    done = forked.ended("collide")
    assert done["status"]["phase"] == "Succeeded", forked.history.summary()
    assert done["status"]["outputs"]["FOUND"].splitlines() == [
        "./left/make/same.txt",
        "./left/make/sub/one only.txt",
        "./right/make/same.txt",
        "./right/make/sub/two only.txt",
        "./sub/one only.txt",
        "./sub/two only.txt",
        "one",
        "two",
    ]
    events = [one for one in forked.cluster.list("events", namespace=forked.namespace) if one["type"] == "Warning"]
    told = [one["message"] for one in events if one["involvedObject"]["name"] == "collide"]
    assert len(told) == 1, told
    assert "same.txt" in told[0]


def test_f4_an_await_fails_naming_the_fork_and_its_route_is_taken(forked: Arena) -> None:
    done = forked.ended("breaks")
    failed = row(done, "joined")
    assert (failed["phase"], failed["reason"]) == ("Failed", "ChildFailed")
    assert "right" in failed["message"]
    assert row(done, "repair")["phase"] == "Succeeded"
    assert row(done, "usual")["reason"] == "NotRouted"
    assert done["status"]["phase"] == "Succeeded", "the route handled the failure"
    assert done["status"]["outputs"] == {"SAID": "mended"}


def test_f7_f9_a_listed_path_that_is_not_there_fails_the_task_and_stops_the_chain(forked: Arena) -> None:
    done = forked.ended("lacks")
    assert (done["status"]["phase"], condition(done, "Succeeded")["reason"]) == ("Failed", "TaskFailed")
    assert row(done, "first")["reason"] == "ArtifactMissing"
    assert "no such file.*" in row(done, "first")["message"]
    assert (row(done, "second")["phase"], row(done, "second")["reason"]) == ("Skipped", "NotRouted")
    assert len(forked.history.ever("pods", run="lacks")) == 1


def test_f6_a_child_that_neither_keeps_nor_takes_files_can_read_the_url_of_one(forked: Arena) -> None:
    done = forked.ended("reads")
    assert done["status"]["phase"] == "Succeeded", forked.history.summary()
    assert json.loads(done["status"]["outputs"]["FOUND"]) == {"BARE": "told", "READ": "told"}
