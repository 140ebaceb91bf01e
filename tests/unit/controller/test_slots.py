"""What is asked for counts at once for everybody else, and is never in the way of who asked."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from brood.controller.config import Config
from brood.controller.keys import Key, run_key
from brood.controller.slots import Slots
from brood.views import PodRequest
from tests.unit.controller.views import pod, run


class Bells:
    """Remembers who was woken."""

    def __init__(self) -> None:
        self.rung: list[Key] = []

    def __call__(self, keys: Iterable[Key]) -> None:
        self.rung += keys


def test_an_admission_without_an_answer_is_not_in_its_own_way() -> None:
    slots = Slots(Config(max_runs=1), changed=Bells())
    slots.enter(run("a"))
    assert slots.state("default", but="uid-a").runs == 0
    assert slots.state("default", but="uid-b").runs == 1


def test_a_pod_without_an_answer_is_not_in_its_own_way_and_given_back_where_it_is_not_wanted() -> None:
    bells = Bells()
    slots = Slots(Config(max_pods=1), changed=bells)
    slots.reserve(run("a"), [request("p")])
    slots.wait(run_key("default", "b"), waiting=True)
    assert [slots.state("default", but=uid).pods for uid in ("uid-a", "uid-b")] == [0, 1]
    slots.put_pod(pod("p", run="a"))
    assert slots.state("default", but="uid-a").pods == 1
    slots.reserve(run("a"), [request("q")])
    slots.reserve(run("a"), ())
    assert (slots.state("default").pods, bells.rung) == (1, [run_key("default", "b")])


def request(name: str) -> PodRequest:
    """Return what is asked for; of a Pod's request only name and pools are looked at here."""
    fields: dict[str, Any] = {one.name: None for one in dataclasses.fields(PodRequest)}
    return PodRequest(**{**fields, "name": name, "pools": ()})
