"""Scores of weights side by side: every way runs what it says, and what cannot be compared is refused."""

import json
from pathlib import Path

import made_up_pictures
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import InvalidParameter, ModelFileDamaged, UnknownName  # noqa: E402 - after the check
from uav_tracker_ros.evaluation.datasets import open_dataset  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS, Row  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_weights  # noqa: E402
from uav_tracker_ros.training import dsatrack_ablation  # noqa: E402

TINY = Row("dsatrack_vit_t", 64, (1, 2), ((1, 172),), head_channels=16)


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Path]:
    torch.manual_seed(0)
    files = {}
    for name, form in FORMS.items():
        files[name] = tmp_path / f"{name}.safetensors"
        write_weights(DsaTrack(TINY, form), files[name])
    return files


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_pictures.make(tmp_path_factory.mktemp("data") / "made") / "clips"


def test_every_form_and_way_is_scored(weights: dict, clips: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(ROWS, "dsatrack_vit_t", TINY)
    given = [f"{name}={file}" for name, file in weights.items()]
    assert dsatrack_ablation.main([*given, "--ways", "trained,fixed", "--data", str(clips), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == {f"{form}/{way}" for form in FORMS for way in ("trained", "fixed")}
    assert all(0 <= entry["success_auc"] <= 1 and entry["updates_per_s"] > 0 for entry in figures.values())


def test_the_figures_are_those_of_the_boxes(clips: Path) -> None:
    """A box 40 px wide that stands still while the target moves by 4 px a frame: its overlaps are known."""
    from uav_tracker_ros.trackers import registry

    (sequence, _) = open_dataset(clips)[1]
    lines: list[str] = []
    figures = dsatrack_ablation.compare({"still": registry.create("static")}, [sequence], lines.append)
    assert figures["still"].precision_20px == 1.0
    overlaps = [(40 - 4 * k) / (40 + 4 * k) for k in (1, 2, 3)]  # the first box is given
    assert figures["still"].success_auc == pytest.approx(sum(overlaps) / 3, abs=0.03)
    assert len(lines) == 1


def test_ways_change_what_they_say(weights: dict) -> None:
    made = dsatrack_ablation.trackers(TINY, {"hybrid": weights["hybrid"]}, dsatrack_ablation.WAYS)
    forms = {name.split("/")[1]: tracker._backend._graphs["track"][0].__self__.form for name, tracker in made.items()}
    assert forms["no_elimination"].eliminate == "off"
    assert forms["hard"].edges == "hard"
    assert forms["trained"] == forms["fixed"] == forms["ungated"] == FORMS["hybrid"]
    memories = {name.split("/")[1]: tracker._settings for name, tracker in made.items()}
    assert memories["fixed"].rule == "fixed"
    assert not memories["ungated"].gated
    assert memories["trained"].gated


def test_a_row_with_a_moving_average_has_three_ways(tmp_path: Path) -> None:
    blending = Row("eatrack", 64, (1, 2), (), slots=2, head_channels=16)
    file = tmp_path / "blending.safetensors"
    write_weights(DsaTrack(blending), file)
    made = dsatrack_ablation.trackers(blending, {"hybrid": file}, ["trained", "fixed", "ungated"])
    rules = {name.split("/")[1]: (tracker._settings.rule, tracker._settings.gated) for name, tracker in made.items()}
    assert rules == {"trained": ("blend", True), "fixed": ("fixed", True), "ungated": ("blend", False)}
    for way in ("no_elimination", "hard"):
        with pytest.raises(InvalidParameter, match=f"nothing that way {way} changes"):
            dsatrack_ablation.trackers(blending, {"hybrid": file}, [way])


@pytest.mark.parametrize(
    ("form", "file", "way", "error", "message"),
    [
        ("hibrid", "hybrid", "trained", UnknownName, "did you mean 'hybrid'"),
        ("hybrid", "hybrid", "fix", UnknownName, "did you mean 'fixed'"),
        ("static", "static", "hard", InvalidParameter, "nothing that way hard changes"),
        ("hybrid", "static", "trained", ModelFileDamaged, "conv"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    weights: dict, form: str, file: str, way: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        dsatrack_ablation.trackers(TINY, {form: weights[file]}, [way])


def test_an_error_is_one_line(clips: Path, tmp_path: Path, capsys) -> None:
    assert dsatrack_ablation.main([f"hybrid={tmp_path / 'none.safetensors'}", "--data", str(clips)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
