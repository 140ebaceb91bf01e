"""Writes that can wait: how long they do."""

from brood.controller.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_without_patience_the_first_write_goes_out_at_once_and_the_next_after_the_interval() -> None:
    clock = Clock()
    pace = Pace(2.0, clock=clock)
    assert pace.wait("a") == 0
    pace.wrote("a")
    assert (pace.wait("a"), pace.wait("b")) == (2.0, 0.0)
    clock.seconds += 2
    assert pace.wait("a") == 0


def test_a_write_waits_once_however_often_it_is_asked_for() -> None:
    clock = Clock()
    pace = Pace(0.25, patience=0.5, clock=clock)
    assert pace.wait("a") == 0.5
    clock.seconds += 0.375
    assert pace.wait("a") == 0.125
    clock.seconds += 0.125
    assert pace.wait("a") == 0
    pace.wrote("a")
    assert pace.wait("a") == 0.5, "the next one waits anew"


def test_the_more_wait_the_longer_and_what_has_been_written_meanwhile_makes_room() -> None:
    clock = Clock()
    pace = Pace(0.25, patience=0.5, rate=2.0, clock=clock)
    assert [pace.wait(uid) for uid in "abcd"] == [0.5, 0.5, 1.0, 1.5]
    for uid in "abc":
        pace.forget(uid)
    assert pace.wait("e") == 0.5
    assert pace.wait("d") == 1.5


def test_who_does_not_come_when_it_is_its_turn_is_forgotten() -> None:
    clock = Clock()
    pace = Pace(0.25, patience=0.5, rate=2.0, clock=clock)
    for uid in "abcd":
        pace.wait(uid)
    clock.seconds += 100
    assert [pace.wait(uid) for uid in "ef"] == [0.5, 0.5]


def test_a_slow_server_gets_fewer_writes_that_can_wait() -> None:
    clock = Clock()
    pace = Pace(0.25, patience=0.5, clock=clock)
    for _ in range(100):
        pace.wrote("busy", seconds=0.1)
    assert 4.9 < pace.wait("a") <= 5.0
    for _ in range(100):
        pace.wrote("busy", seconds=0.001)
    assert pace.wait("b") == 0.5
    for _ in range(100):
        pace.wrote("busy", seconds=30)
    assert pace.wait("c") == 20


def test_what_people_watch_keeps_to_the_interval() -> None:
    clock = Clock()
    pace = Pace(0.25, patience=0.5, clock=clock)
    pace.wrote("parent", seconds=9)
    assert pace.wait("parent", prompt=True) == 0.25
