from collections.abc import Mapping, Sequence

import pytest

from brood.engine.flatview import collisions


@pytest.mark.parametrize(
    ("paths", "out"),
    [
        ({"a": ["x", "y"], "b": ["x", "z"]}, {"x"}),
        ({"a": ["x", "d/x"], "b": ["d/y"]}, set()),
        ({"a": ["x"], "b": ["x/y/z", "w"]}, {"x", "x/y/z"}),
        ({"a": ["x", "x/y"]}, {"x", "x/y"}),
        ({"a": ["x", "x"]}, set()),
        ({"a": ["fork", "fork/m/x", "forks"], "b": ["fork.0/x"]}, {"fork", "fork/m/x", "fork.0/x"}),
    ],
)
def test_f5_what_cannot_lie_side_by_side_stays_out_of_the_flat_view(
    paths: Mapping[str, Sequence[str]], out: set[str]
) -> None:
    assert collisions(paths, ["fork", "fork.0"]) == out
