"""Why an artifact volume is Pending: the newest Event about its claim, read while a Pod waits for it."""

from dataclasses import replace
from datetime import datetime, timedelta

from brood.cluster.eventtext import newest_event
from brood.cluster.port import ApiError, Kind, Port
from brood.controller.lru import Lru
from brood.views import ClaimView

KEPT = 1_000
PATIENCE_SECONDS = 2.0
"""Most volumes are there sooner, and nothing is read about those."""

LONGEST_SECONDS = 30.0


class ClaimEvents:
    """The words of the provisioner, by claim."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._told: Lru[str, tuple[datetime, str]] = Lru(KEPT)  # uid of a claim -> when it was read, what was said

    async def read(self, claim: ClaimView, now: datetime) -> float:
        """Read what is said of a claim, more and more seldom; return in how many seconds to come again.

        An answer that is no costs only the words.
        """
        age = (now - claim.meta.created_at) / timedelta(seconds=1)
        told = self._told.get(claim.meta.uid)
        again = min(max(PATIENCE_SECONDS, age / 4), LONGEST_SECONDS)
        since = age if told is None else (now - told[0]) / timedelta(seconds=1)
        if since < again:
            return again - since
        try:
            found = await self._port.list(Kind.EVENT, namespace=claim.meta.namespace, about=claim.meta.uid)
            self._told.put(claim.meta.uid, (now, newest_event(found.items)))
        except ApiError:
            self._told.put(claim.meta.uid, (now, ""))
        return again

    def explained(self, claim: ClaimView) -> ClaimView:
        """Return the claim with what is known of why it waits."""
        told = self._told.get(claim.meta.uid)
        return claim if told is None or not told[1] else replace(claim, message=told[1])
