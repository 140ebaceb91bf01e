import socket
from pathlib import Path

import pytest

from tests.cluster import state
from tests.cluster.places import Missing
from tests.cluster.state import State


def test_two_clusters_share_neither_ports_nor_names(tmp_path: Path) -> None:
    one, other = (state.new(tmp_path / name, node="none") for name in ("one", "other"))
    assert not set(one.ports.values()) & set(other.ports.values())
    assert one.identity != other.identity
    assert len(set(one.ports.values())) == len(state.PORT_NAMES)


def test_a_taken_port_is_passed_over(tmp_path: Path) -> None:
    wanted = state.new(tmp_path / "one", node="none").ports["api"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", wanted))
        taken.listen()
        assert wanted not in state.new(tmp_path / "one", node="none").ports.values()


def test_a_saved_state_is_read_back(tmp_path: Path) -> None:
    saved = state.new(tmp_path / "one", node="kwok", audit=True, owner=7, nodes=3)
    assert State.load(tmp_path / "one") == saved
    assert State.load(tmp_path / "none") is None


def test_a_path_too_long_for_sockets_is_named_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="a shorter path than"):
        state.new(tmp_path / ("x" * 100), node="none")
    assert not list(tmp_path.iterdir())
