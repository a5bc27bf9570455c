"""The three graphs on every backend, stored values of a full row, and files of weights."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import pytest
from dsatrack_small import SMALL, filled, picture

from uav_tracker_ros.backends import choice
from uav_tracker_ros.errors import ModelFileDamaged, OutputUnwritable
from uav_tracker_ros.trackers.dsatrack.rows import PUBLISHED, ROWS, Form, Row

FORMS = {
    "hybrid": (SMALL, Form()),
    "joint": (SMALL, replace(PUBLISHED, edges="hard")),
    "static": (replace(SMALL, layers=(1, 2), keep=((1, 172),)), Form(semantics="static")),
    "eatrack": (replace(SMALL, layers=(1, 2), keep=(), slots=2), Form()),
}
# two features, y offset and attention on the template at these cells of dsatrack_vit_t as `filled` fills it
CELLS = ((0, 0), (4, 11), (8, 8), (15, 3))
GOLDEN = {
    "hybrid": [
        (0.930974, -0.223871, -0.0573233, 0.314514),
        (-1.02768, -0.394792, -0.0607552, 0.306407),
        (0.252213, -0.136624, -0.0604597, 0.374606),
        (0.396886, -0.279796, -0.0646006, 0.446985),
    ],
    "joint": [
        (1.08559, 0.0134455, -0.0573654, 0.346263),
        (-1.06574, -0.343541, -0.0607254, 0.329017),
        (0.276868, -0.0759413, -0.0604252, 0.350272),
        (0.551799, -0.139177, -0.064551, 0.402378),
    ],
}


@pytest.fixture(scope="module", params=FORMS)
def case(request, torch, tmp_path_factory):
    """A network, its graphs, and their files."""
    from uav_tracker_ros.backends.export import write_onnx
    from uav_tracker_ros.trackers.dsatrack.graphs import flight_graphs
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    network = filled(DsaTrack(*FORMS[request.param]))
    graphs = flight_graphs(network)
    return network, graphs, write_onnx(graphs, tmp_path_factory.mktemp("graphs"), request.param)


def backend_of(name: str, graphs, files):
    if not choice.installed(name):
        pytest.skip(f"{name} is not installed: pip install {name}")
    if name == "torch":
        from uav_tracker_ros.backends import torch_backend

        return torch_backend.load(graphs, threads=1)
    return choice.load_onnx(name, files, threads=1)


def further(network) -> np.ndarray:
    return picture(256, 5) if network.row.keep else np.array([0.5], np.float32)


def eager(torch, function, *arrays: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [value.numpy() for value in function(*map(torch.from_numpy, arrays))]


def same_tokens(found: np.ndarray, expected: np.ndarray) -> bool:
    """(..., N, D) have the same rows in any order: copies of one token tie, and rounding chooses which of them stay."""
    apart = np.abs(found[..., :, None, :] - expected[..., None, :, :]).max(-1)
    alike = max(apart.min(-1).max(), apart.min(-2).max()) < 3e-4
    return bool(alike and np.allclose(found.sum(-2), expected.sum(-2), atol=1e-2))


@pytest.mark.parametrize("name", ["torch", "onnxruntime", "openvino"])
def test_backends_agree_with_the_network(torch, case, name: str) -> None:
    network, graphs, files = case
    backend = backend_of(name, graphs, files)
    for seed in (1, 2):  # two templates: one that was baked into the graph would pass with one
        state = list(backend.run("template", picture(128, seed)).values())
        expected = eager(torch, network.template, picture(128, seed))
        assert all(np.allclose(a, b, atol=3e-4, rtol=3e-5) for a, b in zip(state, expected, strict=True))
        newer = list(backend.run("update", state[0], picture(128, seed + 10), further(network)).values())
        update = network.update if network.row.keep else network.blend
        expected = eager(torch, update, state[0], picture(128, seed + 10), further(network))
        assert all(same_tokens(a, b) for a, b in zip(newer, expected, strict=True))
        for memory in (state, newer):
            found = backend.run("track", picture(256, seed + 20), *(memory[1:] or memory))
            wanted = eager(torch, network.track, picture(256, seed + 20), *(memory[1:] or memory))
            assert list(found) == ["score", "size", "offset", "mass"]
            for key, values in zip(found, wanted, strict=True):
                assert found[key].shape == values.shape
                assert np.abs(found[key] - values).max() < 2e-4 * max(1.0, np.abs(values).max()), key


def test_files_have_constant_shapes_and_draw_nothing(case) -> None:
    onnx = pytest.importorskip("onnx", reason="reading graphs needs onnx: pip install onnx")
    _, _, files = case
    for file in files.values():
        model = onnx.load(file)
        assert [opset.version for opset in model.opset_import if not opset.domain] == [17]
        for value in (*model.graph.input, *model.graph.output):
            assert all(dimension.dim_value > 0 for dimension in value.type.tensor_type.shape.dim), value.name
        kinds = {node.op_type for node in model.graph.node}
        assert not {kind for kind in kinds if "Random" in kind or kind in ("If", "Loop", "BatchNormalization")}


def test_cached_attention_takes_at_most_three_quarters_of_joint(torch, tmp_path) -> None:
    """In one process, interleaved; the least of three medians, so that a loaded machine does not decide."""
    from uav_tracker_ros.backends.export import write_onnx
    from uav_tracker_ros.trackers.dsatrack.graphs import flight_graphs
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    row = Row("brief", 192, (1, 2, 3, 4, 5), ((3, 172),), head_channels=64)
    calls = {}
    for name, form in (("cached", Form()), ("joint", PUBLISHED)):
        track = flight_graphs(filled(DsaTrack(row, form)))["track"]
        backend = choice.load_onnx("onnxruntime", write_onnx({"track": track}, tmp_path, name), threads=1)
        calls[name] = (backend, [example.numpy() for example in list(track.inputs.values())[1:]])
    ratios = []
    for _ in range(3):
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(5):
            for name, (backend, state) in calls.items():
                start = time.process_time()
                backend.run("track", picture(256, 2), *state)
                seconds[name].append(time.process_time() - start)
        ratios.append(statistics.median(seconds["cached"]) / statistics.median(seconds["joint"]))
    assert min(ratios) <= 0.75


def test_stored_values_of_a_full_row_in_two_forms_of_the_same_weights(torch) -> None:
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    weights = filled(DsaTrack(ROWS["dsatrack_vit_t"])).state_dict()
    for name, form in (("hybrid", Form()), ("joint", PUBLISHED)):
        network = DsaTrack(ROWS["dsatrack_vit_t"], form).eval()
        network.load_state_dict(weights, strict=True)
        with torch.inference_mode():
            z = network.backbone.embed_templates(torch.from_numpy(picture(128, 1)[None])).repeat(1, 3, 1)
            x = network.backbone.embed_search(torch.from_numpy(picture(256, 2)))
            seen = network.backbone.both(z, x)
            offset = network.head(seen.features).offset[0, 1].flatten()
        cells = [16 * row + column for row, column in CELLS]
        values = (seen.features[0, cells, 7], seen.features[0, cells, 100], offset[cells], seen.mass[0, cells])
        found = torch.stack(values, 1).numpy()
        assert np.allclose(found, GOLDEN[name], rtol=1e-3, atol=1e-4), found.tolist()


def test_folded_patches_are_the_same(torch) -> None:
    from uav_tracker_ros.trackers.dsatrack.graphs import FoldedPatchEmbed
    from uav_tracker_ros.trackers.dsatrack.network import PatchEmbed

    embed = PatchEmbed(64)
    crop = torch.from_numpy(picture(128, 3))
    with torch.inference_mode():
        assert torch.allclose(embed(crop), FoldedPatchEmbed(embed)(crop), atol=1e-5)


def test_weights_survive_a_file_and_a_row_is_small_enough_to_ship(torch, tmp_path) -> None:
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
    from uav_tracker_ros.trackers.network_weights import read_weights, write_weights

    network = DsaTrack(ROWS["dsatrack_vit_t"])
    file = tmp_path / "w.safetensors"
    write_weights(network, file)
    assert file.stat().st_size < 17e6
    again = read_weights(DsaTrack(ROWS["dsatrack_vit_t"]), file)
    assert not again.training
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(again.state_dict()[name], value, rtol=1e-3, atol=1e-6), name
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.safetensors"]
    with pytest.raises(ModelFileDamaged, match=r"unexpected: backbone\.blocks\.10"):
        read_weights(DsaTrack(ROWS["eatrack"]), file)


def test_a_place_that_cannot_be_written(torch, small_network, tmp_path) -> None:
    from uav_tracker_ros.trackers.network_weights import write_weights

    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable, match="choose another"):
        write_weights(small_network(), tmp_path / "file" / "w.safetensors")
