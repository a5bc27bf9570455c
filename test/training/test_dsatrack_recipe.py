"""What the lessons of a row do with a batch: when tokens are dropped, and what a teacher adds."""

import math
from dataclasses import replace
from pathlib import Path

import made_up_pictures
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402 - after the check for torch
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS, Row  # noqa: E402
from uav_tracker_ros.training.distillation.distilled import Distilled  # noqa: E402
from uav_tracker_ros.training.distillation.teachers import RowTeacher  # noqa: E402
from uav_tracker_ros.training.recipes import dsatrack  # noqa: E402
from uav_tracker_ros.training.scenes import pictures  # noqa: E402
from uav_tracker_ros.training.scenes.pictures import Pictures  # noqa: E402

TINY = Row("tiny", 64, (1, 2, 3, 4), ((1, 172),), head_channels=64)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, "tiny", TINY)
    monkeypatch.setitem(ROWS, "tinier", replace(TINY, name="tinier", layers=(1, 3), keep=(), slots=2))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_pictures.make(tmp_path_factory.mktemp("data") / "made")


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
    lesson = Distilled(dsatrack.DsaLesson("tinier", Pictures()), RowTeacher(teacher), 10).train()
    loss, figures = lesson({**batch, "templates": batch["templates"][:, :2]})
    loss.backward()
    assert {"features", "predictions", "teacher_right", "giou"} <= figures.keys()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not any("teacher" in name for name in lesson.state_dict())
    assert not any("adapters" in name for name in lesson.student.state_dict())
    assert len(lesson.adapters.layers) == 2


@pytest.mark.parametrize("form", FORMS)
def test_every_form_learns_and_judges(rows: None, batch: dict, data: Path, form: str) -> None:
    """The figures of the graph are there where there is one; what flies is what is judged."""
    torch.manual_seed(0)
    lesson = dsatrack.DsaLesson("tiny", pictures.load([data], split="val", frame_step=1), FORMS[form]).train()
    loss, figures = lesson(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert ("edges" in figures) == (FORMS[form].semantics == "dynamic")
    assert "kept" in figures
    assert 0 <= lesson.eval().judge(math.inf)["figure"] <= 1


def test_the_second_stage_keeps_the_tokens_that_matter_of_six_templates(rows: None, batch: dict) -> None:
    torch.manual_seed(0)
    lesson = dsatrack.DsaLesson("tiny", Pictures(), stage=dsatrack.MEMORY).train()
    assert lesson.batches.moments == 6
    remembered = []
    remember = lesson.network.backbone.remember
    lesson.network.backbone.remember = lambda z: remembered.append(z) or remember(z)
    six = torch.cat([batch["templates"], batch["templates"].flip(2)], 1)
    loss, figures = lesson({**batch, "templates": six, "alone": torch.tensor([False, True])})
    loss.backward()
    (memory,) = remembered
    tokens = lesson.network.backbone.embed_templates(six)
    assert memory.shape == (2, 192, 64)
    assert torch.equal(memory[:, :64], tokens[:, :64])
    later = {tuple(token) for token in tokens[0, 64:, :4].tolist()}
    assert all(tuple(token) in later for token in memory[0, 64:, :4].tolist())
    assert torch.equal(memory[1], tokens[1, :64].repeat(3, 1))
    assert lesson.network.backbone.eliminating  # from the first step on
    assert float(figures["ratio"]) == pytest.approx(float((172 / 192 - figures["kept"]) ** 2), abs=0.02)


def test_a_teacher_sees_as_many_templates_as_it_has_slots_in_the_second_stage(rows: None, batch: dict) -> None:
    torch.manual_seed(0)
    teacher = DsaTrack(replace(TINY, width=128))
    student = dsatrack.DsaLesson("tiny", Pictures(), FORMS["static"], dsatrack.MEMORY)
    lesson = Distilled(student, RowTeacher(teacher), 10).train()
    remembered = []
    remember = teacher.backbone.remember
    teacher.backbone.remember = lambda z: remembered.append(z) or remember(z)
    six = torch.cat([batch["templates"], batch["templates"].flip(2)], 1)
    loss, figures = lesson({**batch, "templates": six, "alone": torch.tensor([False, True])})
    loss.backward()
    assert torch.isfinite(loss)
    assert {"features", "predictions"} <= figures.keys()
    (memory,) = remembered
    tokens = teacher.backbone.embed_templates(six[:, :3])
    assert torch.equal(memory[0], tokens[0])
    assert torch.equal(memory[1], tokens[1, :64].repeat(3, 1))


def test_half_of_the_samples_are_in_the_state_that_tracking_starts_in(rows: None, data: Path) -> None:
    lesson = dsatrack.DsaLesson("tiny", Pictures(), stage=dsatrack.MEMORY)
    source = lesson.source(pictures.load([data]), 0)
    samples = [source.draw(number) for number in range(12)]
    stored = {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}
    ready = lesson.prepare(stored, torch.Generator().manual_seed(0))
    assert ready["templates"].shape == (12, 6, 128, 128, 3)
    same = (ready["templates"] == ready["templates"][:, :1]).flatten(1).all(1)
    assert torch.equal(same, ready["alone"])
    assert 0 < ready["alone"].sum() < 12


def test_the_paper_s_second_stage_is_a_sixth_as_long_at_a_tenth_of_the_rate() -> None:
    first, second = dsatrack.SCHEDULE, dsatrack.MEMORY_SCHEDULE
    assert second.samples / first.samples == pytest.approx(50 / 300, rel=0.05)
    assert second.rate == pytest.approx(first.rate / 10)
