"""Fine-tuning with self-attention: what it teaches, and that nothing of it flies."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

import onnx  # noqa: E402

from uav_tracker_ros.backends.export import write_onnx  # noqa: E402
from uav_tracker_ros.errors import InvalidParameter, UnknownName  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.graphs import flight_graphs  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths  # noqa: E402
from uav_tracker_ros.training.attention import (  # noqa: E402
    AttentionSettings,
    TemplateAttention,
    loss_with_attention,
)

SMALL = {
    "siamfcpp": lambda: SiamFCpp(Widths((8, 8, 8, 8, 16), 8, (8, 8, 8))),
    "siamcar": lambda: SiamCar(CarWidths((8, 8, 8, 8, 16), (8, 8, 8, 8))),
}


def crops(batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randint(0, 256, (batch, 127, 127, 3), generator=generator),
        torch.randint(0, 256, (batch, 191, 191, 3), generator=generator),
    )


def tracking_loss(maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Any function of every map will do."""
    score, centerness, distances = maps
    return (score - 1).square().mean() + (centerness + 1).square().mean() + (distances.log() - 3).square().mean()


def trained(family: str):
    torch.manual_seed(4)
    network = SMALL[family]().train()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("conv.weight"):
                torch.nn.init.kaiming_normal_(value)
            elif name.endswith("bias"):
                torch.nn.init.normal_(value, std=0.1)  # equal arrays would be written once
    return network, TemplateAttention(16)


def test_parameters_and_heads_of_the_module() -> None:
    assert sum(value.numel() for value in TemplateAttention().parameters()) == 263_168
    assert [TemplateAttention(width).attention.num_heads for width in (256, 154)] == [8, 7]  # full, tied


def test_attention_sees_all_cells_and_no_order() -> None:
    torch.manual_seed(0)
    module = TemplateAttention(16)
    features = torch.randn(2, 16, 6, 6)
    turned = module(features.flip(2, 3)).flip(2, 3)
    assert torch.allclose(module(features), turned, atol=1e-5)
    other = features.clone()
    other[:, :, 5, 5] += 3.0
    assert float((module(other) - module(features))[:, :, 0, 0].detach().abs().max()) > 1e-4


@pytest.mark.parametrize("family", SMALL)
def test_taught_attention_learns_by_tracking_and_draws_the_trunk_to_it(family: str) -> None:
    network, attention = trained(family)
    parts = loss_with_attention(network, attention, crops(), tracking_loss, AttentionSettings())
    expected = parts.tracking + 0.1 * parts.distance + 0.5 * parts.attended
    assert parts.total.item() == pytest.approx(expected.item(), rel=1e-6)
    trunk, heads = list(network.trunk.parameters()), list(network.head.parameters())
    module = list(attention.parameters())

    def reaches(loss: torch.Tensor, parameters: list[torch.Tensor]) -> bool:
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        return any(gradient is not None and float(gradient.abs().max()) > 0 for gradient in found)

    assert [reaches(parts.attended, group) for group in (trunk, heads, module)] == [False, True, True]
    assert [reaches(parts.distance, group) for group in (trunk, heads, module)] == [True, False, False]


def test_the_attended_pass_leaves_running_statistics_alone() -> None:
    (with_attention, attention), (without, _) = trained("siamfcpp"), trained("siamfcpp")
    loss_with_attention(with_attention, attention, crops(), tracking_loss, AttentionSettings())
    template, search = crops()
    without.respond(*(without.trunk(without.normalise(crop)) for crop in (template, search)))
    for (name, found), expected in zip(with_attention.state_dict().items(), without.state_dict().values(), strict=True):
        if name.endswith(("running_mean", "running_var")):
            assert torch.allclose(found, expected, rtol=1e-5), name
    assert with_attention.head.score_template.bn.momentum == 0.1


def test_literal_attention_teaches_itself_away() -> None:
    network, attention = trained("siamfcpp")
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.Adam(attention.parameters(), lr=1e-2)
    settings, distances = AttentionSettings("literal", weight=1.0), []
    batch = crops(1)
    for _ in range(30):
        parts = loss_with_attention(network, attention, batch, lambda maps: maps[0].sum() * 0, settings)
        optimizer.zero_grad()
        parts.total.backward()
        optimizer.step()
        distances.append(parts.distance.item())
    assert distances[-1] < 0.02 * distances[0]


@pytest.mark.parametrize("family", SMALL)
def test_nothing_of_attention_flies(family: str, tmp_path: Path) -> None:
    network, attention = trained(family)
    graphs = {}
    for name in ("p", "ps"):
        if name == "ps":
            loss_with_attention(network, attention, crops(), tracking_loss, AttentionSettings()).total.backward()
        files = write_onnx(flight_graphs(network, 191), tmp_path, name)
        graphs[name] = {
            graph: [(node.op_type, len(node.input)) for node in onnx.load(file).graph.node]
            for graph, file in files.items()
        }
    assert graphs["p"] == graphs["ps"]
    assert "Softmax" not in {operator for operator, _ in graphs["ps"]["template"]}


def test_wrong_settings() -> None:
    with pytest.raises(UnknownName, match="did you mean 'taught'"):
        AttentionSettings("taugt")  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="expected 0 or more"):
        AttentionSettings(weight=-1.0)
