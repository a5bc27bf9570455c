"""Multiply-adds of a row's graphs, counted from its sizes. Knows no torch.

Counted: linear layers, convolutions, products of attention and of the graph over tokens. Not counted: softmax,
normalisation, activations. Dropped tokens count as computed, since they are masked and not removed.
"""

from __future__ import annotations

from uav_tracker_ros.trackers.dsatrack.rows import MAP, SEARCH_TOKENS, SLOT, STRIDE, Row

_PATCH = 3 * STRIDE * STRIDE
_EDGE = 1 * 16 + 16 * 8 + 8 * 1  # multiply-adds of one edge; only the difference of its two classes is computed


def head(row: Row) -> int:
    """Three branches on 16x16 cells."""
    total = 0
    for outputs in (1, 2, 2):
        width = row.width
        for number in range(4):
            total += 9 * width * (row.head_channels >> number)
            width = row.head_channels >> number
        total += width * outputs
    return total * MAP * MAP


def track(row: Row) -> int:
    """One search region on cached keys and values: every frame."""
    x, n, keep = SEARCH_TOKENS, row.tokens, dict(row.keep)
    total = x * _PATCH * row.width + head(row)
    for index in range(len(row.layers)):
        total += _linear(row, x) + 2 * x * (x + n) * row.width
        total += _graph(row, n) if index in keep else 0
    return total


def template(row: Row) -> int:
    """Patch embedding of one template; keys and values of the memory for every block."""
    return SLOT * _PATCH * row.width + _stream(row, row.tokens)


def update(row: Row) -> int:
    """A new memory: ranking pass over the old one and a newer template, then keys and values (rows with a graph)."""
    n, first = row.tokens + SLOT, min(dict(row.keep))
    total = (SLOT + SEARCH_TOKENS) * _PATCH * row.width
    total += first * (_linear(row, n + SEARCH_TOKENS) + 2 * n * n * row.width)
    total += first * 2 * SEARCH_TOKENS * (SEARCH_TOKENS + n) * row.width
    total += (n + SEARCH_TOKENS) * 3 * row.width**2 + SEARCH_TOKENS * n * row.width + _graph(row, n)
    return total + _stream(row, row.tokens)


def joint(row: Row) -> int:
    """The authors' form: both streams every frame, dropped tokens removed from both; attention products included."""
    return _joint(row, products=True, normalised=0)


def published(row: Row) -> int:
    """What the paper's table 10 counts: as :func:`joint` without products of attention and graph, 4 a normed value.

    Graphs of later blocks have their nodes cut to a multiple of 64, as the authors' program does.
    """
    return _joint(row, products=False, normalised=4)


def _joint(row: Row, *, products: bool, normalised: int) -> int:
    n, keep, d = row.tokens, dict(row.keep), row.width
    total = (n + SEARCH_TOKENS) * _PATCH * d + head(row)
    total += normalised * 3 * MAP * MAP * sum(row.head_channels >> number for number in range(4))
    for index in range(len(row.layers)):
        rows, after = n + SEARCH_TOKENS, keep.get(index, n)
        left = after + SEARCH_TOKENS
        total += rows * 3 * d * d + left * 9 * d * d + normalised * (rows + left) * d
        total += 2 * rows * rows * d if products else 0
        if index in keep:
            nodes = n if products else n // SLOT * SLOT
            total += _graph(row, nodes) if products else _graph_layers(row, nodes, n)
            total += normalised * row.heads * nodes * SEARCH_TOKENS
        n = after
    return total + normalised * (n + SEARCH_TOKENS) * d


def _linear(row: Row, tokens: int) -> int:
    """qkv, projection and MLP."""
    return tokens * 12 * row.width**2


def _stream(row: Row, n: int) -> int:
    """Template stream; the last block gives keys and values only."""
    full = len(row.layers) - 1
    return full * (_linear(row, n) + 2 * n * n * row.width) + n * 3 * row.width**2


def _graph_layers(row: Row, nodes: int, tokens: int) -> int:
    ranked = row.heads * 384 + 384 * 192 + 192 * 2
    return nodes * nodes * (16 + 16 * 8 + 8 * 2) + nodes * SEARCH_TOKENS * row.heads**2 + tokens * ranked


def _graph(row: Row, n: int) -> int:
    """Relations, edges (one triangle), smoothed keys, their correlation, mixing of heads, ranking."""
    total = n * n * row.heads + n * (n + 1) // 2 * _EDGE
    total += n * n * row.width + SEARCH_TOKENS * n * row.width + SEARCH_TOKENS * n * row.heads**2
    return total + n * (row.heads * 384 + 384 * 192 + 192)
