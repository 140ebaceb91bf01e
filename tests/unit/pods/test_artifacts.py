"""Files are kept and taken under their own names, whatever characters these hold (contract §1.1, §2.3)."""

import os
from pathlib import Path

import pytest

from brood.api.reasons import TaskReason
from brood.pods.listing import ListingError, read_listing
from brood.views import Artifact, ArtifactRule, ArtifactSource
from tests.unit.pods.sandbox import VOLUME, Outcome, Sandbox

NAMES = [
    "plain",
    "two words",
    "-n",
    "--help",
    "new\nline",
    "trailing\n",
    "quo'te\"s",
    "$(touch pwned)",
    "`x`",
    "back\\slash",
    "*",
    "[a]",
    "ünïcödé ☃",
    "tab\t",
    ".hidden",
    "a=1 b",
    "#x",
    "!x",
    ">x",
]


def keep(sandbox: Sandbox, script: str, *paths: str, when: str = "OnSuccess", setup: str = "") -> Outcome:
    return sandbox.run(script, setup=setup, artifacts=ArtifactRule(paths, when), volume=VOLUME)


def own(sandbox: Sandbox) -> Path:
    return sandbox.volume / VOLUME.directory


def test_files_are_kept_in_the_order_of_paths_and_globs_are_sorted(sandbox: Sandbox) -> None:
    outcome = keep(
        sandbox,
        "for n in b a B 10 9 _; do echo $n >video.$n; done; echo log >z.log; echo xx >one",
        "z.log",
        "video.*",
        "one",
    )
    assert [(one.path, one.size) for one in outcome.result.artifacts] == [
        ("z.log", 4), ("video.10", 3), ("video.9", 2), ("video.B", 2), ("video._", 2), ("video.a", 2), ("video.b", 2),
        ("one", 3),
    ]  # fmt: skip
    assert (own(sandbox) / "video.10").read_text() == "10\n"


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_any_name_is_kept(sandbox: Sandbox, name: str) -> None:
    place = sandbox.work
    place.mkdir(parents=True)
    (place / name).write_text("content")
    (place / "dir").mkdir()
    (place / "dir" / name).write_text("inside")
    pattern = {"*": "[*]", "[a]": "[[]a]", "back\\slash": "back?slash"}.get(name, name)
    outcome = keep(sandbox, "true", pattern, "dir")
    assert outcome.result.reason is None, outcome.log
    assert set(outcome.result.artifacts) == {Artifact(name, 7), Artifact(f"dir/{name}", 6)}
    assert (own(sandbox) / name).read_text() == "content"
    assert (own(sandbox) / "dir" / name).read_text() == "inside"
    assert not (place / "pwned").exists()


def test_directories_are_kept_with_all_below_them(sandbox: Sandbox) -> None:
    make = (
        "mkdir -p out/b/c out/empty out/..odd; echo 1 >out/b/c/x; echo 22 >out/.dot; echo 3 >out/a; echo 4 >out/..odd/y"
    )
    outcome = keep(sandbox, make, "out/")
    assert [(one.path, one.size) for one in outcome.result.artifacts] == [
        ("out/..odd/y", 2),
        ("out/.dot", 3),
        ("out/a", 2),
        ("out/b/c/x", 2),
    ]
    assert (own(sandbox) / "out/empty").is_dir()


def test_globs_may_stand_for_directories(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "mkdir -p a b 'c d' none; for d in a b 'c d'; do echo $d >\"$d/r.txt\"; done", "*/r.txt")
    assert [one.path for one in outcome.result.artifacts] == ["a/r.txt", "b/r.txt", "c d/r.txt"]


def test_the_whole_working_directory_may_be_kept(sandbox: Sandbox) -> None:
    assert [one.path for one in keep(sandbox, "mkdir d; echo 1 >d/x; echo 2 >.y", ".").result.artifacts] == [
        ".y",
        "d/x",
    ]


