from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brood.cluster.local import logs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from([b"", b"a", b"longer line", b"x" * 50]), max_size=12),
    ended=st.booleans(),
    count=st.one_of(st.none(), st.integers(0, 14)),
    limit=st.integers(0, 200),
    block=st.integers(1, 40),
)
def test_the_last_lines_are_those_of_the_whole_text(
    tmp_path: Path, *, lines: list[bytes], ended: bool, count: int | None, limit: int, block: int
) -> None:
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    file = tmp_path / "log"
    file.write_bytes(text)
    kept = text.splitlines(keepends=True)
    expected = (
        b"".join(kept if count is None else kept[len(kept) - count :] if count < len(kept) else kept)
        if count != 0
        else b""
    )
    before, logs._BLOCK = logs._BLOCK, block
    try:
        assert logs.last_lines(file, count=count, limit=limit) == expected[:limit]
        assert logs.last_lines(file, count=count, limit=limit, keep_end=True) == (expected[-limit:] if limit else b"")
    finally:
        logs._BLOCK = before


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert logs.last_lines(tmp_path / "none", count=3, limit=10) == b""
