"""The network against its plain second writing, and the laws its forms must keep."""

from dataclasses import replace

import plain_dsatrack as plain
import pytest
from dsatrack_small import SMALL

from uav_tracker_ros.trackers.dsatrack.rows import PUBLISHED, ROWS, Form

FORMS = [
    pytest.param(Form(), id="hybrid-s-cross"),
    pytest.param(Form(logits="c"), id="hybrid-c-cross"),
    pytest.param(Form(eliminate="off"), id="hybrid-s-off"),
    pytest.param(Form(eliminate="both"), id="hybrid-s-both"),
    pytest.param(Form(edges="hard", normalise="sym"), id="hard-sym"),
    pytest.param(Form(semantics="static"), id="static"),
    pytest.param(Form(semantics="none"), id="none"),
    pytest.param(PUBLISHED, id="joint-c-both"),
    pytest.param(replace(PUBLISHED, semantics="static"), id="joint-static"),
    pytest.param(replace(PUBLISHED, eliminate="cross"), id="joint-c-cross"),
]


def embedded(network, crops):
    templates, search = crops
    return network.backbone.embed_templates(templates), network.backbone.embed_search(search)


def close(torch, a, b, tolerance: float) -> bool:
    return bool(torch.allclose(a, b, atol=tolerance, rtol=tolerance))


@pytest.mark.parametrize("form", FORMS)
def test_both_streams_equal_the_plain_form(torch, small_network, crops, form: Form) -> None:
    """Masked elimination over three blocks equals leaving tokens out; batches do not mix."""
    network = small_network(form)
    with torch.inference_mode():
        z, x = embedded(network, crops)
        seen = network.backbone.both(z, x)
        for sample in range(2):
            expected = plain.one_pass(network, z[sample], x[sample])
            assert close(torch, seen.features[sample], expected["features"], 2e-5)
            assert close(torch, seen.mass[sample], expected["mass"], 1e-5)
            if form.eliminate == "cross":
                for mask, survivors in zip(seen.kept, expected["survivors"], strict=True):
                    assert mask[sample].nonzero()[:, 0].tolist() == survivors.tolist()


@pytest.mark.parametrize("form", [param for param in FORMS if param.values[0].cached])
def test_cached_keys_equal_one_pass_of_both_streams(torch, small_network, crops, form: Form) -> None:
    network = small_network(form)
    with torch.inference_mode():
        z, x = embedded(network, crops)
        cached = network.backbone.search(x, *network.backbone.remember(z))
        full = network.backbone.both(z, x)
    assert close(torch, cached.features, full.features, 1e-5)
    assert close(torch, cached.mass, full.mass, 1e-6)
    assert all(torch.equal(a, b) for a, b in zip(cached.kept, full.kept, strict=True))


def test_tokens_kept_are_nested_and_counted(torch, small_network, crops) -> None:
    network = small_network()
    with torch.inference_mode():
        seen = network(*crops)[1]
    assert [mask.sum(1).tolist() for mask in seen.kept] == [[172, 172], [153, 153], [134, 134]]
    for earlier, later in zip(seen.kept, seen.kept[1:], strict=False):
        assert (later <= earlier).all()


@pytest.mark.parametrize("form", [Form(eliminate="both"), PUBLISHED], ids=["hybrid", "joint"])
def test_gathered_elimination_equals_masked(torch, small_network, crops, form: Form) -> None:
    network = small_network(form)
    with torch.inference_mode():
        z, x = embedded(network, crops)
        masked, gathered = network.backbone.both(z, x), network.backbone.both(z, x, gather=True)
    assert close(torch, masked.features, gathered.features, 1e-5)
    assert [hidden.shape[1] for hidden in gathered.hidden] == [448, 448, 428, 409, 390]


def test_a_map_of_scale_zero_is_plain_hybrid_attention_bit_for_bit(torch, small_network, crops) -> None:
    answers = []
    for form in (Form(eliminate="off"), Form(logits="c", eliminate="off")):
        network = small_network(form)
        for index in network.backbone.keep:
            torch.nn.init.zeros_(network.backbone.blocks[index].attn.dsa.gn.weight)
            torch.nn.init.zeros_(network.backbone.blocks[index].attn.dsa.gn.bias)
        with torch.inference_mode():
            answers.append(network(*crops))
    assert all(torch.equal(a, b) for a, b in zip(answers[0][0], answers[1][0], strict=True))
    without = small_network(Form(), replace(SMALL, keep=()))
    without.load_state_dict(
        {key: value for key, value in network.state_dict().items() if ".dsa." not in key}, strict=True
    )
    with torch.inference_mode():
        assert torch.equal(without(*crops)[0].score, answers[0][0].score)


