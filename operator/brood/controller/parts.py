"""What all passes share; the controller makes it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from brood.cluster.port import Port
from brood.controller.cache import Cache
from brood.controller.config import Config
from brood.controller.keys import Key
from brood.controller.news import News
from brood.controller.revisions import Revisions
from brood.controller.writer import Writer


@dataclass(frozen=True, slots=True)
class Parts:
    """The cluster, what is known of it, and the ways to change it."""

    port: Port
    config: Config
    cache: Cache
    revisions: Revisions
    writer: Writer
    wake_after: Callable[[Key, float], None]  # has a key looked at in so many seconds
    now: Callable[[], datetime]
    on_news: Sequence[Callable[[News], None]]  # get what each status write of a run said