def test_a_file_that_two_paths_match_is_listed_once(sandbox: Sandbox) -> None:
    assert [one.path for one in keep(sandbox, "echo 1 >a; echo 2 >b", "b", "*").result.artifacts] == ["b", "a"]


def test_symbolic_links_are_kept_as_what_they_point_to(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "echo real >target; ln -s target link; mkdir d; ln -s ../target d/l", "link", "d")
    assert set(outcome.result.artifacts) == {Artifact("link", 5), Artifact("d/l", 5)}
    assert not (own(sandbox) / "link").is_symlink()


def test_many_files_are_kept(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "i=0; while [ $i -lt 700 ]; do echo $i >part.$i; i=$((i + 1)); done", "part.*")
    assert len(outcome.result.artifacts) == 700
    assert outcome.asked is not None


def test_a_list_that_does_not_fit_the_message_comes_by_the_log(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, 'for n in 1 2 3 4 5 6 7 8 9; do echo $n >"$n$(printf %0200d 0)\n"; done; echo out', "*")
    assert [one.path[0] for one in outcome.result.artifacts] == list("123456789")
    assert all(one.path.endswith("0\n") for one in outcome.result.artifacts)


@pytest.mark.parametrize("path", ["missing", "no*", "sub/none", "-x", "a b\nc"])
def test_f9_a_path_that_matches_nothing_fails_the_task_naming_it(sandbox: Sandbox, path: str) -> None:
    outcome = keep(sandbox, "echo 1 >there", "there", path)
    assert outcome.result.reason is TaskReason.ARTIFACT_MISSING
    assert repr(path) in outcome.result.message
    assert outcome.code == 1
    assert outcome.result.exit_code is None


@pytest.mark.parametrize(
    ("when", "code", "kept"),
    [
        ("OnSuccess", 0, True),
        ("OnSuccess", 3, False),
        ("OnFailure", 0, False),
        ("OnFailure", 3, True),
        ("Always", 0, True),
        ("Always", 3, True),
    ],
)
def test_keep_says_after_which_attempts(sandbox: Sandbox, when: str, code: int, *, kept: bool) -> None:
    outcome = keep(sandbox, f"echo 1 >x; exit {code}", "x", when=when)
    assert [one.path for one in outcome.result.artifacts] == (["x"] if kept else [])
    assert list(own(sandbox).iterdir()) == ([own(sandbox) / "x"] if kept else [])
    assert outcome.code == code


@pytest.mark.parametrize("script", ["echo 1 >x; echo 2 >.y", "echo 1 >$BROOD_ARTIFACTS/x; exit 3"])
def test_on_success_a_failed_task_leaves_nothing_on_the_volume(sandbox: Sandbox, script: str) -> None:
    outcome = keep(sandbox, script, "*", ".y", "none", "more")
    assert outcome.result.reason in {TaskReason.ARTIFACT_MISSING, TaskReason.EXIT_CODE}
    assert outcome.result.message in {"artifact 'none' matches nothing", "exit code 3"}
    assert list(own(sandbox).iterdir()) == []


def test_what_there_is_is_kept_always_even_if_a_path_matches_nothing(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "echo 1 >x", "none", "x", when="Always")
    assert outcome.result.reason is TaskReason.ARTIFACT_MISSING
    assert [one.path for one in outcome.result.artifacts] == ["x"]


def test_a_failed_script_is_not_failed_by_a_missing_artifact(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "echo why >&2; exit 3", "none", when="Always")
    assert outcome.result.reason is TaskReason.EXIT_CODE
    assert outcome.result.message == "exit code 3: why"


def test_nothing_need_be_there_that_is_not_to_be_kept(sandbox: Sandbox) -> None:
    assert keep(sandbox, "true", "none", when="OnFailure").result.reason is None


def test_a_name_that_is_not_utf8_fails_the_task(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "echo 1 >\"$(printf 'a\\377')\"", "a*")
    assert outcome.result.reason is TaskReason.OUTPUT_INVALID


