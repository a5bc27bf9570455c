"""What light, lens and link do to a crop: photometry, blur, noise, compression, loss of resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from uav_tracker_ros.training.scenes.pictures import Picture, decode


def photometry(image: Picture, rng: Generator, strength: float) -> Picture:
    """Brightness, contrast, saturation and channel gains of one crop, each drawn anew."""
    x = image.astype(np.float32)
    x *= 1 + strength * rng.uniform(-0.25, 0.3)
    if rng.random() < 0.5:
        x = (x - x.mean()) * (1 + strength * rng.uniform(-0.3, 0.3)) + x.mean()
    if rng.random() < 0.5:
        grey = x.mean(2, keepdims=True)
        x = grey + (x - grey) * (1 + strength * rng.uniform(-0.5, 0.4))
    if rng.random() < 0.3:
        x *= 1 + strength * rng.uniform(-0.12, 0.12, 3).astype(np.float32)
    x += strength * rng.uniform(-15, 15)
    return np.clip(x, 0, 255).astype(np.uint8)


def degrade(image: Picture, rng: Generator, strength: float) -> Picture:
    """Sensor noise and JPEG blocks."""
    if rng.random() < 0.3 * strength:
        noise = rng.normal(0, rng.uniform(1, 8), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return compress(image, rng, strength)


def compress(image: Picture, rng: Generator, strength: float) -> Picture:
    """JPEG blocks."""
    if rng.random() < 0.3 * strength:
        quality = int(rng.uniform(35, 90))
        image = decode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
    return image


def lose_resolution(image: Picture, factor: float) -> Picture:
    """Down by ``factor`` (>= 1) and up again: a small target enlarged by the crop."""
    if factor <= 1.05:
        return image
    size = image.shape[1], image.shape[0]
    small = cv2.resize(
        image, (max(8, int(size[0] / factor)), max(8, int(size[1] / factor))), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)


def line_blur(image: Picture, rng: Generator) -> Picture:
    """Motion blur along a random line of 3 to 17 px."""
    length = int(rng.integers(3, 18)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    start, end = (round(reach - dx), round(reach - dy)), (round(reach + dx), round(reach + dy))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def augment_pair(
    templates: tuple[Picture, ...], search: Picture, rng: Generator, strength: float
) -> tuple[tuple[Picture, ...], Picture]:
    """All crops as a camera would have given them: some changes are shared, most are not."""
    templates, search = _shared_changes(templates, search, rng)
    templates = tuple(photometry(template, rng, strength) for template in templates)
    search = photometry(search, rng, strength)
    if rng.random() < 0.3 * strength:
        search = line_blur(search, rng)
    if rng.random() < 0.08 * strength:
        templates = tuple(line_blur(template, rng) for template in templates)
    return tuple(degrade(template, rng, strength) for template in templates), degrade(search, rng, strength)


def degrade_pair(
    templates: tuple[Picture, ...], search: Picture, rng: Generator, strength: float
) -> tuple[tuple[Picture, ...], Picture]:
    """What the training device does not draw: grey, loss of resolution, JPEG."""
    templates, search = _shared_changes(templates, search, rng)
    return tuple(compress(template, rng, strength) for template in templates), compress(search, rng, strength)


def _shared_changes(
    templates: tuple[Picture, ...], search: Picture, rng: Generator
) -> tuple[tuple[Picture, ...], Picture]:
    if rng.random() < 0.12:
        templates, search = tuple(_grey(template) for template in templates), _grey(search)
        if rng.random() < 0.2:
            templates, search = tuple(255 - template for template in templates), 255 - search
    if rng.random() < 0.45:
        factor = rng.uniform(1, 4.5)
        templates = tuple(lose_resolution(template, factor * rng.uniform(0.75, 1.25)) for template in templates)
        search = lose_resolution(search, factor * rng.uniform(0.75, 1.25))
    return templates, search


def _grey(image: Picture) -> Picture:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def augment_one(image: Picture, rng: Generator, strength: float) -> Picture:
    """One crop by itself, milder than a pair's: grey, photometry, loss of resolution, noise."""
    if rng.random() < 0.1:
        image = _grey(image)
    image = photometry(image, rng, strength)
    if rng.random() < 0.3:
        image = lose_resolution(image, rng.uniform(1, 4))
    return degrade(image, rng, strength)
