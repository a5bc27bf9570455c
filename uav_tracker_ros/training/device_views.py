"""New views of canvases, drawn on the training device: place, zoom, flip, light, noise and motion blur."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

_BLUR_PX = 15  # side of the blur's kernel


class Moves(NamedTuple):
    """One view a row inside its canvas."""

    shift_px: Tensor  # (B, 2) of the crop's middle from the canvas's
    zoom: Tensor  # (B,) canvas px a crop px
    mirror: Tensor  # (B,) 1 or -1


def uniform(generator: Generator, rows: int, low: float, high: float, *shape: int) -> Tensor:
    """(rows, ...) numbers on the generator's device."""
    return torch.rand(rows, *shape, generator=generator, device=generator.device) * (high - low) + low


def draw_moves(
    generator: Generator, rows: int, shift_px: float, log_zoom: float, mirror: Tensor | None = None
) -> Moves:
    """Random moves; with ``mirror`` the same flips as another picture of the sample."""
    if mirror is None:
        mirror = (uniform(generator, rows, 0, 1) < 0.5).float() * 2 - 1
    zoom = uniform(generator, rows, -log_zoom, log_zoom).exp()
    return Moves(uniform(generator, rows, -shift_px, shift_px, 2), zoom, mirror)


def cut_views(canvases: Tensor, moves: Moves, out_px: int) -> Tensor:
    """(B, C, C, 3) uint8 canvases -> (B, 3, out, out) float crops, 0 to 255, in one bilinear call."""
    rows, side = canvases.shape[:2]
    scale = moves.zoom * out_px / side
    zero = torch.zeros_like(scale)
    shift = moves.shift_px * (2 / side)
    theta = torch.stack(
        [torch.stack([scale * moves.mirror, zero, shift[:, 0]], 1), torch.stack([zero, scale, shift[:, 1]], 1)], 1
    )
    grid = F.affine_grid(theta, [rows, 3, out_px, out_px], align_corners=False)
    return F.grid_sample(canvases.permute(0, 3, 1, 2).float(), grid, align_corners=False)


def move_boxes(boxes: Tensor, moves: Moves, canvas_px: int, out_px: int) -> Tensor:
    """(B, 4) left, top, right, bottom of the canvas -> of the crop that :func:`cut_views` makes."""
    middle = canvas_px / 2 + moves.shift_px
    away = boxes.view(-1, 2, 2) - middle[:, None]
    away = away / moves.zoom[:, None, None]
    corners = torch.stack([away[..., 0] * moves.mirror[:, None], away[..., 1]], -1) + out_px / 2
    return torch.cat([corners.amin(1), corners.amax(1)], 1)


def light(images: Tensor, generator: Generator, strength: float) -> Tensor:
    """Gain, contrast, saturation, channel gains, offset and noise, each row by itself; (B, 3, H, W), 0 to 255."""
    rows = len(images)

    def draw(low: float, high: float, chance: float = 1.0, channels: int = 1) -> Tensor:
        wanted = uniform(generator, rows, 0, 1, 1, 1, 1) < chance
        return uniform(generator, rows, low, high, channels, 1, 1) * strength * wanted

    images = images * (1 + draw(-0.25, 0.3))
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * (1 + draw(-0.3, 0.3, 0.5)) + mean
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + draw(-0.5, 0.4, 0.5))
    images = images * (1 + draw(-0.12, 0.12, 0.3, 3)) + draw(-15, 15)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + noise * draw(1, 8, 0.3)).clamp(0, 255)


def motion_blur(images: Tensor, generator: Generator, chance: float) -> Tensor:
    """Blur along a random line of 3 to 15 px in a share of the rows; a convolution with one kernel a row."""
    chosen = (uniform(generator, len(images), 0, 1) < chance).nonzero()[:, 0]
    if not len(chosen):
        return images
    kernels = _line_kernels(generator, len(chosen)).repeat_interleave(3, 0)
    some = images[chosen]
    flat = F.pad(some, (_BLUR_PX // 2,) * 4, mode="replicate").flatten(0, 1)[None]
    blurred = F.conv2d(flat, kernels[:, None], groups=len(kernels))[0].view_as(some)
    return images.index_copy(0, chosen, blurred)


def _line_kernels(generator: Generator, rows: int) -> Tensor:
    """(rows, 15, 15): a soft line through the middle, of sum 1."""
    line = torch.arange(_BLUR_PX, device=generator.device) - _BLUR_PX // 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    angle, reach = uniform(generator, rows, 0, math.pi, 1, 1), uniform(generator, rows, 1, _BLUR_PX / 2, 1, 1)
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    kernel = (1 - across.abs()).clamp(min=0) * (reach + 0.5 - along.abs()).clamp(0, 1)
    return kernel / kernel.sum((1, 2), keepdim=True)
