"""The fixed receptive field that the graph is compared with: values by hand, parameters, what it may depend on."""

import plain_dsatrack as plain
import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Form

CELL = 16  # cells of a row of the search region


@pytest.fixture
def make_map(torch):
    from uav_tracker_ros.trackers.dsatrack.semantic_static import StaticMap

    def make(heads: int):
        made = StaticMap(heads, Form(semantics="static")).eval()
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for value in made.parameters():
                value.copy_(torch.randn(value.shape, generator=generator) * 0.5)
        return made

    return make


def test_values_by_hand(torch, make_map) -> None:
    """One cell of one token is 1; a kernel of ones spreads it over 2x2 cells of the corner.

    4 of 512 values are 1: mean 1/128, variance 127/16384; (1 - 1/128) / sqrt(127/16384 + 1e-5) = 11.26217.
    """
    made = make_map(1)
    with torch.no_grad():
        made.conv.weight.fill_(1.0), made.conv.bias.fill_(7.0)  # the norm takes the bias away
        made.gn.weight.fill_(0.5), made.gn.bias.fill_(0.25)
    correlation = torch.zeros(1, 1, 256, 2)
    correlation[0, 0, 0, 0] = 1.0
    with torch.inference_mode():
        semantic = made(correlation[..., :1], correlation[..., :1], correlation, None).correlation[0, 0]
    raised, rest = 0.25 + 0.5 * 11.26217, 0.25 - 0.5 * 0.0886785
    assert semantic[0, 0] == pytest.approx(1 + raised, abs=1e-4)
    for cell in (1, CELL, CELL + 1):
        assert semantic[cell, 0] == pytest.approx(raised, abs=1e-4)
    for cell in (2, CELL - 1, 2 * CELL, 255):  # further away, and across the border
        assert semantic[cell, 0] == pytest.approx(rest, abs=1e-4)
    assert torch.allclose(semantic[:, 1], torch.tensor(rest), atol=1e-4)  # template tokens do not meet


def test_a_kernel_mixes_heads_and_knows_its_direction(torch, make_map) -> None:
    made = make_map(2)
    with torch.no_grad():
        made.conv.weight.zero_(), made.conv.bias.zero_()
        made.conv.weight[1, 0, 0, 1] = 3.0  # head 1 takes three times head 0 of the cell above
        convolved = made.convolved(torch.arange(512.0).reshape(1, 2, 256, 1)).reshape(2, 16, 16)
    assert not convolved[0].any()
    assert not convolved[1, 0].any()
    assert convolved[1, 5, 7] == 3 * (4 * CELL + 7)


def test_masked_tokens_are_as_if_they_were_not_there(torch, make_map) -> None:
    made = make_map(3)
    correlation = torch.randn(2, 3, 256, 60, generator=torch.Generator().manual_seed(1))
    valid = (torch.rand(2, 60, generator=torch.Generator().manual_seed(4)) < 0.7).float()
    with torch.inference_mode():
        seen = made(correlation, correlation, correlation, valid)
        for sample in range(2):
            alive = valid[sample].nonzero()[:, 0]
            expected = plain.graph(made, correlation[sample][:, :, alive])
            assert torch.allclose(seen.correlation[sample][:, :, alive], expected["S"], atol=2e-5, rtol=1e-5)
            assert torch.allclose(seen.relevance[sample][alive], expected["score"], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("semantics", "row", "module", "total"),
    [
        ("static", "dsatrack_vit_b", 80_630, 92_608_359),  # 12 x 12 x 9 + 12, 2 x 12, 79,298
        ("static", "dsatrack_vit_t", 75_932, 8_268_441),  # 3 x 3 x 9 + 3, 2 x 3, 75,842
        ("none", "dsatrack_vit_b", 79_298, 92_604_363),
        ("none", "dsatrack_vit_t", 75_842, 8_268_171),
    ],
)
def test_parameters(torch, semantics: str, row: str, module: int, total: int) -> None:
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    with torch.device("meta"):
        network = DsaTrack(ROWS[row], Form(semantics=semantics))
    for index in network.backbone.keep:
        assert sum(p.numel() for p in network.backbone.blocks[index].attn.dsa.parameters()) == module
    assert sum(p.numel() for p in network.parameters()) == total


def test_a_trunk_starts_without_the_map_and_learns_it(torch, make_map) -> None:
    from uav_tracker_ros.trackers.dsatrack.semantic_static import StaticMap

    made = StaticMap(3, Form(semantics="static")).train()
    correlation = torch.randn(1, 3, 256, 20, generator=torch.Generator().manual_seed(1))
    assert torch.equal(made(correlation, correlation, correlation, None).correlation, correlation)
    assert StaticMap(3, Form("joint", "c", semantics="static")).gn.weight.tolist() == [1, 1, 1]
    optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
    norms = []
    for _ in range(2):
        optimizer.zero_grad()
        seen = made(correlation, correlation, correlation, None)
        ((seen.correlation - 1) ** 2).mean().backward()
        norms.append((float(made.conv.weight.grad.norm()), float(made.gn.weight.grad.norm())))
        optimizer.step()
    assert norms[0][0] == 0
    assert norms[0][1] > 0
    assert norms[1][0] > 0


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="semantics is 'fixed'; expected one of dynamic, static, none"):
        Form(semantics="fixed")
