"""Resident memory of one tracker, in a process of its own: others' libraries must not count."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from uav_tracker_ros.errors import UavTrackerError

_UPDATES = 5
_TIME_OUT = 120.0  # s; a large network on a small board loads in a few


class Memory(NamedTuple):
    """MiB of resident memory."""

    before: float  # Python, NumPy and OpenCV, two frames; no tracker
    after: float  # with the tracker, after its first updates


def resident_memory(
    name: str, width: int, height: int, *, threads: int, models_dir: Path | None, peers_dir: Path | None
) -> Memory:
    """Start a process, make the tracker there, let it run a few frames.

    Raises:
        UavTrackerError: the process failed, in its words.
    """
    setting = {
        "name": name,
        "width": width,
        "height": height,
        "threads": threads,
        "models_dir": str(models_dir) if models_dir else None,
        "peers_dir": str(peers_dir) if peers_dir else None,
    }
    answer = subprocess.run(  # noqa: S603 - this interpreter, this module
        [sys.executable, "-m", __name__, json.dumps(setting)],
        capture_output=True,
        text=True,
        timeout=_TIME_OUT,
        check=False,
    )
    if answer.returncode:
        raise UavTrackerError(
            f"{name}: measuring its memory failed ({answer.stderr.strip().splitlines()[-1:]}); expected it to run; "
            f"try `uav-tracker track` with it"
        )
    return Memory(*json.loads(answer.stdout))


def _resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _measure_here(setting: str) -> Memory:
    from uav_tracker_ros.evaluation.benchmark_scene import Scene
    from uav_tracker_ros.trackers import registry

    options = json.loads(setting)
    scene = Scene(options["width"], options["height"])
    image, box = scene(0)
    before = _resident_mib()
    tracker = registry.create(
        options["name"],
        threads=options["threads"],
        models_dir=Path(options["models_dir"]) if options["models_dir"] else None,
        peers_dir=Path(options["peers_dir"]) if options["peers_dir"] else None,
    )
    tracker.initialize(image, box)
    for step in range(_UPDATES):
        tracker.update(scene(step + 1)[0])
    return Memory(before, _resident_mib())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure_here(sys.argv[1])))
