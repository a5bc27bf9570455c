"""DSATrack written a second time, as plainly as the formulas allow: full matrices, gathers, no cache, no masks.

Takes a network's weights, follows no line of its program. One sample at a time; used to check the fast form.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def heads_of(linear_out: Tensor, heads: int) -> Tensor:
    return linear_out.reshape(len(linear_out), heads, 64).transpose(0, 1)  # (h, N, 64)


def project(block, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = block.attn.qkv(block.norm1(x)).chunk(3, -1)
    return tuple(heads_of(part, block.attn.heads) for part in (q / 8, k, v))


def finish(block, x: Tensor, attended: Tensor) -> Tensor:
    x = x + block.attn.proj(attended.transpose(0, 1).flatten(1))
    return x + block.mlp.fc2(functional.gelu(block.mlp.fc1(block.norm2(x))))


def graph(dsa, correlation: Tensor) -> dict[str, Tensor]:
    """correlation (h, m, n) of the nodes that are there -> everything the module computes."""
    if dsa_form(dsa) != "dynamic":
        return fixed(dsa, correlation)
    n = correlation.shape[2]
    v = correlation.mean(1)  # (h, n)
    relation = torch.einsum("hi,hj->ij", v, v)
    logits = dsa.edge(relation.reshape(-1, 1)).reshape(n, n, 2)
    gap = logits[..., 0] - logits[..., 1]
    edges = gap.sigmoid() if dsa.form.edges == "mean" else (gap >= 0).float()
    with_self = torch.maximum(edges, torch.eye(n))
    if dsa.form.normalise == "row":
        smoothing = with_self / with_self.sum(1, keepdim=True)
    else:
        root = torch.diag(with_self.sum(1) ** -0.5)
        smoothing = root @ with_self @ root
    smoothed = torch.einsum("ij,hmj->hmi", smoothing, correlation)
    mixed = dsa.mix(smoothed.permute(1, 2, 0))  # (m, n, h)
    normed = dsa.gn(mixed.permute(2, 0, 1)[None])[0]
    semantic = correlation + normed
    two = dsa.rank(semantic.mean(1).T)
    return {"S": semantic, "relation": relation, "E": edges, "P": smoothing, "score": two[:, 0] - two[:, 1]}


def dsa_form(dsa) -> str:
    return "dynamic" if hasattr(dsa, "edge") else "static" if hasattr(dsa, "conv") else "none"


def fixed(dsa, correlation: Tensor) -> dict[str, Tensor]:
    """The two forms without a graph: the sum over a cell's neighbours written as nine shifted copies, or nothing."""
    semantic = correlation
    if dsa_form(dsa) == "static":
        heads, _, n = correlation.shape
        frame = torch.zeros(heads, 18, 18, n)
        frame[:, 1:17, 1:17] = correlation.reshape(heads, 16, 16, n)
        total = dsa.conv.bias[:, None, None, None].expand(heads, 16, 16, n).clone()
        for dy in range(3):
            for dx in range(3):
                total += torch.einsum(
                    "gh,hyxn->gyxn", dsa.conv.weight[:, :, dy, dx], frame[:, dy : dy + 16, dx : dx + 16]
                )
        semantic = correlation + dsa.gn(total.reshape(1, heads, 256, n))[0]
    two = dsa.rank(semantic.mean(1).T)
    return {"S": semantic, "score": two[:, 0] - two[:, 1]}


def best(score: Tensor, count: int) -> Tensor:
    order = sorted(range(len(score)), key=lambda i: (-float(score[i]), i))
    return torch.tensor(sorted(order[:count]))


def one_pass(network, z: Tensor, x: Tensor) -> dict[str, object]:
    """Template tokens (n, D), search tokens (256, D) -> search features, maps, survivors, hidden states."""
    form, backbone = network.form, network.backbone
    alive, survivors, graphs, hidden = torch.arange(len(z)), [], [], [(z, x)]
    for index, block in enumerate(backbone.blocks):
        q_z, k_z, v_z = project(block, z)
        q_x, k_x, v_x = project(block, x)
        seen = alive if form.eliminate == "cross" else torch.arange(len(z))  # rows of z that search rows may read
        cross = q_x @ k_z[:, seen].mT
        if index in backbone.keep:
            found = graph(block.attn.dsa, cross if form.attention == "hybrid" else k_x @ q_z[:, seen].mT)
            graphs.append(found)
            cross = found["S"] if form.logits == "s" else cross
            if form.eliminate != "off":
                stay = best(found["score"], backbone.keep[index])
                cross, seen, alive = cross[:, :, stay], seen[stay], alive[stay]
                survivors.append(alive)
        weights = torch.cat([cross, q_x @ k_x.mT], 2).softmax(2)
        new_x = finish(block, x, weights @ torch.cat([v_z[:, seen], v_x], 1))
        keys = seen if form.eliminate == "both" else torch.arange(len(z))
        own, values = q_z @ k_z[:, keys].mT, v_z[:, keys]
        if form.attention == "joint":
            own, values = torch.cat([own, q_z @ k_x.mT], 2), torch.cat([values, v_x], 1)
        new_z = finish(block, z, own.softmax(2) @ values)
        z, x = (new_z[seen] if form.eliminate == "both" else new_z), new_x
        hidden.append((z, x))
    mass = weights[:, :, : len(seen)].sum(2).mean(0)
    features = backbone.norm(x)
    return {"features": features, "mass": mass, "survivors": survivors, "graphs": graphs, "hidden": hidden}
