import asyncio
import os
import signal

import pytest

from brood.cli.stopping import Stop, Stopping


@pytest.mark.parametrize(
    ("signals", "level"),
    [
        ([signal.SIGINT], Stop.INTERRUPT),
        ([signal.SIGTERM], Stop.INTERRUPT),
        ([signal.SIGINT, signal.SIGTERM], Stop.TERMINATE),
        ([signal.SIGINT] * 3, Stop.NOW),
        ([signal.SIGINT] * 9, Stop.NOW),
        ([signal.SIGHUP], Stop.TERMINATE),
        ([signal.SIGINT, signal.SIGHUP], Stop.TERMINATE),
        ([signal.SIGHUP, signal.SIGHUP], Stop.NOW),
    ],
)
async def test_each_signal_asks_for_more(signals: list[signal.Signals], level: Stop) -> None:
    stopping = Stopping()
    for one in signals:
        stopping.receive(one)
    assert stopping.level is level


async def test_a_real_signal_wakes_who_waits_and_is_no_exception() -> None:
    stopping = Stopping()
    before = signal.getsignal(signal.SIGTERM)
    with stopping.listening():
        waiting = asyncio.create_task(stopping.above(Stop.NO))
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(waiting, 5) is Stop.INTERRUPT
    assert signal.getsignal(signal.SIGTERM) is before


async def test_under_nohup_a_hang_up_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stopping = Stopping()
        with stopping.listening():
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            assert stopping.level is Stop.NO
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
