"""Two trackers on one topic would pull the vehicle to and fro; one that was killed and started again does not.

DDS counts the publisher of a killed process until its lease ends (20 s in Fast DDS). Its successor has the same
node name, and only one of the two speaks: image stamps then rise. Two that live tell of the same images.
"""

from __future__ import annotations

import math
from collections.abc import Collection

LEASE_S = 25.0  # a publisher that is still counted then is no dead one
INTERLEAVED_S = 1.0  # a stamp that did not rise counts so long


class PublisherWatch:
    """Who publishes targets, and whether one after the other."""

    def __init__(self) -> None:
        self._newest_stamp = -math.inf
        self._interleaved = -math.inf
        self._since: float | None = None

    def target(self, stamp: float, now: float) -> None:
        """A target of the image with this stamp (s) came at monotonic ``now``."""
        if stamp <= self._newest_stamp:
            self._interleaved = now
        self._newest_stamp = max(self._newest_stamp, stamp)

    def clock_jumped(self) -> None:
        """Stamps begin anew."""
        self._newest_stamp = -math.inf

    def conflict(self, count: int, names: Collection[str], now: float) -> str:
        """What to tell the operator; empty: one tracker, or one after the other.

        Args:
            count: publishers on the topic.
            names: of their nodes, as far as they are known.
            now: monotonic s.
        """
        if count < 2:
            self._since = None
            return ""
        if self._since is None:
            self._since = now
        known = sorted(set(names))
        if len(known) > 1:
            return f"{' and '.join(known)} publish on the target topic; stop all but one"
        if now - self._interleaved < INTERLEAVED_S or now - self._since > LEASE_S:
            return f"{count} publishers on the target topic, all named {known[0] if known else '?'}; stop all but one"
        return ""
