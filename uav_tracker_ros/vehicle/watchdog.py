"""Ends the process when it hangs: its death is what PX4 reliably notices, as a stream that ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

STALL_S = 1.0
TICK_S = 0.1
EXIT_CODE = 3


class StallJudge:
    """The rule, without a clock.

    A process that was stopped as a whole (SIGSTOP, suspend) has not hung: then the judge's own
    ticks were late too, and counting starts anew.
    """

    def __init__(self, now: float) -> None:
        self._ticked = now
        self._awake_since = now

    def tick(self, now: float, *, loop_beat: float, callback_since: float | None) -> str:
        """What hangs, empty when nothing does.

        Args:
            now: monotonic s.
            loop_beat: when the loop was last at its top.
            callback_since: when the callback that is running was entered; None: none is.
        """
        if now - self._ticked > 3 * TICK_S:
            self._awake_since = now
        self._ticked = now
        if now - max(loop_beat, self._awake_since) > STALL_S:
            return "loop"
        if callback_since is not None and now - max(callback_since, self._awake_since) > STALL_S:
            return "link's callbacks"
        return ""


class Watchdog:
    """A thread that looks ten times a second."""

    def __init__(self, callback_since: Callable[[], float | None]) -> None:
        self._callback_since = callback_since
        self._beat = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self.beat()
        self._thread.start()

    def beat(self) -> None:
        """The loop is at its top."""
        self._beat = time.monotonic()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        judge = StallJudge(time.monotonic())
        while not self._ended.wait(TICK_S):
            now = time.monotonic()
            stalled = judge.tick(now, loop_beat=self._beat, callback_since=self._callback_since())
            if stalled:
                # os.write and os._exit: logging takes locks that the stalled thread may hold.
                os.write(2, f"the gate's {stalled} stalled for {STALL_S:g} s; the gate ends\n".encode())
                os._exit(EXIT_CODE)
