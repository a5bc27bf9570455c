"""How many threads a network may use without starving its neighbours."""

from __future__ import annotations

import math
import os
from pathlib import Path

MOST = 4  # small networks at batch 1 gain nothing from more
_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cores() -> int:
    """Cores of the affinity mask, or fewer where a container's quota says so; at least 1."""
    cores = len(os.sched_getaffinity(0))
    quota = _quota()
    return max(1, min(cores, math.ceil(quota))) if quota else max(1, cores)


def default_threads() -> int:
    """All available cores but one, at most four: the controller and the camera need theirs."""
    return max(1, min(MOST, available_cores() - 1))


def _quota() -> float | None:
    """Cores that the container may use; None without a limit."""
    try:
        if _CGROUP_V2.exists():
            limit, period = _CGROUP_V2.read_text().split()
        else:
            limit, period = (file.read_text().strip() for file in _CGROUP_V1)
        return int(limit) / int(period) if int(limit) > 0 else None
    except (OSError, ValueError):  # no cgroup, or "max": no limit
        return None
