"""The graph over template tokens: its shortcuts against the full form, its symmetry, its noise and its gradients."""

import plain_dsatrack as plain
import pytest

from uav_tracker_ros.trackers.dsatrack.rows import Form

HEADS, PROBES, NODES = 3, 256, 192


@pytest.fixture(scope="module")
def tensors(torch):
    generator = torch.Generator().manual_seed(2)
    probes = torch.randn(2, HEADS, PROBES, 64, generator=generator) * 0.2 + 0.05
    nodes = torch.randn(2, HEADS, NODES, 64, generator=generator) + 0.3
    return probes, nodes, probes @ nodes.transpose(2, 3)


@pytest.fixture(scope="module")
def make_graph(torch):
    from uav_tracker_ros.trackers.dsatrack.semantic_graph import SemanticGraph

    def make(form: Form | None = None):
        graph = SemanticGraph(HEADS, form or Form())
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for value in graph.parameters():
                value.copy_(torch.randn(value.shape, generator=generator) * 0.5)
        return graph.eval()

    return make


@pytest.mark.parametrize("form", [Form(), Form(normalise="sym"), Form(edges="hard")], ids=["mean", "sym", "hard"])
def test_shortcuts_equal_the_full_form(torch, make_graph, tensors, form: Form) -> None:
    graph = make_graph(form)
    with torch.inference_mode():
        seen = graph(*tensors, None)
        for sample in range(2):
            full = plain.graph(graph, tensors[2][sample])
            assert torch.allclose(seen.correlation[sample], full["S"], atol=2e-5, rtol=1e-5)
            assert torch.allclose(seen.relevance[sample], full["score"], atol=2e-5, rtol=1e-5)


def test_masked_nodes_are_as_if_they_were_not_there(torch, make_graph, tensors) -> None:
    graph = make_graph()
    valid = (torch.rand(2, NODES, generator=torch.Generator().manual_seed(4)) < 0.7).float()
    with torch.inference_mode():
        seen = graph(*tensors, valid)
        for sample in range(2):
            alive = valid[sample].nonzero()[:, 0]
            full = plain.graph(graph, tensors[2][sample][:, :, alive])
            assert torch.allclose(seen.correlation[sample][:, :, alive], full["S"], atol=2e-5, rtol=1e-5)
            assert torch.allclose(seen.relevance[sample][alive], full["score"], atol=2e-5, rtol=1e-5)


def test_edges_are_exactly_symmetric_and_rows_sum_to_one(torch, make_graph, tensors) -> None:
    graph = make_graph()
    relation = torch.randn(2, NODES, NODES)
    for training in (False, True):
        graph.train(training)
        edges, _ = graph.edges(relation)
        assert torch.equal(edges, edges.transpose(1, 2))
        smoothing = graph.smoothing(edges, None)
        assert torch.allclose(smoothing.sum(2), torch.ones(2, NODES), atol=1e-6)
        assert (smoothing.diagonal(dim1=1, dim2=2) > 0).all()


def test_no_edge_changes_nothing_and_all_edges_make_one_mean(torch, make_graph) -> None:
    graph = make_graph()
    none, every = torch.zeros(1, NODES, NODES), torch.ones(1, NODES, NODES)
    assert torch.equal(graph.smoothing(none, None)[0], torch.eye(NODES))
    assert torch.equal(graph.smoothing(none, torch.zeros(1, NODES))[0], torch.eye(NODES))
    assert torch.allclose(graph.smoothing(every, None), torch.full((1, NODES, NODES), 1 / NODES))


def test_hard_edges_by_their_roots_equal_those_of_the_network(torch, make_graph) -> None:
    from uav_tracker_ros.trackers.dsatrack.semantic_graph import class_gap, edge_roots

    form = Form(edges="hard")
    relation = torch.randn(1, NODES, NODES) * 30
    with torch.inference_mode():
        graph = make_graph(form)
        first, roots = edge_roots(graph)
        gap = class_gap(graph.edge, relation.triu().flatten()[:, None])
        by_network, _ = graph.edges(relation)
        graph.roots = (first, roots)
        by_roots, _ = graph.edges(relation)
    decided = (gap.reshape(NODES, NODES).abs() > 1e-6).triu()
    decided = (decided | decided.T)[None]
    assert roots
    assert not ((by_network != by_roots) & decided).any()
    assert 0.01 < by_roots.mean() < 0.99  # both kinds occur


def test_training_without_noise_draws_the_hard_edges_exactly(torch, make_graph, tensors) -> None:
    hard = make_graph(Form(edges="hard"))
    with torch.inference_mode():
        expected = hard(*tensors, None)
        hard.train()
        hard.noise = 0.0
        found = hard(*tensors, None)
    assert torch.equal(expected.correlation, found.correlation)


def test_noise_keeps_an_edge_as_often_as_its_probability_says(torch) -> None:
    from uav_tracker_ros.trackers.dsatrack.semantic_graph import straight_through

    torch.manual_seed(0)
    gap = torch.full((200_000,), 1.0)
    kept = straight_through(gap, 1.0)
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert kept.mean() == pytest.approx(float(torch.sigmoid(torch.tensor(1.0))), abs=0.005)


def test_gradients_with_a_map_of_scale_zero(torch, make_graph, tensors) -> None:
    """The scale learns from the first step; edges and mixing only once it is not zero."""
    graph = make_graph().train()
    torch.nn.init.zeros_(graph.gn.weight)
    target = torch.randn(tensors[2].shape, generator=torch.Generator().manual_seed(9))
    optimizer = torch.optim.SGD(graph.parameters(), lr=0.1)
    norms = []
    for _ in range(2):
        torch.manual_seed(1)
        optimizer.zero_grad()
        seen = graph(*tensors, None)
        (((seen.correlation - target) ** 2).mean() + (seen.relevance.sigmoid().mean() - 0.9) ** 2).backward()
        norms.append({name: float(p.grad.norm()) for name, p in graph.named_parameters() if p.grad is not None})
        optimizer.step()
    first, second = norms
    of = lambda norms, part: sum(value for name, value in norms.items() if name.startswith(part))  # noqa: E731
    assert of(first, "edge") == of(first, "mix") == 0
    assert of(first, "gn.weight") > 0
    assert of(first, "rank") > 0
    assert of(second, "edge") > 0
    assert of(second, "mix") > 0


def test_the_choice_of_tokens_learns_from_the_attention(torch, small_network, crops) -> None:
    """Not only from the share of kept tokens; also where a sample drops every token."""
    network = small_network(Form(logits="c")).train()
    with torch.no_grad():
        network.backbone.blocks[2].attn.dsa.rank[-1].bias[1] += 1000
    torch.manual_seed(0)
    maps, seen = network(crops[0][:1], crops[1][:1])
    maps.logit.square().sum().backward()
    first = min(network.backbone.keep)
    assert network.backbone.blocks[first].attn.dsa.rank[0].weight.grad.norm() > 0
    for parameter in network.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()
    assert [mask.sum() for mask in seen.kept][1:] == [0, 0]


def test_training_without_elimination_masks_nothing(torch, small_network, crops) -> None:
    network = small_network(Form(logits="c"))
    plain_network = small_network(Form(logits="c", eliminate="off"))
    network.train(), plain_network.train()
    for module in [*network.modules(), *plain_network.modules()]:
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    network.backbone.eliminating = False
    with torch.no_grad():
        judged, plain_pass = network(*crops), plain_network(*crops)
    assert torch.equal(judged[0].score, plain_pass[0].score)
    assert len(judged[1].kept) == 3
