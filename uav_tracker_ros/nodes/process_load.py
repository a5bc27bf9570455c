"""What processes cost, from Linux's /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ProcessLoad(NamedTuple):
    """Of one process between two moments."""

    name: str
    cpu_share: float  # of one core, all threads together
    rss_mb: float  # resident at the end, shared memory included


class LoadMeter:
    """Measures from when it is made.

    Args:
        pids: process ids by name; those that end or are replaced meanwhile are left out.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._since = time.monotonic()
        self._begun = {(name, pid): used for name, pid in pids.items() if (used := _cpu_s(pid)) is not None}

    def read(self) -> list[ProcessLoad]:
        """The loads until now."""
        seconds = time.monotonic() - self._since
        loads = []
        for (name, pid), before in self._begun.items():
            used, rss = _cpu_s(pid), _rss_mb(pid)
            if used is not None and rss is not None and seconds > 0:
                loads.append(ProcessLoad(name, (used - before) / seconds, rss))
        return loads


def _cpu_s(pid: int) -> float | None:
    """Time on a processor; None: no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _rss_mb(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) * 1024e-6 for line in lines if line.startswith("VmRSS:")), None)
