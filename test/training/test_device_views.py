"""Views drawn on the device: boxes follow the pixels, light stays within a byte, blur keeps the mean."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.search_region import SETTINGS  # noqa: E402 - after the check for torch
from uav_tracker_ros.training import losses  # noqa: E402
from uav_tracker_ros.training.device_views import (  # noqa: E402
    Moves,
    cut_views,
    draw_moves,
    light,
    motion_blur,
    move_boxes,
)
from uav_tracker_ros.training.pair_batches import MARGIN_PX, PairBatches  # noqa: E402
from uav_tracker_ros.training.scenes.cropping import Cut  # noqa: E402


def test_boxes_follow_the_pixels() -> None:
    generator = torch.Generator().manual_seed(3)
    canvases = torch.zeros(16, 320, 320, 3, dtype=torch.uint8)
    boxes = torch.tensor([[130.0, 140.0, 200.0, 180.0]]).repeat(16, 1)
    canvases[:, 140:180, 130:200] = 255
    moves = draw_moves(generator, 16, 20.0, 0.1)
    views = cut_views(canvases, moves, 256)
    moved = move_boxes(boxes, moves, 320, 256)
    assert set(moves.mirror.tolist()) == {-1.0, 1.0}
    for view, box in zip(views, moved, strict=True):
        ys, xs = torch.nonzero(view[0] > 127, as_tuple=True)
        found = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        assert np.allclose([float(edge) for edge in found], box.tolist(), atol=1.01)


def test_a_view_that_does_not_move_is_the_canvas_s_middle() -> None:
    canvas = torch.randint(0, 255, (2, 40, 40, 3), dtype=torch.uint8)
    still = Moves(torch.zeros(2, 2), torch.ones(2), torch.ones(2))
    middle = canvas[:, 8:32, 8:32].permute(0, 3, 1, 2).float()
    assert torch.allclose(cut_views(canvas, still, 24), middle, atol=1e-3)


def test_light_and_blur_repeat_with_the_generator_s_seed() -> None:
    images = torch.rand(8, 3, 40, 40) * 255
    made = [
        motion_blur(light(images, torch.Generator().manual_seed(1), 1.0), torch.Generator().manual_seed(2), 0.5)
        for _ in range(2)
    ]
    assert torch.equal(made[0], made[1])
    assert made[0].min() >= -1e-3
    assert made[0].max() <= 255.1
    assert not torch.allclose(made[0], images, atol=5.0)


def test_blur_spreads_a_point_along_a_line_and_keeps_its_light() -> None:
    images = torch.zeros(20, 3, 41, 41)
    images[:, :, 20, 20] = 255.0
    blurred = motion_blur(images, torch.Generator().manual_seed(0), 1.0)
    assert torch.allclose(blurred.sum((2, 3)), torch.full((20, 3), 255.0), atol=0.1)
    assert (blurred[:, 0] > 1).sum((1, 2)).float().mean() > 5


def test_a_batch_has_crops_of_the_family_and_drops_boxes_that_left() -> None:
    cut = Cut.of(SETTINGS["dsatrack"], MARGIN_PX)
    batches = PairBatches(cut, moments=3)
    box = torch.tensor([[100.0, 100, 180, 160], [-60, 40, -20, 80], [float("nan")] * 4])
    batch = {
        "templates": torch.zeros(3, 3, cut.template_canvas_px, cut.template_canvas_px, 3, dtype=torch.uint8),
        "search": torch.zeros(3, cut.search_canvas_px, cut.search_canvas_px, 3, dtype=torch.uint8),
        "box": box, "box_weight": torch.ones(3), "source": torch.zeros(3),
    }  # fmt: skip
    ready = batches.prepare(batch, torch.Generator().manual_seed(0))
    assert ready["templates"].shape == (3, 3, 128, 128, 3)
    assert ready["search"].shape == (3, 256, 256, 3)
    assert torch.isfinite(ready["box"]).all(1).tolist() == [True, False, False]


def test_cells_inside_the_box_and_how_central_they_are() -> None:
    line = torch.arange(5) * 8.0
    y, x = torch.meshgrid(line, line, indexing="ij")
    boxes = torch.tensor([[4.0, 4.0, 28.0, 28.0], [float("nan")] * 4])
    labels, central = losses.inside_labels(boxes, torch.stack([x, y]))
    assert labels[0].nonzero().tolist() == [[i, j] for i in (1, 2, 3) for j in (1, 2, 3)]
    assert central[0, 2, 2] == pytest.approx(1.0)
    assert central[0, 1, 2] == pytest.approx((4 / 20) ** 0.5)
    assert not labels[1].any()
    assert not central[1].any()


def test_focal_loss_of_known_values() -> None:
    logits = torch.zeros(1, 1, 2)
    labels = torch.tensor([[[1.0, 0.0]]])
    expected = np.log(2) * 0.25 * (0.25 + 0.75)
    assert losses.focal(logits, labels, torch.ones_like(labels)) == pytest.approx(expected, rel=1e-5)
    wanted = torch.tensor([0.3])
    assert losses.excess_bce(torch.logit(wanted), wanted) == pytest.approx(0.0, abs=1e-6)
