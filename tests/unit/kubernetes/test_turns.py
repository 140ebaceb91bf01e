"""The operator's own limits of requests."""

import asyncio

from brood.cluster.kubernetes.turns import Turns


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
