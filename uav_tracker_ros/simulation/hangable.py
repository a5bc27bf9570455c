"""Runs a module that can be made to hang from outside: ``python -m ...hangable MODULE ARGUMENTS``.

SIGUSR1: the interpreter's lock is held for ``HANG_S`` seconds, no thread of the process runs on.
SIGUSR2: the main thread loops for ever; the other threads run on.
The module itself is not changed; nothing of this is part of a flight.
"""

from __future__ import annotations

import ctypes
import runpy
import signal
import sys
from types import FrameType

HANG_S = 2  # longer than every time-out


def main() -> None:
    """Install the signals, become the module."""
    signal.signal(signal.SIGUSR1, _hold_the_lock)
    signal.signal(signal.SIGUSR2, _never_come_back)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _hold_the_lock(_number: int, _frame: FrameType | None) -> None:
    ctypes.PyDLL(None).sleep(HANG_S)  # unlike CDLL it does not let go of the interpreter's lock


def _never_come_back(_number: int, _frame: FrameType | None) -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
