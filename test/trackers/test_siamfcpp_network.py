"""The network of siamfcpp and its pruned forms: counts, shapes, and where its cells look."""

import pytest

torch = pytest.importorskip("torch", reason="the network's module needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.siamfcpp.network import (  # noqa: E402
    FIRST_POINT_PX,
    STRIDE,
    TRUNK_POINT_PX,
    SiamFCpp,
    Trunk,
    Widths,
    cell_points,
    correlate,
    decode,
    map_cells,
)

PRUNED = Widths((58, 154, 231, 231, 256), 256, (154, 154, 256))
TIED = Widths((58, 154, 231, 231, 154), 154, (154, 154, 154))


def small() -> SiamFCpp:
    torch.manual_seed(0)
    return SiamFCpp(Widths((8, 8, 8, 8, 8), 8, (8, 8, 8))).eval()


@pytest.mark.parametrize(
    ("widths", "count"),
    [
        (Widths(), 9_655_380),
        (PRUNED, 5_792_011),
        (TIED, 3_506_191),
        (Widths((64, 160, 240, 240, 256), 256, (160, 160, 256)), 6_000_532),  # rounded to 16
    ],
)
def test_parameter_counts(widths: Widths, count: int) -> None:
    assert sum(p.numel() for p in SiamFCpp(widths).parameters()) == count


def test_parameters_of_the_full_trunk() -> None:
    assert sum(p.numel() for p in Trunk().parameters()) == 3_749_952


@pytest.mark.parametrize("search_px", [255, 271, 287, 303, 399])
def test_map_sizes(search_px: int) -> None:
    network, cells = small(), {255: 11, 271: 13, 287: 15, 303: 17, 399: 29}[search_px]
    with torch.inference_mode():
        kernels = network.template(torch.zeros(1, 127, 127, 3, dtype=torch.uint8))
        maps = network.track(torch.zeros(1, search_px, search_px, 3, dtype=torch.uint8), kernels)
    assert [tuple(kernel.shape) for kernel in kernels] == [(1, 8, 4, 4)] * 2
    assert [tuple(map_.shape) for map_ in maps] == [(1, 1, cells, cells)] * 2 + [(1, 4, cells, cells)]
    assert map_cells(search_px) == cells


def test_trunk_gives_conv3_beside_conv5() -> None:
    trunk = small().trunk
    with torch.inference_mode():
        middle, last = trunk.with_conv3(torch.zeros(1, 3, 303, 303))
    assert (middle.shape[-1], last.shape[-1]) == (32, 28)
    assert float(middle.min()) >= 0


def test_correlation_is_the_sum_of_products_of_each_channel_of_each_pair() -> None:
    torch.manual_seed(1)
    x, kernel = torch.randn(2, 3, 6, 7), torch.randn(2, 3, 4, 4)
    found = correlate(x, kernel)
    for b, c, row, column in ((0, 0, 0, 0), (0, 2, 2, 3), (1, 1, 1, 2), (1, 2, 0, 3)):
        expected = sum(
            float(x[b, c, row + v, column + u]) * float(kernel[b, c, v, u]) for v in range(4) for u in range(4)
        )
        assert float(found[b, c, row, column]) == pytest.approx(expected, abs=1e-5)
    impulse = torch.zeros(2, 3, 4, 4)
    impulse[:, :, 1, 2] = 1
    assert torch.equal(correlate(x, impulse), x[:, :, 1:4, 2:6])


def test_distances_around_the_middle_cell() -> None:
    assert cell_points(17)[:, 8, 8].tolist() == [151.5, 151.5]  # the crop's middle
    assert decode(torch.full((1, 4, 17, 17), 10.0))[0, :, 0, 1].tolist() == [85.5, 77.5, 105.5, 97.5]


def test_points_follow_from_the_layers() -> None:
    """A layer's cell looks at the middle of its kernel: (kernel - 1) / 2 steps of its input further in."""
    network = small()
    pool = (3, 2)
    layers = []
    for block in (
        network.trunk.conv1,
        network.trunk.conv2,
        network.trunk.conv3,
        network.trunk.conv4,
        network.trunk.conv5,
    ):
        layers.append((block.conv.kernel_size[0], block.conv.stride[0]))
        assert block.conv.padding == (0, 0)
        if block in (network.trunk.conv1, network.trunk.conv2):
            layers.append(pool)

    def first_point(layers: list[tuple[int, int]]) -> tuple[float, int]:
        middle, step = 0.0, 1
        for kernel, stride in layers:
            middle, step = middle + (kernel - 1) / 2 * step, step * stride
        return middle + 0.5, step  # pixel i covers i to i + 1

    assert first_point(layers) == (TRUNK_POINT_PX, STRIDE)
    head = [network.head.score_search, None, *network.head.score_tower, network.head.score]
    kernel_cells = network.head.template(torch.zeros(1, 8, 6, 6))[0].shape[-1]
    layers += [(block.conv.kernel_size[0], 1) if block else (kernel_cells, 1) for block in head]
    assert first_point(layers) == (FIRST_POINT_PX, STRIDE)


@pytest.mark.parametrize("cell", [(2, 3), (8, 8), (15, 11)])
def test_a_bright_pixel_lights_the_cell_that_looks_at_it(cell: tuple[int, int]) -> None:
    """With equal positive weights the response falls off from the point that the cell stands for."""
    network = small()
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.fill_(0.0 if name.endswith("bias") else 0.01)
    crop = torch.zeros(1, 3, 303, 303)
    y, x = 87 + 8 * cell[0], 87 + 8 * cell[1]
    crop[0, :, y, x] = 255.0
    with torch.inference_mode():
        kernels = network.head.template(network.trunk(torch.ones(1, 3, 127, 127)))
        score = network.head(kernels, network.trunk(crop))[0][0, 0]
    # the plateau of max pooling is symmetric around the peak: its middle is the cell
    rows, columns = torch.nonzero(score == score.max(), as_tuple=True)
    assert abs(float(rows.float().mean()) - cell[0]) <= 1
    assert abs(float(columns.float().mean()) - cell[1]) <= 1


def test_training_starts_with_every_cell_at_one_per_cent() -> None:
    torch.manual_seed(2)
    network = small().train()
    kernels = network.template(torch.randint(0, 255, (4, 127, 127, 3)))
    score, _, distances = network.search(torch.randint(0, 255, (4, 303, 303, 3)), kernels)
    assert 0.004 < float(score.detach().sigmoid().median()) < 0.025
    assert bool(torch.isfinite(distances).all())


def test_several_targets_equal_those_one_by_one() -> None:
    torch.manual_seed(3)
    network = small()
    template = torch.randint(0, 255, (2, 127, 127, 3), dtype=torch.uint8)
    search = torch.randint(0, 255, (2, 255, 255, 3), dtype=torch.uint8)
    with torch.inference_mode():
        both = network.track(search, network.template(template))
        single = network.track(search[1:], network.template(template[1:]))
    for together, alone in zip(both, single, strict=True):
        assert torch.allclose(together[1:], alone, atol=1e-4)
