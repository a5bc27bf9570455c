"""The same network through folding, files and every backend; stored values of seeded weights."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="exporting networks needs torch: pip install -e .[train]")

from seeded import crop, seeded  # noqa: E402

from uav_tracker_ros.backends import choice, torch_backend  # noqa: E402
from uav_tracker_ros.backends.export import write_onnx  # noqa: E402
from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged, OutputUnwritable  # noqa: E402
from uav_tracker_ros.trackers.network_weights import read_weights, write_weights  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp import parity  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.folding import folded  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.graphs import flight_graphs  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths  # noqa: E402

SMALL = {
    "siamfcpp": (lambda: SiamFCpp(Widths((12, 16, 20, 20, 24), 24, (20, 20, 16))), 303),
    "siamcar": (lambda: SiamCar(CarWidths((12, 16, 20, 20, 24), (24, 24, 20, 20))), 287),
}
CELLS = ((0, 0), (4, 11), (8, 8), (16, 3))
# score, centre-ness, left and bottom of these cells with the full networks as `seeded` fills them
GOLDEN = [
    (
        SiamFCpp,
        303,
        [
            (0.869187, 0.18941, 8.24198, 24.4344),
            (0.921934, 0.213924, 8.53162, 23.2838),
            (0.851864, 0.147591, 8.01447, 24.8009),
            (0.794782, 0.161639, 8.94448, 25.4722),
        ],
    ),
    (
        SiamCar,
        287,
        [
            (0.93292, 0.857408, 1.5721, 0.874001),
            (0.999991, 0.000488295, 0.136412, 0.0973827),
            (0.999843, 0.000936999, 0.121876, 0.0879273),
            (0.999998, 0.00011476, 0.196134, 0.111035),
        ],
    ),
]


@pytest.fixture(scope="module", params=SMALL)
def case(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, int]:
    make, search_px = SMALL[request.param]
    return seeded(make()), search_px


def backend_of(name: str, network: torch.nn.Module, search_px: int, folder: Path):
    if not choice.installed(name):
        pytest.skip(f"{name} is not installed: pip install {name}")
    graphs = flight_graphs(network, search_px)
    if name == "torch":
        return torch_backend.load(graphs, threads=1)
    return choice.load_onnx(name, write_onnx(graphs, folder, "small"), threads=1)


def eager(network: torch.nn.Module, template: np.ndarray, search: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        maps = network.track(torch.from_numpy(search), network.template(torch.from_numpy(template)))
    return [map_.numpy() for map_ in maps]


@pytest.mark.parametrize("name", ["torch", "onnxruntime", "openvino"])
def test_backends_agree_with_the_unfolded_network(case, tmp_path: Path, name: str) -> None:
    network, search_px = case
    found = parity.measure(network, backend_of(name, network, search_px, tmp_path), search_px, crops=12)
    assert found.holds, found
    assert found.probability > 0  # they were compared


def test_a_template_that_was_baked_in_shows(tmp_path: Path) -> None:
    network, search_px = seeded(SMALL["siamcar"][0]()), 287
    backend = backend_of("torch", network, search_px, tmp_path)
    first = backend.run("template", crop(127, 0))

    class Baked:
        name = "baked"

        def run(self, graph: str, *arrays: np.ndarray) -> dict[str, np.ndarray]:
            return first if graph == "template" else backend.run(graph, *arrays)

    assert not parity.measure(network, Baked(), search_px, crops=4).holds


@pytest.mark.parametrize("name", ["torch", "onnxruntime", "openvino"])
def test_outputs_stay_after_the_next_call(case, tmp_path: Path, name: str) -> None:
    network, search_px = case
    backend = backend_of(name, network, search_px, tmp_path)
    state = tuple(backend.run("template", crop(127, 0)).values())
    first = backend.run("track", crop(search_px, 1), *state)
    kept = {key: value.copy() for key, value in first.items()}
    backend.run("track", crop(search_px, 2), *state)
    assert list(first) == ["score", "centerness", "distances"]
    assert all(np.array_equal(first[key], kept[key]) for key in kept)


def test_folding_changes_nothing_but_roundings(case) -> None:
    network, search_px = case
    template, search = crop(127, 3), crop(search_px, 4)
    found, expected = eager(folded(network), template, search), eager(network, template, search)
    assert max(np.abs(found[k] - expected[k]).max() for k in range(2)) <= 1e-5
    assert np.abs(found[2] - expected[2]).max() <= 1e-3


def test_folding_leaves_convolutions_only_and_the_network_as_it_was(case) -> None:
    network, _ = case
    before = {name: value.clone() for name, value in network.state_dict().items()}
    result = folded(network)
    assert not [module for module in result.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert not list(result.buffers())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("make", "search_px", "stored"), GOLDEN, ids=["siamfcpp", "siamcar"])
def test_stored_values_of_the_full_network(make, search_px: int, stored: list[tuple[float, ...]]) -> None:
    score, centerness, distances = eager(seeded(make()), crop(127, 1), crop(search_px, 2))
    found = [
        (score[0, 0, y, x], centerness[0, 0, y, x], distances[0, 0, y, x], distances[0, 3, y, x]) for y, x in CELLS
    ]
    assert np.allclose(found, stored, rtol=1e-4, atol=0)


def test_weights_survive_a_file(case, tmp_path: Path) -> None:
    network, _ = case
    write_weights(network, tmp_path / "w.safetensors")
    make, _ = SMALL["siamfcpp" if isinstance(network, SiamFCpp) else "siamcar"]
    again = read_weights(make(), tmp_path / "w.safetensors")
    assert not again.training
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.allclose(again.state_dict()[name], value, rtol=1e-3, atol=1e-6), name
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_of_other_widths_are_refused(tmp_path: Path) -> None:
    write_weights(SiamFCpp(Widths((8, 8, 8, 8, 8), 8, (8, 8, 8))), tmp_path / "w.safetensors")
    with pytest.raises(ModelFileDamaged, match=r"of another shape: head\.box_search"):
        read_weights(SiamFCpp(Widths((8, 8, 8, 8, 8), 12, (8, 8, 8))), tmp_path / "w.safetensors")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    network = SMALL["siamcar"][0]()
    with pytest.raises(OutputUnwritable, match="choose another"):
        write_weights(network, tmp_path / "file" / "w.safetensors")
    with pytest.raises(OutputUnwritable, match="choose another"):
        write_onnx(flight_graphs(network, 287), tmp_path / "file", "small")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    module = importlib.import_module(f"uav_tracker_ros.backends.{name}_backend")
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(BackendUnavailable, match=f"pip install {name}"):
        module.load({}, threads=1)
