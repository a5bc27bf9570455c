"""Labels and losses, by hand-computed values."""

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.training import losses  # noqa: E402 - after the check for torch


def _points() -> "torch.Tensor":
    line = torch.arange(16) * 16 + 8.0
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])


def test_positive_cells_are_those_near_the_middle() -> None:
    labels, weights = losses.cell_labels(torch.tensor([[96.0, 96.0, 160.0, 160.0]]), _points())
    assert labels.sum() == 4  # the four cells 8 px from the middle, half axis 16 px
    assert labels[0, 7:9, 7:9].all()
    assert weights[0, 6, 7] == 0  # between a quarter and a half: ignored
    assert weights[0, 0, 0] == 1


def test_an_absent_target_has_no_positive_and_all_cells_count() -> None:
    labels, weights = losses.cell_labels(torch.full((1, 4), float("nan")), _points())
    assert labels.sum() == 0
    assert weights.all()


def test_iou_and_giou_of_known_boxes() -> None:
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
    b = torch.tensor([[1.0, 0.0, 3.0, 2.0], [3.0, 0.0, 4.0, 1.0]])
    iou, giou = losses.paired_iou(a, b)
    assert iou.tolist() == pytest.approx([1 / 3, 0.0])
    assert giou.tolist() == pytest.approx([1 / 3, -0.5])


def test_a_confident_wrong_cell_costs_more_than_an_unsure_one() -> None:
    labels, weights = torch.zeros(1, 16, 16), torch.ones(1, 16, 16)
    labels[0, 8, 8] = 1
    unsure = torch.zeros(1, 16, 16)
    wrong = unsure.clone()
    wrong[0, 2, 2] = 6.0
    assert losses.balanced_bce(wrong, labels, weights) > losses.balanced_bce(unsure, labels, weights) + 1
