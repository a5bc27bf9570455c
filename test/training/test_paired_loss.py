"""Losses of weights on samples drawn anew: the same for all files, repeatable, and surer than each loss alone."""

from pathlib import Path

import made_up_pictures
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402 - after the check for torch
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Row  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_weights  # noqa: E402
from uav_tracker_ros.training import paired_loss  # noqa: E402
from uav_tracker_ros.training.paired_loss import Losses  # noqa: E402

TINY = Row("tiny", 64, (1, 2), ((1, 172),), head_channels=16)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_pictures.make(tmp_path_factory.mktemp("data") / "made")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setitem(ROWS, "tiny", TINY)
    files = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        files.append(tmp_path / f"{seed}.safetensors")
        write_weights(DsaTrack(TINY), files[-1])
    return files


def run(weights: list[Path], data: Path, *more: str) -> int:
    return paired_loss.main(["tiny", *map(str, weights), "--data", str(data), *more])


def test_all_files_see_the_same_samples_every_time(weights: list[Path], data: Path, capsys) -> None:
    one, two = weights
    tables = []
    for files in ([one, one, two], [two, one]):
        assert run(files, data, "--samples", "48") == 0
        tables.append([line.split() for line in capsys.readouterr().out.splitlines()[1:]])
    (first, again, other), (other_first, one_second) = tables
    assert again[1:3] == first[1:3] == one_second[1:3]
    assert again[3:] == ["+0.000", "+-", "0.000"]
    assert other[1:3] == other_first[1:3]
    assert float(other[3]) == pytest.approx(float(other[1]) - float(first[1]), abs=0.002)
    assert float(one_second[3]) == -float(other[3])


def test_the_error_is_that_of_the_difference() -> None:
    """Hand-computed: losses differ by 1 and 3, mean 2, deviation sqrt(2), over two batches 1."""
    first = Losses(np.array([10.0, 0.0]), np.array([0.5, 0.5]))
    second = Losses(np.array([11.0, 3.0]), np.array([0.4, 0.2]))
    assert paired_loss.table([Path("a"), Path("b")], [first, second]).splitlines()[1:] == [
        f"a{'':6} {5:6.3f} {0.5:6.3f}",
        f"b{'':6} {7:6.3f} {0.3:6.3f}  +2.000 +- 1.000",
    ]


@pytest.mark.parametrize("samples", ["0", "24", "47"])
def test_too_few_samples_are_refused(weights: list[Path], data: Path, samples: str, capsys) -> None:
    assert run(weights, data, "--samples", samples) == 1
    assert f"--samples is {samples}; expected 48" in capsys.readouterr().err


def test_weights_of_another_row_are_refused(weights: list[Path], data: Path, tmp_path: Path, capsys) -> None:
    other = tmp_path / "other.safetensors"
    write_weights(DsaTrack(Row("other", 64, (1,), (), head_channels=16)), other)
    assert run([weights[0], other], data) == 1
    error = capsys.readouterr().err
    assert error.startswith("paired_loss:")
    assert error.count("\n") == 1
