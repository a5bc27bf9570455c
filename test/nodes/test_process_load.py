"""Processor time and memory of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from uav_tracker_ros.nodes.process_load import LoadMeter

pytestmark = pytest.mark.real_time


def test_work_and_memory_of_this_process_are_seen() -> None:
    meter = LoadMeter({"me": os.getpid()})
    started, used = time.monotonic(), time.process_time()
    held = np.ones(4_000_000)  # 32 MB, every page touched
    while time.process_time() - used < 0.2:
        held += 1.0
    used, passed = time.process_time() - used, time.monotonic() - started
    (load,) = meter.read()
    assert load.name == "me"
    assert load.cpu_share == pytest.approx(used / passed, rel=0.2)
    assert load.rss_mb > 32


def test_a_process_that_ended_is_left_out() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    meter = LoadMeter({"child": child.pid, "gone": 2**22 + 1})
    assert [load.name for load in meter.read()] == ["child"]
    child.communicate(b"\n")
    assert meter.read() == []