@pytest.mark.parametrize("form", [Form(), Form(semantics="static")], ids=["dynamic", "static"])
def test_order_of_template_tokens_does_not_matter(torch, small_network, crops, form: Form) -> None:
    network = small_network(form)
    shuffled = torch.randperm(192, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        z, x = embedded(network, crops)
        keys, values = network.backbone.remember(z)
        a = network.backbone.search(x, keys, values)
        b = network.backbone.search(x, keys[:, :, :, shuffled], values[:, :, :, shuffled])
    assert close(torch, a.features, b.features, 1e-5)
    assert torch.equal(a.kept[-1][:, shuffled], b.kept[-1])


def test_copies_of_a_template_are_one_template_repeated(torch, small_network, crops) -> None:
    network = small_network()
    with torch.inference_mode():
        _, keys, values = network.template(crops[0][:, 0])
        one = network.backbone.remember(network.backbone.embed_templates(crops[0][:, :1]))
    for three, single in zip((keys, values), one, strict=True):
        assert close(torch, three, single.repeat(1, 1, 1, 3, 1), 1e-4)


def test_a_batch_is_its_samples_one_by_one(torch, small_network, crops) -> None:
    network = small_network()
    with torch.inference_mode():
        together = network(*crops)[0]
        alone = network(crops[0][1:], crops[1][1:])[0]
    for a, b in zip(together, alone, strict=True):
        assert close(torch, a[1:], b, 1e-5)


def test_inference_draws_no_random_number_and_repeats_itself(torch, small_network, crops, monkeypatch) -> None:
    network = small_network()
    for name in ("rand", "rand_like", "randn", "randn_like", "bernoulli", "multinomial"):
        monkeypatch.setattr(torch, name, lambda *_, **__: pytest.fail("a random number at inference"))
    with torch.inference_mode():
        first, second = network(*crops)[0], network(*crops)[0]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("form", [Form(), PUBLISHED], ids=["hybrid", "joint"])
def test_update_keeps_the_first_template_and_the_most_relevant_tokens(torch, small_network, crops, form: Form) -> None:
    network = small_network(form)
    with torch.inference_mode():
        memory = network.backbone.embed_templates(crops[0])
        newer = crops[0].flip(2)[:, 0]
        updated, *state = network.update(memory, newer, crops[1])
        candidates = torch.cat([memory, network.backbone.embed_templates(newer[:, None])], 1)
        x = network.backbone.embed_search(crops[1])
        first = replace(SMALL, layers=(1, 2), keep=((1, 134),))  # up to the first graph, nothing dropped before it
        short = small_network(form, first)
        short.backbone.blocks.load_state_dict(network.backbone.blocks[:2].state_dict())
        for sample in range(2):
            scores = plain.one_pass(short, candidates[sample], x[sample])["graphs"][0]["score"]
            chosen = plain.best(scores[64:], 128) + 64
            assert torch.equal(updated[sample, :64], memory[sample, :64])
            assert torch.equal(updated[sample, 64:], candidates[sample, chosen])
        if form.cached:
            assert all(torch.equal(a, b) for a, b in zip(state, network.backbone.remember(updated), strict=True))
    assert updated.shape == memory.shape


def test_of_more_templates_the_best_tokens_are_learned_from(torch, small_network, crops) -> None:
    network = small_network()
    six = torch.cat([crops[0], crops[0].flip(1)], 1)
    with torch.no_grad():
        condensed = network._condensed(network.backbone.embed_templates(six), network.backbone.embed_search(crops[1]))
        again = network(six, crops[1])[0].score
        seen = network.backbone.search(network.backbone.embed_search(crops[1]), *network.backbone.remember(condensed))
    assert condensed.shape == (2, 192, 128)
    assert torch.equal(again, network.head(seen.features).score)
    network.train()
    network(six, crops[1])[0].logit.sum().backward()
    assert network.backbone.pos_embed_z.grad.abs().sum() > 0


def test_blend_moves_the_adapted_half_only(torch, small_network, crops) -> None:
    network = small_network(row=replace(SMALL, keep=(), slots=2))
    with torch.inference_mode():
        memory, keys, _ = network.template(crops[0][:, 0])
        new = network.backbone.embed_templates(crops[0][:, 1:2])
        half, *_ = network.blend(memory, crops[0][:, 1], torch.tensor([0.5]))
        still, same_keys, _ = network.blend(memory, crops[0][:, 1], torch.tensor([0.0]))
    assert torch.equal(half[:, :64], memory[:, :64])
    assert close(torch, half[:, 64:], (memory[:, 64:] + new) / 2, 1e-6)
    assert torch.equal(still, memory)
    assert torch.equal(same_keys, keys)


def test_of_equal_scores_the_first_tokens_stay(torch) -> None:
    from uav_tracker_ros.trackers.dsatrack.network import keep_best

    score = torch.tensor([[1.0, 2.0, 1.0, 1.0, 5.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    assert keep_best(score, None, 3).tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 0, 0]]
    valid = torch.tensor([[1.0, 0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0, 1.0]])
    assert keep_best(score, valid, 2).tolist() == [[1, 0, 1, 0, 0], [0, 1, 1, 0, 0]]


def test_rows_of_the_table_run(torch, crops) -> None:
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    network = DsaTrack(ROWS["eatrack"]).eval()
    with torch.inference_mode():
        _, keys, values = network.template(crops[0][:1, 0])
        score, size, offset, mass = network.track(crops[1][:1], keys, values)
    assert keys.shape == values.shape == (1, 8, 3, 128, 64)
    assert (score.shape, size.shape, offset.shape) == ((1, 1, 16, 16), (1, 2, 16, 16), (1, 2, 16, 16))
    assert ((mass > 0) & (mass < 1)).all()
