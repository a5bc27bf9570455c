"""The network of siamfcpp_lite0: shapes, geometry and what training relies on."""

import pytest

torch = pytest.importorskip("torch", reason="the network's module needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0, cell_points, decode  # noqa: E402


@pytest.fixture(scope="module")
def network() -> SiamFCppLite0:
    torch.manual_seed(0)
    return SiamFCppLite0().eval()


def test_parameter_counts(network: SiamFCppLite0) -> None:
    assert sum(p.numel() for p in network.trunk.parameters()) == 700_768
    assert sum(p.numel() for p in network.head.parameters()) == 134_214


def test_shapes_for_several_targets_equal_those_one_by_one(network: SiamFCppLite0) -> None:
    template = torch.randint(0, 255, (2, 128, 128, 3), dtype=torch.uint8)
    search = torch.randint(0, 255, (2, 256, 256, 3), dtype=torch.uint8)
    with torch.inference_mode():
        both = network.track(search, network.template(template))
        single = network.track(search[1:], network.template(template[1:]))
    assert [tuple(map_.shape) for map_ in both] == [(2, 16, 16), (2, 16, 16), (2, 4, 16, 16)]
    for together, alone in zip(both, single, strict=True):
        assert torch.allclose(together[1:], alone, atol=1e-4)


def test_distances_of_zero_are_one_stride_around_the_point() -> None:
    boxes = decode(torch.zeros(1, 4, 16, 16))
    assert cell_points()[:, 0, 1].tolist() == [24.0, 8.0]
    assert boxes[0, :, 0, 1].tolist() == [8.0, -8.0, 40.0, 24.0]


def test_foreign_trunk_weights_are_refused_by_name(network: SiamFCppLite0) -> None:
    with pytest.raises(KeyError, match="_conv_stem"):
        network.load_trunk({})
