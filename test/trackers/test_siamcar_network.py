"""The network of siamcar and its pruned form: counts, shapes, and where its cells look."""

import pytest

torch = pytest.importorskip("torch", reason="the network's module needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.siamcar.network import (  # noqa: E402
    WIDTHS,
    CarWidths,
    SiamCar,
    cell_points,
    map_cells,
)


def small() -> SiamCar:
    torch.manual_seed(0)
    return SiamCar(CarWidths((8, 8, 8, 8, 8), (8, 8, 8, 8))).eval()


@pytest.mark.parametrize(
    ("name", "count"), [("siamcar", 8_490_823), ("p_siamcar", 5_090_228), ("ps_siamcar", 5_090_228)]
)
def test_parameter_counts(name: str, count: int) -> None:
    assert sum(p.numel() for p in SiamCar(WIDTHS[name]).parameters()) == count


@pytest.mark.parametrize(("search_px", "cells"), [(255, 17), (287, 21)])
def test_map_sizes(search_px: int, cells: int) -> None:
    network = small()
    with torch.inference_mode():
        kernels = network.template(torch.zeros(1, 127, 127, 3, dtype=torch.uint8))
        maps = network.track(torch.zeros(1, search_px, search_px, 3, dtype=torch.uint8), kernels)
    assert [tuple(kernel.shape) for kernel in kernels] == [(1, 8, 6, 6)]
    assert [tuple(map_.shape) for map_ in maps] == [(1, 1, cells, cells)] * 2 + [(1, 4, cells, cells)]
    assert map_cells(search_px) == cells


def test_the_middle_cell_looks_at_the_crops_middle() -> None:
    assert cell_points(21)[:, 10, 10].tolist() == [143.5, 143.5]


@pytest.mark.parametrize("cell", [(3, 4), (10, 10), (16, 7)])
def test_a_bright_pixel_lights_the_cell_that_looks_at_it(cell: tuple[int, int]) -> None:
    """With equal positive weights the response falls off from the point that the cell stands for."""
    network = small()
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.fill_(0.0 if name.endswith("bias") else 0.01)
    picture = torch.zeros(1, 3, 287, 287)
    picture[0, :, 63 + 8 * cell[0], 63 + 8 * cell[1]] = 255.0
    with torch.inference_mode():
        kernel = network.trunk(torch.ones(1, 3, 127, 127))
        score = network.head(kernel, network.trunk(picture))[0][0, 1]
    rows, columns = torch.nonzero(score == score.max(), as_tuple=True)
    assert abs(float(rows.float().mean()) - cell[0]) <= 1
    assert abs(float(columns.float().mean()) - cell[1]) <= 1
