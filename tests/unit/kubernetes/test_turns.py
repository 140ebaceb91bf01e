"""The operator's own limits of requests."""

import asyncio

import pytest

from brood.cluster.kubernetes.turns import Turns
from brood.lanes import LANE


async def test_no_more_requests_at_once_than_allowed() -> None:
    turns, inside, most = Turns(in_flight=3), 0, 0

    async def one() -> None:
        nonlocal inside, most
        async with turns.one():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(10)))
    assert most == 3


async def test_requests_begin_no_faster_than_the_rate_but_for_a_burst_of_a_second() -> None:
    now, began = [100.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    turns = Turns(in_flight=1, rate=10, clock=lambda: now[0], sleep=sleep)
    for _ in range(31):
        async with turns.one():
            began.append(now[0])
    assert began[10] == 100
    assert round(began[30] - began[10], 6) == 2
    now[0] += 60
    for _ in range(11):
        async with turns.one():
            began.append(now[0])
    assert began[-1] == now[0]


async def test_those_that_wait_take_turns_by_their_lane() -> None:
    turns, went = Turns(in_flight=1), []

    async def one(lane: str, number: int) -> None:
        LANE.set(lane)
        async with turns.one():
            went.append(f"{lane}{number}")
            await asyncio.sleep(0)

    await asyncio.gather(*(one("a", number) for number in range(4)), *(one("b", number) for number in range(2)))
    assert went == ["a0", "a1", "b0", "a2", "b1", "a3"]


async def test_who_is_cancelled_while_it_waits_or_when_its_turn_comes_holds_nothing() -> None:
    turns = Turns(in_flight=1)

    async def one() -> None:
        async with turns.one():
            await asyncio.sleep(0)

    for steps in range(6):
        tasks = [asyncio.ensure_future(one()) for _ in range(4)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks[:3]:
            task.cancel()
        await asyncio.wait_for(tasks[3], timeout=1)
        await asyncio.gather(*tasks, return_exceptions=True)
    with pytest.raises(TimeoutError):
        async with turns.one():
            await asyncio.wait_for(one(), timeout=0.01)
    await asyncio.wait_for(one(), timeout=1)
