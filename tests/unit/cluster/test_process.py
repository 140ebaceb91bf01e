import errno
import os
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local import process
from brood.cluster.local.starting import Unstartable

ENVIRONMENT = {"PATH": os.environ["PATH"]}


async def start(tmp_path: Path, *argv: str) -> process.Process:
    return await process.start(argv, environment=ENVIRONMENT, directory=tmp_path, log=tmp_path / "log")


async def test_a_process_without_a_pidfd_is_waited_for_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_pidfd", lambda _: -1)
    assert await (await start(tmp_path, "sh", "-c", "exit 7")).ended == 7


async def test_signals_show_as_negative_codes(tmp_path: Path) -> None:
    running = await start(tmp_path, "sleep", "60")
    running.terminate()
    assert await running.ended == -15
    running.terminate()  # nothing any more, and no error
    running.kill()


async def test_it_is_tried_again_where_the_machine_is_short_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = process._popen, 0

    def short(*args: Any, **options: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return real(*args, **options)

    monkeypatch.setattr(process, "_popen", short)
    monkeypatch.setattr(process, "_LONGEST_WAIT_SECONDS", 0.0)
    assert await (await start(tmp_path, "true")).ended == 0
    assert tries == 3


async def test_what_stays_short_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(process, "_popen", short)
    monkeypatch.setattr(process, "_LONGEST_WAIT_SECONDS", 0.0)
    with pytest.raises(Unstartable, match="too many open files"):
        await start(tmp_path, "true")


async def test_output_is_added_to_the_log(tmp_path: Path) -> None:
    for word in ("one", "two"):
        await (await start(tmp_path, "echo", word)).ended
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        await (await start(tmp_path, "true")).ended
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
