"""One function of a torch network as a graph: what the torch backend runs and what is exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor, nn


class Graph(NamedTuple):
    """A function with constant shapes and names for its inputs and outputs."""

    network: nn.Module  # holds the function's weights; in eval mode
    function: Callable[..., Sequence[Any]]  # tensors in, tensors out
    inputs: dict[str, Tensor]  # examples by name, in the function's order
    outputs: tuple[str, ...]
