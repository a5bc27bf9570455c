"""``uav-tracker`` in a process of its own, stopped by Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

DEADLINE_S = 60.0
# Who runs tests in the background of a shell hands on a SIGINT that is ignored.
SCRIPT = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from uav_tracker_ros.cli.app import main; sys.exit(main())"
)


def interrupted(arguments: list[str], ready: Callable[[], object]) -> tuple[int, str]:
    """The exit code and what it said, after SIGINT as soon as it is ready."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not ready():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return process.returncode, error
