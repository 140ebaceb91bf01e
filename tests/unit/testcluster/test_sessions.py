import os
from pathlib import Path

import pytest

from tests.cluster import __main__ as command
from tests.cluster import lifecycle, sessions, state
from tests.cluster.places import Missing


@pytest.fixture
def poor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Make this a machine without root, Go and caches."""
    monkeypatch.setenv("BROOD_CACHE_DIR", str(tmp_path))
    for name in ("BROOD_REQUIRE_CLUSTER", "BROOD_KEEP_CLUSTER", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == "go" else f"/usr/bin/{name}")
    return monkeypatch


@pytest.mark.parametrize(("kind", "lacking"), [("real", "root"), ("kwok", r"Go 1\.26")])
def test_a_machine_without_the_means_skips_and_says_what_is_missing(
    poor: pytest.MonkeyPatch, kind: str, lacking: str
) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"missing: {lacking}"), sessions.cluster(kind):
        pass


def test_where_the_cluster_is_required_the_same_is_a_failure(poor: pytest.MonkeyPatch) -> None:
    poor.setenv("BROOD_REQUIRE_CLUSTER", "1")
    with pytest.raises(pytest.fail.Exception, match="missing: root"), sessions.cluster("real"):
        pass


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_prepare_says_what_is_missing(
    poor: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], required: str, code: int
) -> None:
    poor.setenv("BROOD_REQUIRE_CLUSTER", required)
    poor.setattr("sys.argv", ["cluster", "prepare"])
    assert command.main() == code
    assert "missing: root" in capsys.readouterr().err


def test_up_fails_where_it_cannot_run(poor: pytest.MonkeyPatch, tmp_path: Path) -> None:
    poor.setattr("sys.argv", ["cluster", "up", "--node", "kwok", "--dir", str(tmp_path / "c")])
    assert command.main() == 1
    assert not (tmp_path / "c").exists()


def test_clusters_of_killed_sessions_are_swept_away(poor: pytest.MonkeyPatch, tmp_path: Path) -> None:
    poor.setattr(state, "LONGEST_SOCKET", 1000)  # nothing is started
    gone = 2**22 + 1  # above the largest process id
    for owner in (gone, os.getpid()):
        state.new(tmp_path / "sessions" / f"kwok-{owner}", node="kwok", owner=owner)
    lifecycle.sweep()
    assert [found.name for found in (tmp_path / "sessions").iterdir()] == [f"kwok-{os.getpid()}"]


def test_prepare_makes_nothing_for_what_it_refuses(poor: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Missing):
        lifecycle.prepare("real")
    assert not list(tmp_path.iterdir())
