"""Distillation on the target: what it costs, whom it teaches, what it leaves alone."""

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.training.distillation import dual_branch as dual  # noqa: E402 - after the check for torch
from uav_tracker_ros.training.distillation.dual_branch import Adapters, Prediction  # noqa: E402

BOXES = torch.tensor([[96.0, 64.0, 160.0, 112.0], [10.0, 10.0, 14.0, 14.0]])


def prediction(seed: int) -> Prediction:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((2, 1, 16, 16), (2, 2, 16, 16), (2, 2, 16, 16))
    return Prediction(*(torch.randn(shape, generator=generator) for shape in shapes))


@pytest.fixture
def mask() -> torch.Tensor:
    return dual.target_mask(BOXES)


@pytest.fixture
def weights(mask: torch.Tensor) -> torch.Tensor:
    return dual.target_weights(mask, torch.rand(2, 16, 16), torch.ones(2))


@pytest.mark.parametrize(
    ("student", "teacher", "pairs"),
    [
        (8, 12, ((2, 3), (4, 6), (6, 9), (8, 12))),
        (12, 12, ((3, 3), (6, 6), (9, 9), (12, 12))),
        (8, 7, ((2, 2), (4, 4), (6, 5), (8, 7))),
        (2, 12, ((1, 6), (2, 12))),
        (1, 12, ((1, 12),)),  # one level of features is compared with the deepest
        (12, 1, ((12, 1),)),
    ],
)
def test_pairs_lie_at_equal_depth(student: int, teacher: int, pairs) -> None:
    assert dual.layer_pairs(student, teacher) == pairs


def test_mask_is_the_grown_box_and_never_empty_for_a_target(mask: torch.Tensor) -> None:
    rows, columns = mask[0].nonzero(as_tuple=True)
    # grown to 92.8..163.2 x 61.6..114.4: cell centres 104..152 and 72..104
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (6, 9, 4, 6)
    assert mask[1].nonzero().tolist() == [[0, 0]]
    assert dual.target_mask(torch.full((1, 4), float("nan"))).sum() == 0


def test_weights_sum_to_one_on_the_target_only(mask: torch.Tensor, weights: torch.Tensor) -> None:
    assert torch.allclose(weights.sum((1, 2)), torch.ones(2))
    assert (weights[mask == 0] == 0).all()
    score = torch.zeros(2, 16, 16)
    score[0, 5, 8] = 0.7
    peaked = dual.target_weights(mask, score, torch.ones(2))[0]
    assert float(peaked[5, 8] / peaked[5, 7]) == pytest.approx(2)


def test_a_student_that_equals_its_teacher_pays_nothing(mask, weights) -> None:
    same = prediction(1)
    assert float(dual.prediction_loss(same, same, mask, weights)) == pytest.approx(0, abs=1e-6)
    features = [torch.randn(2, 256, 24)]
    assert float(dual.feature_loss(Adapters([(24, 24)])(features), features, weights)) == pytest.approx(0, abs=1e-6)
    assert float(dual.prediction_loss(prediction(2), same, mask, weights)) > 0.1


def test_background_is_not_taught(mask, weights) -> None:
    student, teacher = torch.randn(2, 256, 24), torch.randn(2, 256, 24)
    before = dual.feature_loss([student], [teacher], weights)
    changed = torch.where(mask.flatten(1)[..., None] > 0, student, torch.randn(2, 256, 24))
    assert torch.equal(before, dual.feature_loss([changed], [teacher], weights))
    far = torch.nn.functional.max_pool2d(mask[:, None], 3, 1, 1) == 0
    own, taught = prediction(1), prediction(2)
    other = own._replace(logit=torch.where(far, own.logit + 3, own.logit))
    assert torch.allclose(
        dual.prediction_loss(own, taught, mask, weights), dual.prediction_loss(other, taught, mask, weights)
    )


def test_no_gradient_reaches_the_teacher(mask, weights) -> None:
    student, teacher = torch.randn(2, 256, 24, requires_grad=True), torch.randn(2, 256, 48, requires_grad=True)
    adapters = Adapters([(24, 48)])
    own = Prediction(*(part.requires_grad_() for part in prediction(1)))
    taught = Prediction(*(part.requires_grad_() for part in prediction(2)))
    total = dual.feature_loss(adapters([student]), [teacher], weights) + dual.prediction_loss(
        own, taught, mask, weights
    )
    total.backward()
    assert student.grad.abs().sum() > 0
    assert adapters.layers[0].weight.grad.abs().sum() > 0
    assert all(part.grad.abs().sum() > 0 for part in own)
    assert teacher.grad is None
    assert all(part.grad is None for part in taught)


def test_a_teacher_that_misses_does_not_teach(mask) -> None:
    teacher_boxes = torch.stack([BOXES[0], BOXES[1] + 30])
    right = dual.teacher_is_right(teacher_boxes, BOXES)
    assert right.tolist() == [1, 0]
    weights = dual.target_weights(mask, torch.rand(2, 16, 16), right)
    assert weights[1].sum() == 0
    features = torch.randn(2, 256, 24, requires_grad=True)
    own = Prediction(*(part.requires_grad_() for part in prediction(1)))
    loss = dual.feature_loss([features], [torch.randn(2, 256, 24)], weights)
    (loss + dual.prediction_loss(own, prediction(2), mask, weights)).backward()
    for gradient in (features.grad, *(part.grad for part in own)):
        assert gradient[1].abs().sum() == 0
        assert gradient[0].abs().sum() > 0
    assert dual.teacher_is_right(BOXES[:1], torch.full((1, 4), float("nan"))).tolist() == [0]


def test_the_feature_branch_fades() -> None:
    assert [dual.feature_weight(progress) for progress in (0, 0.5, 1)] == pytest.approx([1, 0.55, 0.1], abs=1e-6)
