"""Worker processes: results, errors, and their end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.processes import worker_pool

ENDLESS = """
import os, signal, threading
from uav_tracker_ros.processes import worker_pool

def work(number):
    os.write(1, b"%d\\n" % number)  # at once: lines of two workers must not mix
    threading.Event().wait()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is started with it ignored
    with worker_pool(2) as pool:
        list(pool.map(work, range(2)))
"""


def test_workers_give_results() -> None:
    with worker_pool(2) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]


def test_a_worker_that_ends_by_itself_is_named() -> None:
    with pytest.raises(UavTrackerError, match="use fewer processes"), worker_pool(1) as pool:
        pool.submit(os._exit, 1).result()


@pytest.mark.parametrize("by_terminal", [False, True])
def test_workers_end_with_whoever_started_them(tmp_path: Path, by_terminal: bool) -> None:
    """SIGKILL for it alone, or Ctrl-C for all; the workers hold the pipe too: it ends when the last one is gone."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    command = [sys.executable, str(tmp_path / "endless.py")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as started:
        assert started.stdout is not None
        assert sorted(started.stdout.readline().strip() for _ in range(2)) == ["0", "1"]
        if by_terminal:
            os.killpg(started.pid, signal.SIGINT)
        else:
            started.kill()
        try:
            rest, _ = started.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            raise
    assert started.returncode != 0
    assert rest.count("Traceback") == int(by_terminal)  # the workers say nothing
