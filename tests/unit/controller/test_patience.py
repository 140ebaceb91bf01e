import pytest

from brood.controller.patience import LONGEST_SECONDS, Patience


def test_what_is_undone_for_days_is_put_right_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("brood.controller.patience.time.monotonic", lambda: now[0])
    often, waits = Patience(), list[float]()
    for _ in range(2000):
        assert often.wait("uid") == 0
        waits.append(often.wait("uid"))
        now[0] += waits[-1]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, LONGEST_SECONDS]
    assert set(waits[7:]) == {LONGEST_SECONDS}
