"""Standard streams that can be used whatever the shell made of them: closed, or in an encoding without ☃."""

import io
import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_streams() -> None:
    """Give every standard stream a file, and have what an encoding lacks written by its number.

    A stream that is closed (``<&-``) reads and writes nothing. Its number must be taken too: the next file that is
    opened would get it, and a script's stdin would be a log.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if not _is_open(number):
            file = os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            if file != number:
                os.dup2(file, number)
                os.close(file)
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_nowhere() -> None:
    """Let what is still to be written vanish: nobody reads stdout any more, or there is no room for it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains when it flushes


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
