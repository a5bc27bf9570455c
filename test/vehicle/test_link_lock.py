"""One owner a link, and a latch that outlives it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.vehicle.link_lock import LinkLock, free_port

SERIAL = "serial:///dev/ttyTHS1:921600"


def test_second_owner_is_refused(tmp_path: Path) -> None:
    with LinkLock(SERIAL, tmp_path), pytest.raises(VehicleUnreachable, match="owned by another gate"):
        LinkLock(SERIAL, tmp_path)
    with LinkLock(SERIAL, tmp_path):
        pass


def test_two_links_have_two_owners(tmp_path: Path) -> None:
    with LinkLock(SERIAL, tmp_path), LinkLock("serial:///dev/ttyTHS2:921600", tmp_path):
        pass


@pytest.mark.parametrize("other", ["udpin://127.0.0.1:{}", "udp://:{}", "udpin://0.0.0.0:{}"])
def test_one_port_is_one_link(other: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with LinkLock(f"udpin://0.0.0.0:{port}", tmp_path), pytest.raises(VehicleUnreachable, match="another gate"):
        LinkLock(other.format(port), tmp_path)


def test_bound_port_is_refused_and_let_go(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        url = f"udpin://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(VehicleUnreachable, match="in use by another program"):
            LinkLock(url, tmp_path)
    with LinkLock(url, tmp_path):
        pass


def test_takeover_is_remembered(tmp_path: Path) -> None:
    with LinkLock(SERIAL, tmp_path) as lock:
        assert not lock.taken
        lock.taken = True
    with LinkLock(SERIAL, tmp_path) as lock:
        assert lock.taken
        lock.taken = False
    with LinkLock(SERIAL, tmp_path) as lock:
        assert not lock.taken


def test_damaged_file_counts_as_taken(tmp_path: Path) -> None:
    with LinkLock(SERIAL, tmp_path) as lock:
        path = lock.path
    path.write_text('{"pid": 1, "tak')
    with LinkLock(SERIAL, tmp_path) as lock:
        assert lock.taken


def test_a_free_port_is_the_wanted_one_or_another() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
        assert free_port(port) not in (0, port)
    assert free_port(port) == port
