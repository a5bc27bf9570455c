"""Pruning removes what it says and carries the rest over exactly; ranks of maps made by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import InvalidParameter  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import WIDTHS as CAR_WIDTHS  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import WIDTHS, SiamFCpp, Widths  # noqa: E402
from uav_tracker_ros.training.networks import Network  # noqa: E402
from uav_tracker_ros.training.pruning import (  # noqa: E402
    Layer,
    kept_count,
    layers_of,
    parameters,
    pruned,
    track_macs,
)
from uav_tracker_ros.training.pruning_criterion import Ranks, choose, map_ranks, measure  # noqa: E402

NETWORKS = {
    "siamfcpp": (lambda: SiamFCpp(Widths((12, 16, 20, 20, 24), 24, (20, 20, 16))), False),
    "tied": (lambda: SiamFCpp(Widths((12, 16, 20, 20, 24), 24, (20, 20, 16))), True),
    "siamcar": (lambda: SiamCar(CarWidths((12, 16, 20, 20, 24), (24, 24, 20, 20))), False),
}
SWEEP = {
    0.1: 8_587_544, 0.2: 7_569_716, 0.3: 6_648_875, 0.4: 5_792_011,
    0.5: 5_009_332, 0.6: 4_333_800, 0.7: 3_719_012, 0.8: 3_195_083,
}  # fmt: skip


def random_network(make) -> Network:
    """Weights and statistics that differ from filter to filter."""
    generator = torch.Generator().manual_seed(3)
    network = make()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            elif value.is_floating_point() and value.ndim == 4:
                scale = value[0].numel() ** -0.5
                value.copy_(torch.randn(value.shape, generator=generator) * scale)
            elif value.is_floating_point():
                value.add_(torch.randn(value.shape, generator=generator) * 0.1)
    return network.eval()


def filters(network: Network, layer: Layer) -> int:
    return dict(network.named_modules())[layer.producers[0]].conv.out_channels


def first_of_each(network: Network, rho: float, *, tied: bool = False) -> dict[Layer, torch.Tensor]:
    layers = layers_of(network, tied=tied)
    return {layer: torch.arange(kept_count(filters(network, layer), rho)) for layer in layers}


def maps(network: Network, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    template = torch.randint(0, 256, (1, 127, 127, 3), generator=generator)
    search = torch.randint(0, 256, (1, 255, 255, 3), generator=generator)
    with torch.inference_mode():
        return list(network.search(search, network.template(template)))


@pytest.mark.parametrize(("make", "tied"), NETWORKS.values(), ids=NETWORKS)
def test_pruned_network_equals_the_full_one_with_those_maps_at_zero(make, tied: bool) -> None:
    full = random_network(make)
    generator = torch.Generator().manual_seed(5)
    kept = {}
    for layer in layers_of(full, tied=tied):
        count = filters(full, layer)
        chosen = torch.randperm(count, generator=generator)[: kept_count(count, 0.4)]
        kept[layer] = chosen.sort().values
    small = pruned(full, kept)
    found = maps(small)
    blocks = dict(full.named_modules())
    for layer, index in kept.items():
        for name in layer.producers:
            mask = torch.zeros(blocks[name].conv.out_channels)
            mask[index] = 1
            blocks[name].register_forward_hook(lambda _, __, out, mask=mask: out * mask[:, None, None])
    assert parameters(small) < 0.75 * parameters(full)
    for small_map, full_map in zip(found, maps(full), strict=True):
        assert float((small_map - full_map).abs().max()) <= 1e-5 * float(full_map.abs().max())


@pytest.mark.parametrize(("make", "tied"), NETWORKS.values(), ids=NETWORKS)
def test_rho_of_zero_changes_nothing(make, tied: bool) -> None:
    full = random_network(make)
    same = pruned(full, first_of_each(full, 0.0, tied=tied))
    assert all(torch.equal(value, full.state_dict()[name]) for name, value in same.state_dict().items())
    assert same.state_dict()["trunk.conv1.conv.weight"].data_ptr() != full.trunk.conv1.conv.weight.data_ptr()


def test_parameters_of_the_sweep() -> None:
    full = SiamFCpp()
    assert {rho: parameters(pruned(full, first_of_each(full, rho))) for rho in SWEEP} == SWEEP


def test_named_networks_are_what_pruning_by_two_fifths_leaves() -> None:
    full, car = SiamFCpp(), SiamCar()
    assert pruned(full, first_of_each(full, 0.4)).widths == WIDTHS["ps_siamfcpp"]
    assert pruned(full, first_of_each(full, 0.4, tied=True)).widths == WIDTHS["ps_siamfcpp_lite"]
    assert pruned(car, first_of_each(car, 0.4)).widths == CAR_WIDTHS["ps_siamcar"]


@pytest.mark.parametrize(
    ("network", "search_px", "macs"),
    [
        (SiamFCpp(), 303, 8_561_400_608),
        (SiamFCpp(WIDTHS["ps_siamfcpp"]), 303, 4_169_782_334),
        (SiamCar(), 287, 7_796_007_456),
    ],
    ids=["siamfcpp", "ps_siamfcpp", "siamcar"],
)
def test_multiply_adds_of_one_search(network: Network, search_px: int, macs: int) -> None:
    assert track_macs(network.eval(), search_px) == macs


@pytest.mark.parametrize(
    ("filters", "rho", "kept"),
    [
        (96, 0.4, 58),
        (384, 0.4, 231),
        (10, 0.3, 7),  # 0.3 * 10 is 2.9999999999999996 or 3 in floats: 3 are meant
        (10, 0.7, 3),
        (256, 0.0, 256),
    ],
)
def test_kept_count(filters: int, rho: float, kept: int) -> None:
    assert kept_count(filters, rho) == kept


@pytest.mark.parametrize("rho", [-0.1, 1.0, float("nan")])
def test_rho_outside_its_range(rho: float) -> None:
    with pytest.raises(InvalidParameter, match="expected 0 to below 1"):
        kept_count(96, rho)


def test_siamcar_has_no_tied_pairs() -> None:
    with pytest.raises(InvalidParameter, match="leave the option out"):
        layers_of(SiamCar(CarWidths((4, 4, 4, 4, 4), (4, 4, 4, 4))), tied=True)


def sum_of_outer_products(count: int, height: int = 20, width: int = 30) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randn(height, count, generator=generator) @ torch.randn(count, width, generator=generator)


@pytest.mark.parametrize(
    ("map_", "rank", "stable"),
    [
        pytest.param(torch.zeros(8, 8), 0, 0.0, id="dead"),
        pytest.param(torch.full((8, 6), 3.0), 1, 1.0, id="constant"),
        pytest.param(sum_of_outer_products(1), 1, 1.0, id="outer product"),
        pytest.param(torch.eye(9), 9, 9.0, id="identity"),
        pytest.param(sum_of_outer_products(5), 5, None, id="five outer products"),
        pytest.param(torch.diag(torch.tensor([1.0, 0.5, 0.0009])), 2, 1.25, id="below the tolerance"),
    ],
)
def test_ranks_of_hand_made_maps(map_: torch.Tensor, rank: int, stable: float | None) -> None:
    found = map_ranks(map_)
    assert float(found[0]) == rank
    assert stable is None or float(found[1]) == pytest.approx(stable, abs=1e-5)
    assert torch.equal(map_ranks(map_ * 1e4)[0], found[0])
    assert torch.equal(map_ranks(map_.T)[0], found[0])
    assert float(found[2]) == float(torch.linalg.matrix_rank(map_))


def ranks(first: list[float], stable: list[float]) -> Ranks:
    return Ranks(np.array(first), np.array(stable), np.array(first[::-1]))


def test_choice_by_rank_then_stable_rank_then_index() -> None:
    table = ranks([5, 9, 7, 7, 7, 1], [1, 1, 2, 3, 2, 9])
    choice = choose(table, 0.5)
    assert choice.kept.tolist() == [1, 2, 3]
    assert not choice.by_stable_rank
    assert choose(table, 0.5, "hrank").kept.tolist() == [2, 3, 4]


def test_stable_rank_decides_where_the_rank_is_saturated() -> None:
    table = ranks([146.9, 147.0, 146.8, 146.95], [2.0, 1.0, 4.0, 3.0])
    choice = choose(table, 0.5)
    assert choice.kept.tolist() == [2, 3]
    assert choice.by_stable_rank


def pictures(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Template and search crops of smooth random pictures."""
    rng = np.random.default_rng(seed)

    def picture(size: int) -> np.ndarray:
        coarse = rng.integers(0, 256, (size // 11 + 2, size // 11 + 2, 3), dtype=np.uint8)
        return coarse.repeat(11, 0).repeat(11, 1)[:size, :size].copy()

    return [(picture(127), picture(255)) for _ in range(count)]


def test_dead_filters_go_first_and_pairs_share_their_filters() -> None:
    network = random_network(NETWORKS["tied"][0])
    with torch.no_grad():
        network.trunk.conv2.bn.weight[[3, 8]] = 0.0
        network.trunk.conv2.bn.bias[[3, 8]] = -1.0  # the ReLU leaves nothing
    layers = layers_of(network, tied=True)
    found = measure(network, layers, pictures(3, seed=1))
    conv2 = next(layer for layer in layers if layer.producers == ("trunk.conv2",))
    assert found[conv2].rank[[3, 8]].tolist() == [0.0, 0.0]
    assert not {3, 8} & set(choose(found[conv2], 0.2).kept.tolist())
    pairs = [layer for layer in layers if len(layer.producers) == 2]
    small = dict(pruned(network, {pair: choose(found[pair], 0.5).kept for pair in pairs}).named_modules())
    for pair in pairs:
        assert found[pair].rank.shape == (24,)
        assert float(found[pair].rank.max()) <= 2.0  # each map's rank over its side
        assert [small[name].conv.out_channels for name in pair.producers] == [12, 12]


def test_few_crops_choose_nearly_what_many_do() -> None:
    network = random_network(NETWORKS["siamfcpp"][0])
    layers = layers_of(network)
    few, many = (measure(network, layers, pictures(count, seed=2)) for count in (8, 40))
    same = total = 0
    for layer in layers:
        a, b = (set(choose(found[layer], 0.4).kept.tolist()) for found in (few, many))
        same, total = same + len(a & b), total + len(b)
    assert same / total >= 0.85


def test_measuring_leaves_no_hook_behind() -> None:
    network = random_network(NETWORKS["siamcar"][0])
    measure(network, layers_of(network), pictures(1, seed=3))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
