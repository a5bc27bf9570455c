"""Heat maps, boxes and the share of kept tokens, by hand."""

import math

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.dsatrack.head import HeadMaps  # noqa: E402 - after the check for torch
from uav_tracker_ros.training import dsatrack_losses as losses  # noqa: E402
from uav_tracker_ros.training.dsatrack_losses import LossSettings  # noqa: E402

NAN = float("nan")


def box(x: float, y: float, w: float, h: float) -> list[float]:
    """Centre and sides in px -> left, top, right, bottom."""
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def maps_of(score: float = 0.5, batch: int = 1) -> HeadMaps:
    scores = torch.full((batch, 1, 16, 16), score)
    return HeadMaps(
        torch.logit(scores), scores, torch.full((batch, 2, 16, 16), 0.25), torch.full((batch, 2, 16, 16), 0.5)
    )


def test_every_cell_can_be_the_centre_and_is_the_only_one() -> None:
    line = torch.arange(16) * 16 + 3.0
    boxes = torch.tensor([box(float(x), float(y), 40, 24) for y in line for x in line])
    heat = losses.heat_map(boxes)
    assert ((heat == 1).sum((1, 2)) == 1).all()
    assert heat.flatten(1).argmax(1).tolist() == list(range(256))


@pytest.mark.parametrize(("centre", "cell"), [(0.0, 0), (256.0, 15), (255.999, 15), (15.99, 0), (16.0, 1)], ids=str)
def test_centres_on_a_border_belong_to_one_cell(centre: float, cell: int) -> None:
    heat = losses.heat_map(torch.tensor([box(centre, centre, 30, 30)]))
    assert (heat == 1).nonzero().tolist() == [[0, cell, cell]]


@pytest.mark.parametrize(
    "boxes", [[NAN] * 4, box(-1, 80, 30, 30), box(80, 300, 30, 30)], ids=["absent", "left", "below"]
)
def test_a_target_that_is_not_there_has_no_cell(boxes: list[float]) -> None:
    assert losses.heat_map(torch.tensor([boxes])).sum() == 0


def test_reach_of_a_box() -> None:
    # 16 x 16 cells: r3 = (-2 * 0.7 * 32 + sqrt(4 * 0.49 * 1024 + 16 * 0.21 * 256)) / 2 = 4.37; 4 x 4: 1.09; 2 x 2: 0.55
    sides = torch.tensor([16.0, 4.0, 2.0])
    assert losses.gaussian_reach(sides, sides).tolist() == [4, 1, 0]


def test_heat_falls_like_the_gaussian_and_ends_at_its_reach() -> None:
    heat = losses.heat_map(torch.tensor([box(136, 136, 256, 256)]))[0]
    sigma = 9 / 6
    assert float(heat[8, 9]) == pytest.approx(math.exp(-1 / (2 * sigma**2)))
    assert float(heat[8, 12]) == pytest.approx(math.exp(-16 / (2 * sigma**2)))
    assert heat[8, 13] == 0


def test_focal_loss_of_two_by_two_cells() -> None:
    score = torch.tensor([[[0.9, 0.2], [0.5, 0.1]]])
    heat = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]])
    parts = [
        -(0.1**2) * math.log(0.9),
        -(0.5**4) * 0.2**2 * math.log(0.8),
        -(0.5**2) * math.log(0.5),
        -(0.1**2) * math.log(0.9),
    ]
    assert float(losses.focal_loss(score, heat)) == pytest.approx(sum(parts), rel=1e-5)
    assert float(losses.focal_loss(score, torch.zeros(1, 2, 2))) > 0  # no centre: divided by 1


def test_a_perfect_box_costs_nothing() -> None:
    maps = maps_of()
    wanted = torch.tensor([box(8.5 * 16, 3.5 * 16, 64, 64)])  # offset 0.5 and size 0.25 at cell (3, 8)
    giou, l1, iou = losses.box_loss(maps, wanted, torch.ones(1), LossSettings())
    assert (float(giou), float(l1), float(iou)) == pytest.approx((0, 0, 1), abs=1e-5)


def test_a_box_is_judged_where_the_setting_says() -> None:
    maps = maps_of()
    maps.score[0, 0, 10, 12] = 0.9
    wanted = torch.tensor([box(8.5 * 16, 3.5 * 16, 64, 64)])
    _, at_truth, _ = losses.box_loss(maps, wanted, torch.ones(1), LossSettings())
    _, at_peak, _ = losses.box_loss(maps, wanted, torch.ones(1), LossSettings(regress_at="prediction"))
    assert float(at_truth) == pytest.approx(0, abs=1e-6)
    assert float(at_peak) == pytest.approx((4 + 7) / 2 / 16)  # cells off in x and y, as shares of the crop


def test_samples_without_box_or_weight_teach_no_size() -> None:
    maps = maps_of(batch=3)
    maps.size.requires_grad_()
    boxes = torch.tensor([[NAN] * 4, box(100, 100, 30, 30), box(100, 100, 30, 30)])
    giou, l1, _ = losses.box_loss(maps, boxes, torch.tensor([1.0, 0.0, 1.0]), LossSettings())
    (giou + l1).backward()
    assert maps.size.grad[:2].abs().sum() == 0
    assert maps.size.grad[2].abs().sum() > 0


def test_share_of_tokens() -> None:
    kept = [torch.tensor([[1.0] * 9 + [0.0]] * 2), torch.tensor([[1.0] * 6 + [0.0] * 4, [1.0] * 8 + [0.0] * 2])]
    assert float(losses.ratio_loss(kept, (0.9, 0.8))) == pytest.approx(0.02, rel=1e-4)  # (0.2^2 + 0) / 2
    assert float(losses.ratio_loss(kept[:1], (0.9,))) == pytest.approx(0, abs=1e-9)
    assert float(losses.ratio_loss([], ())) == 0


def test_the_sum_has_the_published_weights() -> None:
    maps, boxes = maps_of(), torch.tensor([box(100, 60, 30, 50)])
    kept = [torch.ones(1, 192)]
    total, parts = losses.tracking_loss(maps, kept, boxes, torch.ones(1), (0.9,), LossSettings())
    expected = 2 * parts["giou"] + 5 * parts["l1"] + parts["focal"] + parts["ratio"]
    assert float(total) == pytest.approx(float(expected))
    assert float(parts["ratio"]) == pytest.approx(0.01, rel=1e-4)
