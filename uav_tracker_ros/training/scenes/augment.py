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


def augment_pair(template: Picture, search: Picture, rng: Generator, strength: float) -> tuple[Picture, Picture]:
    """Both crops as a camera would have given them: some changes are shared, most are not."""
    if rng.random() < 0.12:
        template, search = (
            cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for x in (template, search)
        )
        if rng.random() < 0.2:
            template, search = 255 - template, 255 - search
    template, search = photometry(template, rng, strength), photometry(search, rng, strength)
    if rng.random() < 0.45:
        factor = rng.uniform(1, 4.5)
        template = lose_resolution(template, factor * rng.uniform(0.75, 1.25))
        search = lose_resolution(search, factor * rng.uniform(0.75, 1.25))
    if rng.random() < 0.3 * strength:
        search = line_blur(search, rng)
    if rng.random() < 0.08 * strength:
        template = line_blur(template, rng)
    return degrade(template, rng, strength), degrade(search, rng, strength)
