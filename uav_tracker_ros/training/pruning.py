"""Remove filters of ``siamfcpp`` and ``siamcar`` and carry the rest of the weights over exactly.

Source: the global filter pruning of P-SiamFC++ and PS-SiamFC++ (their equations 2 and 3): one share rho of the
filters of each prunable layer goes, those whose maps have the lowest average rank (``pruning_criterion.py``).

Which layers are prunable: conv1 to conv4 and the tower convolutions that feed one plain convolution each. The
others are tied: conv5 feeds both branches, the adjusting layers meet channel by channel in the correlation, the
last tower convolution feeds the outputs. So the count of the paper (60 % of the parameters at rho = 0.4) is met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor, nn

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar
from uav_tracker_ros.trackers.siamfcpp.network import TEMPLATE_PX, SiamFCpp, Widths
from uav_tracker_ros.training.networks import Network


class Layer(NamedTuple):
    """Blocks that lose the same output channels, and the blocks that read them."""

    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    @property
    def name(self) -> str:
        """The producers in one word."""
        return "+".join(self.producers)


_TRUNK = tuple(Layer((f"trunk.conv{n}",), (f"trunk.conv{n + 1}",)) for n in range(1, 5))


def _towers(first: int) -> tuple[Layer, ...]:
    return tuple(
        Layer((f"head.{tower}_tower.{n}",), (f"head.{tower}_tower.{n + 1}",))
        for tower in ("score", "box")
        for n in (first, first + 1)
    )


_OUTPUTS = {"score": ("head.score", "head.centerness"), "box": ("head.reach",)}
_SIAMFCPP = (*_TRUNK, *_towers(0))
_SIAMFCPP_TIED = (
    *_SIAMFCPP,
    Layer(("trunk.conv5",), tuple(f"head.{map_}_{of}" for map_ in ("score", "box") for of in ("template", "search"))),
    *(Layer((f"head.{map_}_template", f"head.{map_}_search"), (f"head.{map_}_tower.0",)) for map_ in ("score", "box")),
    *(Layer((f"head.{tower}_tower.2",), readers) for tower, readers in _OUTPUTS.items()),
)
# towers of four: the last two go, which alone reaches the paper's 60 %
_SIAMCAR = (
    *_TRUNK,
    *(Layer((f"head.{tower}_tower.2",), (f"head.{tower}_tower.3",)) for tower in ("score", "box")),
    *(Layer((f"head.{tower}_tower.3",), readers) for tower, readers in _OUTPUTS.items()),
)


def layers_of(network: Network, *, tied: bool = False) -> tuple[Layer, ...]:
    """What is prunable.

    Args:
        network: of either family.
        tied: also conv5, the adjusting layers in pairs and the last tower convolution (siamfcpp only).

    Raises:
        InvalidParameter: ``tied`` with siamcar.
    """
    if isinstance(network, SiamFCpp):
        return _SIAMFCPP_TIED if tied else _SIAMFCPP
    if tied:
        raise InvalidParameter("tied pruning was asked for siamcar; expected siamfcpp: leave the option out")
    return _SIAMCAR


def kept_count(filters: int, rho: float) -> int:
    """N - floor(rho n), with rho taken as the decimal number it is written as.

    Raises:
        InvalidParameter: rho outside 0 to 1, 1 excluded.
    """
    if not 0 <= rho < 1:
        raise InvalidParameter(f"rho is {rho}; expected 0 to below 1, the share of filters to remove: choose e.g. 0.4")
    return filters - math.floor(Fraction(repr(float(rho))) * filters)


def pruned(network: Network, kept: Mapping[Layer, Tensor]) -> Network:
    """A new network without the filters that are not kept; every other number is the same. In eval mode.

    Args:
        network: not changed.
        kept: of each layer the ascending indices (int64) of the filters that stay; absent layers stay whole.
    """
    of_output = {block: index for layer, index in kept.items() for block in layer.producers}
    of_input = {block: index for layer, index in kept.items() for block in layer.consumers}
    state = {}
    for name, value in network.state_dict().items():
        block = name.rsplit(".", 2)[0]  # "trunk.conv1.bn.weight" -> "trunk.conv1"
        if value.ndim and block in of_output:
            value = value[of_output[block].to(value.device)]
        if value.ndim == 4 and block in of_input:
            value = value[:, of_input[block].to(value.device)]
        state[name] = value.clone()
    result = like(network, {name: tuple(value.shape) for name, value in state.items()})
    result.load_state_dict(state)
    return result.eval()


def like(network: Network, shapes: Mapping[str, tuple[int, ...]]) -> Network:
    """A new network of the same family whose weights have these shapes."""
    if isinstance(network, SiamFCpp):
        return SiamFCpp(Widths.of(shapes))
    return SiamCar(CarWidths.of(shapes))


def parameters(network: nn.Module) -> int:
    """Every learnable number."""
    return sum(value.numel() for value in network.parameters())


def track_macs(network: Network, search_px: int) -> int:
    """Multiply-adds of one search: convolutions and correlations."""
    correlated: list[int] = []  # cells of each tower's input
    hooks = [
        tower.register_forward_pre_hook(lambda _, inputs: correlated.append(inputs[0].shape[-1] ** 2))
        for tower in (network.head.score_tower, network.head.box_tower)
    ]
    crop = torch.zeros(1, search_px, search_px, 3, dtype=torch.uint8)
    try:
        with torch.inference_mode():
            kernels = network.template(_template_crop())
            total = _convolutions(network, lambda: network.track(crop, kernels))
    finally:
        for hook in hooks:
            hook.remove()
    return total + sum(kernel.numel() * cells for kernel, cells in zip(kernels, correlated, strict=False))


def template_macs(network: Network) -> int:
    """Multiply-adds of taking a template."""
    with torch.inference_mode():
        return _convolutions(network, lambda: network.template(_template_crop()))


def _template_crop() -> Tensor:
    return torch.zeros(1, TEMPLATE_PX, TEMPLATE_PX, 3, dtype=torch.uint8)


def _convolutions(network: nn.Module, call: Callable[[], object]) -> int:
    total = 0

    def count(module: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * module.weight[0].numel()

    hooks = [module.register_forward_hook(count) for module in network.modules() if isinstance(module, nn.Conv2d)]
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    return total
