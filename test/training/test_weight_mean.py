"""The mean of runs: of each array, of one network's files only, whole or not at all."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from safetensors.torch import load_file  # noqa: E402 - after the check for torch

from uav_tracker_ros.errors import InvalidParameter  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_state  # noqa: E402
from uav_tracker_ros.training.weight_mean import main, mean_of  # noqa: E402


def written(folder: Path, name: str, **arrays: list) -> Path:
    write_state({key: torch.tensor(value, dtype=torch.float32) for key, value in arrays.items()}, folder / name)
    return folder / name


def test_each_array_is_the_mean(tmp_path: Path) -> None:
    files = [
        written(tmp_path, f"{number}.safetensors", weight=[[1.0, 2.0], [3.0, 4.0 * number]], bias=[number, 0.5])
        for number in (0, 1, 2)
    ]
    assert main([*map(str, files), "--out", str(tmp_path / "mean.safetensors")]) == 0
    found = load_file(tmp_path / "mean.safetensors")
    assert found["weight"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found["bias"].tolist() == [1.0, 0.5]
    assert (found["weight"].dtype, found["bias"].dtype) == (torch.float16, torch.float32)


@pytest.mark.parametrize("other", [{"weight": [[1.0]]}, {"weight": [[1.0, 2.0]], "more": [1.0]}])
def test_another_network_is_refused(tmp_path: Path, other: dict, capsys: pytest.CaptureFixture[str]) -> None:
    one = written(tmp_path, "one.safetensors", weight=[[1.0, 2.0]])
    two = written(tmp_path, "two.safetensors", **other)
    assert main([str(one), str(two), "--out", str(tmp_path / "mean.safetensors")]) == 1
    assert "two.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()


def test_one_file_has_no_mean(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="two or more"):
        mean_of([written(tmp_path, "one.safetensors", weight=[[1.0]])])
