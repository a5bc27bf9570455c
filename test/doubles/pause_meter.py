"""Whether this machine, or this interpreter, stood still while a test ran in real time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

WAKE_S = 0.01
PAUSE_S = 0.08  # s late: a stream of 50 Hz has missed four turns
WAITING_SHARE = 0.1  # of the time in which some task had no processor
_PRESSURE = Path("/proc/pressure/cpu")


class PauseMeter:
    """A thread that wakes a hundred times a second and notes by how much it came too late."""

    def __init__(self) -> None:
        self.begin()
        threading.Thread(target=self._watch, name="pause-meter", daemon=True).start()

    def begin(self) -> None:
        """A test begins."""
        self.disturbed = False
        self._longest = 0.0
        self._since, self._waited = time.monotonic(), _waited_s()

    def end(self) -> None:
        """It ended; ``disturbed`` says whether the machine had time for it, so that a bound in seconds means something.

        Call it before the failure is written down, which may take a second by itself.
        """
        passed = time.monotonic() - self._since
        self.disturbed = self._longest > PAUSE_S or _waited_s() - self._waited > WAITING_SHARE * passed

    def _watch(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(WAKE_S)
            now = time.monotonic()
            self._longest = max(self._longest, now - last - WAKE_S)
            last = now


def _waited_s() -> float:
    """Seconds in which a task waited for a processor since the machine started; 0 where the kernel does not count."""
    try:
        return int(_PRESSURE.read_text().split("total=")[1].split()[0]) * 1e-6
    except OSError:
        return 0.0