def test_what_cannot_be_copied_fails_the_task(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, "ln -s nowhere dangling", "dangling")
    assert outcome.result.reason is TaskReason.ARTIFACT_MISSING
    assert "could not be copied" in outcome.result.message
    assert b"cp: " in outcome.log


def test_a_working_directory_that_is_gone_holds_nothing_to_keep(sandbox: Sandbox) -> None:
    outcome = keep(sandbox, 'cd /; rm -r "$BROOD_WORKDIR"', "*")
    assert outcome.result.reason is TaskReason.ARTIFACT_MISSING
    assert outcome.result.artifacts == ()


def put(sandbox: Sandbox, *paths: str) -> None:
    for path in paths:
        file = sandbox.volume / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def take(sandbox: Sandbox, *sources: ArtifactSource) -> Outcome:
    return sandbox.run("true", artifact_sources=sources, volume=VOLUME)


def files(root: Path) -> set[str]:
    return {str(Path(folder, name).relative_to(root)) for folder, _, names in os.walk(root) for name in names}


def test_files_of_a_task_are_in_the_working_directory(sandbox: Sandbox) -> None:
    put(sandbox, "r/a/1/x", "r/a/1/d/y", "r/a/1/.dot")
    assert take(sandbox, ArtifactSource("r/a/1")).result.reason is None
    assert files(sandbox.work) == {"x", "d/y", ".dot"}
    assert (sandbox.work / "d/y").read_text() == "r/a/1/d/y"


def test_files_may_be_chosen_and_get_a_prefix(sandbox: Sandbox) -> None:
    put(sandbox, "c/t/x", "c/t/d/y", "c/t/d/z", "c/t/other")
    result = take(
        sandbox, ArtifactSource("c/t", "fork-encode.0/t", ("x", "d/y")), ArtifactSource("c/t", "", ("d/z",))
    ).result
    assert result.reason is None
    assert files(sandbox.work) == {"fork-encode.0/t/x", "fork-encode.0/t/d/y", "d/z"}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_any_name_is_taken(sandbox: Sandbox, name: str) -> None:
    put(sandbox, f"r/{name}", f"r/sub {name}/{name}")
    assert take(sandbox, ArtifactSource("r", f"pre {name}", (name, f"sub {name}/{name}"))).result.reason is None
    assert files(sandbox.work) == {f"pre {name}/{name}", f"pre {name}/sub {name}/{name}"}


def test_files_that_were_taken_may_be_changed_and_do_not_change_on_the_volume(sandbox: Sandbox) -> None:
    put(sandbox, "r/x")
    sandbox.run("echo changed >x", artifact_sources=(ArtifactSource("r"),), volume=VOLUME)
    assert (sandbox.volume / "r/x").read_text() == "r/x"


def test_a_file_that_is_not_there_keeps_the_script_from_starting(sandbox: Sandbox) -> None:
    put(sandbox, "r/x")
    outcome = sandbox.run("echo started", artifact_sources=(ArtifactSource("r", "", ("x", "gone")),), volume=VOLUME)
    assert outcome.result.reason is TaskReason.ARTIFACT_MISSING
    assert "'gone'" in outcome.result.message
    assert outcome.result.exit_code is None
    assert b"started" not in outcome.log
    assert outcome.code == 1


def test_thousands_of_files_may_be_taken(sandbox: Sandbox) -> None:
    names = tuple(f"a-rather-long-name-of-a-part-{number}" for number in range(3000))
    put(sandbox, *(f"r/{name}" for name in names))
    assert take(sandbox, ArtifactSource("r", "", names)).result.reason is None
    assert files(sandbox.work) == set(names)


def test_a_list_that_is_garbage_is_refused() -> None:
    with pytest.raises(ListingError):
        read_listing(b"12 ./a\ngarbage")
