"""When Python looks for garbage: seldom, and never through what stays."""

import asyncio
import gc
from typing import Final

OBJECTS: Final = 20_000
"""New objects between two looks; at Python's 700 every request has one, which costs a tenth of all CPU."""

LISTING_OBJECTS: Final = 1_000_000
"""The same while all that exists is listed: views are no garbage, and looking through them time and again takes a tenth of a start."""


def seldom() -> None:
    """Leave the modules alone from now on, and look seldom."""
    gc.freeze()
    gc.set_threshold(OBJECTS)


async def after_listing(listed: asyncio.Event) -> None:
    """Look even less until all is listed, and leave that alone from then on: views are in no cycle, so they still go by themselves."""
    gc.set_threshold(LISTING_OBJECTS)
    try:
        await listed.wait()
    finally:
        seldom()
