"""An ended `brood run` is looked at again in its directory, by the commands that look at a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]

PIPELINE = """\
apiVersion: brood.dev/v1alpha1
kind: JobDefinition
metadata: {name: demo}
spec:
  tasks:
    - {name: split, script: 'echo splitting; echo 1 2 3 4', output: ITEMS}
    - name: fan
      container: {image: alpine}
      script: 'echo "item $1" >&2; test "$1" != "1 2 3 4"'
      parallel: {items: [a, b, "1 2 3 4"], maxConcurrent: 2}
    - {name: after, dependsOn: [fan], script: echo after}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kept")
    (directory / "demo.yaml").write_text(PIPELINE)
    command = [*BROOD, "run", str(directory / "demo.yaml"), "--name", "demo-1", "--keep", str(directory / "run")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    return directory / "run"


def brood(*words: str, kept: Path) -> tuple[int, str]:
    done = subprocess.run([*BROOD, *words, "--kept", str(kept)], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_tree_is_that_of_the_end(kept: Path) -> None:
    code, text = brood("tree", "demo-1", kept=kept)
    assert code == 0
    assert "3/3 items, 1 failed (2), 2 succeeded" in text
    assert "UpstreamFailed" in text
    rows = json.loads(brood("tree", "demo-1", "-o", "json", kept=kept)[1])
    assert [(row["path"], row["phase"]) for row in rows] == [
        ("demo-1", "Failed"),
        ("demo-1/split", "Succeeded"),
        ("demo-1/fan", "Failed"),
        ("demo-1/after", "Skipped"),
    ]


def test_items_are_shown_one_by_one_where_asked_for(kept: Path) -> None:
    rows = json.loads(brood("tree", "demo-1", "--items", "-o", "json", kept=kept)[1])
    runs = [(row["path"], row["phase"]) for row in rows if row["kind"] == "run"]
    assert runs[1:] == [("demo-1/fan[0]", "Succeeded"), ("demo-1/fan[1]", "Succeeded"), ("demo-1/fan[2]", "Failed")]


def test_without_a_name_all_root_runs_are_listed(kept: Path) -> None:
    assert brood("tree", "-o", "name", kept=kept) == (0, "jobrun.brood.dev/demo-1\n")


def test_why_names_the_item_that_failed_and_what_it_said(kept: Path) -> None:
    code, text = brood("why", "demo-1", kept=kept)
    assert code == 0
    assert "demo-1/fan[2]  Failed  ExitCode: exit code 1: item 1 2 3 4" in text


def test_wait_and_watch_return_at_once_with_the_result(kept: Path) -> None:
    assert brood("wait", "demo-1", kept=kept)[0] == 1
    code, text = brood("watch", "demo-1", kept=kept)
    assert code == 1
    assert "demo-1/after  Skipped" in text


def test_what_is_not_there_is_named_with_the_way_out(kept: Path, tmp_path: Path) -> None:
    assert brood("tree", "x", kept=kept) == (2, "JobRun x is not in namespace default; there are: demo-1\n")
    assert brood("tree", "demo", kept=kept) == (2, "JobRun demo is not in namespace default; did you mean demo-1?\n")
    for words in (["logs", "demo-1"], ["logs", "-f", "demo-1"]):
        assert brood(*words, "spilt", kept=kept) == (2, "JobRun demo-1 has no task spilt; did you mean split?\n")
    assert brood("tree", "-n", "empty", kept=kept) == (0, "no runs in namespace empty\n")
    code, text = brood("tree", kept=tmp_path)
    assert code == 2
    assert f"{tmp_path} holds no ended run" in text


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["w"], "watch wait why :4"),
        (["tree", "--kept", "{kept}", "de"], "demo-1 :4"),
        (["logs", "--kept", "{kept}", "demo-1", ""], "split fan after :4"),
        (["lint", "exam"], ":0"),
        (["tree", "--kept", "{kept}", "none-such"], ":0"),
    ],
)
def test_kubectl_completes_the_plugin_with_names_of_the_cluster(kept: Path, typed: list[str], offered: str) -> None:
    """As kubectl asks it: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins, `kubectl_complete-brood`."""
    command = [sys.executable, "-c", "from brood.cli.app import complete_for_kubectl; complete_for_kubectl()"]
    words = [one.replace("{kept}", str(kept)) for one in typed]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (offered.split(), "")
