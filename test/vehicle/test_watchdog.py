"""When the gate ends itself: a hang, but not a sleep of the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from uav_tracker_ros.vehicle.watchdog import EXIT_CODE, StallJudge

pytestmark = pytest.mark.real_time


def run(
    *, until: float, loop_until: float, callback_from: float | None = None, gap: tuple[float, float] = (9, 9)
) -> str:
    """Tick every 0.125 s; the loop beats until ``loop_until``, nothing runs in the ``gap``."""
    judge, now = StallJudge(0.0), 0.0
    while now < until:
        now = gap[1] if gap[0] <= now < gap[1] else now + 0.125
        beat = min(now, loop_until)
        since = callback_from if callback_from is not None and now >= callback_from else None
        stalled = judge.tick(now, loop_beat=beat, callback_since=since)
        if stalled:
            return f"{stalled} at {now:.3f}"
    return ""


@pytest.mark.parametrize(
    ("arguments", "ends"),
    [
        pytest.param({"until": 5.0, "loop_until": 5.0}, "", id="healthy"),
        pytest.param({"until": 5.0, "loop_until": 1.0}, "loop at 2.125", id="loop_hangs"),
        pytest.param(
            {"until": 5.0, "loop_until": 5.0, "callback_from": 1.0}, "link's callbacks at 2.125", id="callback"
        ),
        pytest.param({"until": 3.9, "loop_until": 3.0, "gap": (1.0, 3.5)}, "", id="stopped_and_resumed"),
        pytest.param({"until": 9.0, "loop_until": 1.0, "gap": (1.0, 3.5)}, "loop at 4.625", id="hangs_after_sleep"),
    ],
)
def test_judge(arguments: dict[str, float], ends: str) -> None:
    assert run(**arguments) == ends  # type: ignore[arg-type]


def test_process_ends_when_its_loop_hangs() -> None:
    code = (
        "import time\n"
        "from uav_tracker_ros.vehicle.watchdog import Watchdog\n"
        "Watchdog(lambda: None).start()\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == EXIT_CODE
    assert "loop stalled" in done.stderr
