"""Every row of the family: parameters to the digit, multiply-adds within half a percent, blocks as in the paper."""

from dataclasses import replace

import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.trackers.dsatrack import cost
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Form
from uav_tracker_ros.trackers.model_table import read_table

# name: layers, parameters, of them positions, kept tokens
TABLE = {
    "dsatrack_vit_b": ("1 2 3 4 5 6 7 8 9 10 11 12", 92_605_461, 245_760, ((3, 172), (6, 153), (9, 134))),
    "dsatrack_d8": ("1 2 3 4 5 8 11 12", 64_094_645, 245_760, ((3, 172),)),
    "dsatrack_d7": ("1 2 3 4 5 11 12", 57_006_773, 245_760, ((3, 172),)),
    "dsatrack_d6": ("1 2 3 4 11 12", 49_918_901, 245_760, ((3, 172),)),
    "dsatrack_d4": ("1 2 4 12", 35_743_157, 245_760, ((2, 172),)),
    "dsatrack_vit_t": ("1 2 3 4 5 6 7 8 9 10 11 12", 8_268_783, 61_440, ((3, 172), (6, 153), (9, 134))),
    "dsatrack_deit_t": ("1 2 3 4 5 6 7 8 9 10 11 12", 8_268_783, 61_440, ((3, 172), (6, 153), (9, 134))),
    "eatrack": ("1 2 3 4 6 8 10 12", 6_261_189, 61_440, ()),
}
# what the paper's table 10 prints of parameters without positions (M) and operations (G)
PRINTED = {"dsatrack_d7": (56.76, 23.64), "dsatrack_d4": (35.50, 14.12), "dsatrack_vit_t": (8.21, 2.99)}


def test_the_rows_are_these() -> None:
    assert ROWS.keys() == TABLE.keys()


@pytest.mark.parametrize("name", TABLE)
def test_parameters_and_blocks(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the network's module needs torch: pip install -e .[train]")
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    layers, params, positions, keep = TABLE[name]
    with torch.device("meta"):
        network = DsaTrack(ROWS[name])
    counts = {key: value.numel() for key, value in network.named_parameters()}
    assert " ".join(map(str, ROWS[name].layers)) == layers
    assert ROWS[name].keep == keep
    assert sum(counts.values()) == params
    assert sum(count for key, count in counts.items() if "pos_embed" in key) == positions
    block = {768: 7_087_872, 192: 444_864}[ROWS[name].width]
    module = {768: 79_664, 192: 76_046}[ROWS[name].width]
    for index in range(len(ROWS[name].layers)):
        mine = sum(count for key, count in counts.items() if key.startswith(f"backbone.blocks.{index}."))
        assert mine == block + (module if index in dict(keep) else 0)
    assert (
        sum(count for key, count in counts.items() if key.startswith("head."))
        == ({768: 6_474_117, 192: 2_492_805}[ROWS[name].width])
    )


def test_a_head_of_128_channels_is_smaller() -> None:
    torch = pytest.importorskip("torch", reason="the network's module needs torch: pip install -e .[train]")
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in DsaTrack(replace(ROWS[name], head_channels=128)).parameters())
            for name in ("dsatrack_vit_t", "eatrack")
        ]
    assert sizes == [6_732_079, 4_724_485]


@pytest.mark.parametrize("name", PRINTED)
def test_the_papers_table(name: str) -> None:
    _, params, positions, _ = TABLE[name]
    millions, operations = PRINTED[name]
    assert (params - positions) / 1e6 == pytest.approx(millions, abs=0.005)
    # the authors' shortest row has its semantic-aware module on the first block
    row = replace(ROWS[name], keep=((0, 172),)) if name == "dsatrack_d4" else ROWS[name]
    assert cost.published(row) / 1e9 == pytest.approx(operations, rel=5e-3)


@pytest.mark.parametrize(
    ("name", "published", "joint", "track"),
    [
        ("dsatrack_vit_b", 37.692, 41.11, 25.95),
        ("dsatrack_d8", 26.668, 29.06, 17.81),
        ("dsatrack_d7", 23.636, 25.74, 15.82),
        ("dsatrack_d6", 20.604, 22.43, 13.83),
        ("dsatrack_d4", 14.398, 15.64, 9.85),
        ("dsatrack_vit_t", 2.993, 3.85, 2.67),
        ("dsatrack_deit_t", 2.993, 3.85, 2.67),
    ],
)
def test_multiply_adds(name: str, published: float, joint: float, track: float) -> None:
    row = ROWS[name]
    found = [function(row) / 1e9 for function in (cost.published, cost.joint, cost.track)]
    assert found == pytest.approx([published, joint, track], rel=5e-3)


def test_cached_hybrid_attention_needs_less_than_three_quarters_of_joint() -> None:
    for row in ROWS.values():
        if row.keep:
            assert cost.track(row) <= 0.7 * cost.joint(row)


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_models_agrees(name: str) -> None:
    row = read_table()[name]
    assert row.params == TABLE[name][1]
    assert row.macs == pytest.approx(cost.track(ROWS[name]), rel=5e-3)
    assert row.template_macs == pytest.approx(cost.template(ROWS[name]), rel=5e-3)


def test_a_wrong_form_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match="attention is 'mixed'; expected one of hybrid, joint"):
        Form(attention="mixed")
