"""Where other trackers' weights are, on a machine that has them."""

from __future__ import annotations

import os
from pathlib import Path


def find_peers() -> Path | None:
    given = os.environ.get("UAV_TRACKER_PEERS")
    beside = Path(__file__).resolve().parents[3] / "shared" / "peers"
    if given:
        return Path(given)
    return beside if beside.is_dir() else None
