"""Cached features teach as the crops themselves would, and the graphs that come out fly."""

import argparse
import types
from pathlib import Path

import made_up_pictures
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import InputUnreadable  # noqa: E402 - after the check for torch
from uav_tracker_ros.trackers.network_weights import read_weights  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0  # noqa: E402
from uav_tracker_ros.training.recipes import siamfcpp_lite0_cached as cached  # noqa: E402
from uav_tracker_ros.training.scenes.pairs import SOURCES  # noqa: E402
from uav_tracker_ros.training.scenes.pictures import Pictures  # noqa: E402


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    torch.manual_seed(0)
    torch.save(SiamFCppLite0().trunk.state_dict(), folder / "trunk.pth")
    data = made_up_pictures.make(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cached, "SHARD", 8)
        ticks = iter(np.arange(0.0, 9e3, 30.0))  # one shard, then over
        patch.setattr(cached, "time", types.SimpleNamespace(monotonic=ticks.__next__))
        cached.cache(
            argparse.Namespace(
                data=[data],
                trunk=folder / "trunk.pth",
                out=folder / "features",
                minutes=0.9,
                seed=1,
                strength=0.7,
                distractors=True,
            )
        )
    return folder


def _learn(work: Path, out: Path, *, late: bool, samples: int, init: Path | None = None) -> dict:
    cached.learn(
        argparse.Namespace(trunk=work / "trunk.pth", work=work / "features", data=[], out=out, samples=samples,
                           rate=1e-3, late=late, init=init, minutes=5.0, seed=1, without=None)
    )  # fmt: skip
    return torch.load(out / "state.pt", weights_only=True)


def test_late_blocks_compute_what_was_cached(work: Path) -> None:
    lesson = cached.CachedLesson(work / "trunk.pth", Pictures(), late=True).eval()
    rows = [cached.ShardSource(work / "features", 1).draw(index) for index in range(4)]
    batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])).float() for name in rows[0]}
    assert torch.allclose(lesson._coarse(batch, "x"), batch["x_coarse"], atol=0.02 * float(batch["x_coarse"].std()))


def test_head_then_late_blocks_then_graphs(work: Path, tmp_path: Path) -> None:
    before = SiamFCppLite0()
    before.load_trunk(torch.load(work / "trunk.pth", weights_only=True))
    head = _learn(work, tmp_path / "head", late=False, samples=32)
    assert head["step"] == 1
    trunk = "network.trunk._blocks.10._project_conv.weight"
    assert torch.equal(head["lesson"][trunk], before.state_dict()[trunk.removeprefix("network.")])
    late = _learn(work, tmp_path / "late", late=True, samples=32, init=tmp_path / "head" / "last.safetensors")
    assert not torch.equal(late["lesson"][trunk], head["lesson"][trunk])
    cached.export(argparse.Namespace(init=tmp_path / "late" / "last.safetensors", out=tmp_path / "models"))
    assert sorted(file.name for file in (tmp_path / "models").iterdir()) == [
        "siamfcpp_lite0.template.onnx",
        "siamfcpp_lite0.track.onnx",
    ]
    read_weights(SiamFCppLite0(), tmp_path / "late" / "last.safetensors")


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_is_left_out(work: Path, tmp_path: Path, source: str) -> None:
    with np.load(*(work / "features").glob("pairs_*.npz")) as shard:
        kept = {name: shard[name] for name in shard.files}
    kept["source"] = np.arange(8) % 3
    kept["box_weight"] = kept["source"].astype(np.float32)  # what can be looked at behind the drawing
    np.savez(tmp_path / "pairs_1_0000.npz", **kept)
    drawn = cached.ShardSource(tmp_path, 1, without=source)
    weights = {float(drawn.draw(index)["box_weight"]) for index in range(8)}
    assert weights == {0.0, 1.0, 2.0} - {float(SOURCES.index(source))}


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="stage cache"):
        cached.ShardSource(tmp_path, 0)
