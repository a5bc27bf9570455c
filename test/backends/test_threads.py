from __future__ import annotations

from pathlib import Path

import pytest

from uav_tracker_ros.backends import threads


@pytest.mark.parametrize(
    ("cores", "quota", "expected"),
    [
        pytest.param(1, "max 100000", 1, id="one core"),
        pytest.param(3, "max 100000", 2, id="one is left to the others"),
        pytest.param(32, "max 100000", 4, id="never more than four"),
        pytest.param(32, "200000 100000", 1, id="container of two cores"),
        pytest.param(2, "800000 100000", 1, id="quota above the affinity"),
        pytest.param(8, "nonsense", 4, id="unreadable quota"),
    ],
)
def test_default_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cores: int, quota: str, expected: int
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(threads, "_CGROUP_V2", file)
    assert threads.default_threads() == expected


def test_old_container_quota(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("quota", "300000\n"), ("period", "100000\n")):
        (tmp_path / name).write_text(value)
    monkeypatch.setattr(threads, "_CGROUP_V2", tmp_path / "absent")
    monkeypatch.setattr(threads, "_CGROUP_V1", (tmp_path / "quota", tmp_path / "period"))
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: set(range(16)))
    assert threads.available_cores() == 3
