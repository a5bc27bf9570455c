"""The paper's table 2 from its table 1, and contributions measured on a network."""

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import InvalidParameter  # noqa: E402 - after the check for torch
from uav_tracker_ros.geometry import Box  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Form, Row  # noqa: E402
from uav_tracker_ros.training import dsatrack_pruning as pruning  # noqa: E402

FULL = ROWS["dsatrack_vit_b"]
SMALL = Row("small", 64, tuple(range(1, 7)), ((3, 172),), head_channels=16)


@pytest.mark.parametrize("name", pruning.PUBLISHED_RATIOS)
def test_table_2_follows_from_table_1(name: str) -> None:
    layers = pruning.kept_by_contribution(pruning.PUBLISHED_CONTRIBUTIONS, FULL, *pruning.PUBLISHED_RATIOS[name])
    assert layers == ROWS[name].layers
    assert pruning.pruned_row(FULL, layers, name) == ROWS[name]


@pytest.mark.parametrize(
    ("name", "dropped"), [("dsatrack_d7", {2, 3, 4, 5, 7}), ("dsatrack_d4", {2, 3, 4, 5, 6, 7, 8, 9})]
)
def test_sequential_pruning_takes_the_first_layers_of_each_kind(name: str, dropped: set[int]) -> None:
    assert set(FULL.layers) - set(pruning.kept_in_sequence(FULL, *pruning.PUBLISHED_RATIOS[name])) == dropped


def test_shares_are_rounded_up_exactly() -> None:
    scores = dict.fromkeys(range(2, 13), 0.5)
    assert len(pruning.kept_by_contribution(scores, FULL, Fraction(1, 3), Fraction(0))) == 11
    assert len(pruning.kept_by_contribution(scores, FULL, Fraction(34, 100), Fraction(0))) == 10
    assert len(pruning.kept_by_contribution(scores, FULL, Fraction(0), Fraction(8, 9))) == 4


@pytest.mark.parametrize(
    "ratios", [(Fraction(3, 2), Fraction(0)), (Fraction(0), Fraction(1)), (Fraction(-1), Fraction(0))]
)
def test_impossible_shares_are_refused(ratios: tuple[Fraction, Fraction]) -> None:
    with pytest.raises(InvalidParameter, match="layer 1 left"):
        pruning.kept_by_contribution(pruning.PUBLISHED_CONTRIBUTIONS, FULL, *ratios)


def sequence():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (120, 160, 3), np.uint8) for _ in range(5)]
    boxes: list[Box | None] = [None, Box(60, 40, 20, 16), Box(62, 40, 20, 16), None, Box(64, 41, 20, 16)]
    return images.__getitem__, boxes


def test_frames_of_a_sequence_start_at_the_first_box_and_skip_what_is_unknown() -> None:
    examples = list(pruning.examples_of(*sequence()))
    assert len(examples) == 1  # frame 2 only: 3 has no box, and before 4 the target is not known
    assert examples[0].templates.shape == (3, 128, 128, 3)
    assert examples[0].search.shape == (256, 256, 3)
    assert np.array_equal(examples[0].templates[0], examples[0].templates[2])
    assert list(pruning.examples_of(sequence()[0], [None] * 5)) == []


@pytest.mark.parametrize(
    "form", [Form(), Form(eliminate="both"), Form("joint", "c", "both")], ids=["cross", "both", "joint"]
)
def test_a_block_that_does_nothing_contributes_nothing(form: Form) -> None:
    torch.manual_seed(0)
    network = DsaTrack(SMALL, form).eval()
    idle = network.backbone.blocks[4]  # layer 5
    for layer in (idle.attn.proj, idle.mlp.fc2):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    found = pruning.contributions(network, pruning.examples_of(*sequence()))
    assert list(found) == [2, 3, 4, 5, 6]
    assert found[5] == pytest.approx(0, abs=1e-6)
    assert min(value for layer, value in found.items() if layer != 5) > 1e-4
    assert pruning.kept_by_contribution(found, SMALL, Fraction(0), Fraction(1, 5)) == (1, 2, 3, 4, 6)


def test_contributions_are_one_less_the_cosine() -> None:
    torch.manual_seed(0)
    network = DsaTrack(SMALL).eval()
    (example,) = pruning.examples_of(*sequence())
    found = pruning.contributions(network, [example])
    with torch.inference_mode():
        z = network.backbone.embed_templates(torch.from_numpy(example.templates)[None])
        hidden = network.backbone.both(z, network.backbone.embed_search(torch.from_numpy(example.search)[None])).hidden
    a, b = hidden[2][0].double().numpy(), hidden[3][0].double().numpy()
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert found[3] == pytest.approx(1 - cosine.mean(), abs=1e-9)


def test_no_frame_is_an_error() -> None:
    with pytest.raises(InvalidParameter, match="give sequences with boxes"):
        pruning.contributions(DsaTrack(SMALL).eval(), [])


def test_a_pruned_network_has_the_weights_of_its_layers() -> None:
    network = DsaTrack(SMALL).eval()
    smaller = pruning.prune(network, (1, 3, 4, 6), "smaller")
    assert smaller.row.keep == ((2, 172),)
    for index, layer in enumerate((1, 3, 4, 6)):
        own = smaller.backbone.blocks[index].state_dict()
        assert all(torch.equal(own[k], v) for k, v in network.backbone.blocks[layer - 1].state_dict().items())
    assert torch.equal(smaller.head.score[0].weight, network.head.score[0].weight)
