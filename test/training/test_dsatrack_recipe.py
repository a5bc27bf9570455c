"""What the lessons of a row do with a batch: when tokens are dropped, and what a teacher adds."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402 - after the check for torch
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Row  # noqa: E402
from uav_tracker_ros.training.recipes import dsatrack  # noqa: E402
from uav_tracker_ros.training.scenes.pictures import Pictures  # noqa: E402

TINY = Row("tiny", 64, (1, 2, 3, 4), ((1, 172),), head_channels=64)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, "tiny", TINY)
    monkeypatch.setitem(ROWS, "tinier", replace(TINY, name="tinier", layers=(1, 3), keep=(), slots=2))


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "templates": torch.rand(2, 3, 128, 128, 3, generator=generator) * 255,
        "search": torch.rand(2, 256, 256, 3, generator=generator) * 255,
        "box": torch.tensor([[60.0, 60.0, 188.0, 196.0], [float("nan")] * 4]),
        "box_weight": torch.ones(2),
    }


def test_tokens_stay_at_first_and_are_dropped_after_the_ramp(rows: None, batch: dict) -> None:
    torch.manual_seed(0)
    lesson = dsatrack.DsaLesson("tiny", Pictures()).train()
    _, first = lesson(batch)
    assert not lesson.network.backbone.eliminating
    assert float(first["ratio"]) == pytest.approx(float((1 - first["kept"]) ** 2), abs=0.02)
    assert int(lesson.steps) == 1
    lesson.steps.fill_(dsatrack.RAMP)
    _, later = lesson(batch)
    assert lesson.network.backbone.eliminating
    assert float(later["ratio"]) == pytest.approx(float((172 / 192 - later["kept"]) ** 2), abs=0.02)
    lesson.eval()
    lesson(batch)
    assert lesson.network.backbone.eliminating
    assert int(lesson.steps) == dsatrack.RAMP + 1


def test_every_part_of_a_row_learns_once_tokens_are_dropped(rows: None, batch: dict) -> None:
    torch.manual_seed(0)
    lesson = dsatrack.DsaLesson("tiny", Pictures()).train()
    lesson.steps.fill_(dsatrack.RAMP)
    for block in lesson.network.backbone.blocks:
        if hasattr(block.attn, "dsa"):
            torch.nn.init.constant_(block.attn.dsa.gn.weight, 0.1)
    loss, _ = lesson(batch)
    loss.backward()
    named = dict(lesson.network.named_parameters())
    idle = [name for name, value in named.items() if value.grad is None or not value.grad.abs().sum() > 0]
    assert idle == []
    trained = {id(parameter) for part in lesson.parts() for parameter in part.parameters}
    assert trained == {id(parameter) for parameter in lesson.parameters()}


def test_a_teacher_adds_two_branches_and_is_left_alone(rows: None, batch: dict) -> None:
    torch.manual_seed(0)
    teacher = DsaTrack(replace(TINY, width=128))
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    lesson = dsatrack.DistilledLesson("tinier", Pictures(), teacher).train()
    loss, figures = lesson({**batch, "templates": batch["templates"][:, :2]})
    loss.backward()
    assert {"features", "predictions", "teacher_right", "giou"} <= figures.keys()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not any("teacher" in name for name in lesson.state_dict())
    assert not any("adapters" in name for name in lesson.student.state_dict())
    assert len(lesson.adapters.layers) == 2
