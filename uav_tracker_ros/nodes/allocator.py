"""Less resident memory for a process of many threads."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of glibc's malloc.h


def share_one_heap() -> None:
    """Let all threads of this process allocate from one heap; call it before they start.

    glibc otherwise gives threads heaps of their own, each of which keeps what images and tensors once needed. Other C
    libraries have no such setting: nothing happens there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
