"""Worker processes for independent pieces of work; they never outlive the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from uav_tracker_ros.errors import UavTrackerError


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes; an error or Ctrl-C ends them at once, and so does the end of this process, even by SIGKILL.

    Raises:
        UavTrackerError: a process ended by itself.
    """
    # Not forked: the parent's threads (of OpenCV, of runtimes) would be missing in the child.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare)
    try:
        yield pool
        pool.shutdown()
    except BaseException as error:  # an error, Ctrl-C, or the caller has enough: nobody waits for a long piece
        for child in multiprocessing.active_children():
            child.terminate()
        # Waits for the pool's own thread: still at work while the interpreter ends, it leaves a traceback now and then.
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise UavTrackerError(
                "a worker process ended by itself; expected it to finish (out of memory?); use fewer processes"
            ) from error
        raise


def _prepare() -> None:
    """A terminal sends Ctrl-C to every process: the parent answers for all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - for the type checker: this is a worker
    parent.join()
    os._exit(1)
