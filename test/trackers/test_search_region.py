from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import texture

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion, SearchSettings, Window

boxes = st.builds(
    Box,
    st.floats(-500, 2000, allow_nan=False),
    st.floats(-500, 2000, allow_nan=False),
    st.floats(1, 800, allow_nan=False),
    st.floats(1, 800, allow_nan=False),
)


@given(box=boxes, x0=st.integers(-900, 900), y0=st.integers(-900, 900), n=st.integers(2, 3000))
def test_mapping_is_exact_both_ways(box: Box, x0: int, y0: int, n: int) -> None:
    window = Window(x0, y0, n, 303)
    assert window.to_image(window.to_crop(box)) == pytest.approx(box, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "box", "template", "search"),
    [
        # side = sqrt((w+p)(h+p)), p = (w+h)/2: 80 x 60 -> p 70 -> sqrt(150*130) = 139.64
        ("siamfcpp", Box(100, 100, 80, 60), 140, 333),  # 139.64*303/127 = 333.17
        ("siamfcpp_lite0", Box(100, 100, 80, 60), 140, 279),  # *2 = 279.28
        ("siamcar", Box(100, 100, 80, 60), 140, 316),  # *287/127 = 315.56
        ("siamdff", Box(100, 100, 80, 60), 210, 559),  # p = 140: sqrt(220*200) = 209.76; *256/96 = 559.36
        ("siamdff", Box(100, 100, 4, 4), 48, 48),  # both under the least window
        ("dsatrack", Box(100, 100, 80, 60), 139, 278),  # 2 and 4 times sqrt(4800) = 69.28, rounded up
        ("utrack", Box(100, 100, 80, 60), 346, 346),  # 5 times
        ("nanotrack", Box(100, 100, 80, 60), 140, 280),  # *255/127 = 280.38
        ("siamfcpp", Box(100, 100, 4, 4), 16, 19),  # sqrt(64) = 8 is under the least window of 16
    ],
)
def test_side_of_every_family(name: str, box: Box, template: int, search: int) -> None:
    region = SearchRegion(SETTINGS[name])
    assert region.template_window(box).n == template
    assert region.search_window(box).n == search


def test_search_size_is_an_option_of_trained_weights() -> None:
    region = SearchRegion(replace(SETTINGS["siamfcpp"], search_size=255))
    window = region.search_window(Box(100, 100, 80, 60))
    assert window.n == 280  # 139.64*255/127: the scale of the template is kept
    assert region.search(texture(400, 400, 0), window).shape == (1, 255, 255, 3)


def test_window_is_centered_on_the_target() -> None:
    window = SearchRegion(SETTINGS["siamfcpp"]).template_window(Box(100, 50, 80, 60))
    assert (window.x0 + window.n / 2, window.y0 + window.n / 2) == (140, 80)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_moving_the_image_moves_the_crop(settings: SearchSettings) -> None:
    image = texture(700, 900, seed=5)
    shifted = np.roll(image, (13, 21), axis=(0, 1))
    region = SearchRegion(settings)
    region.start(image, Box(400, 300, 40, 30))
    one = region.search(image, region.search_window(Box(400, 300, 40, 30))).copy()
    two = region.search(shifted, region.search_window(Box(421, 313, 40, 30)))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(Box(-5, -5, 40, 40), id="corner"),
        pytest.param(Box(5000, 100, 40, 40), id="wholly outside"),
        pytest.param(Box(100, 60, 900, 900), id="larger than the image"),
    ],
)
@pytest.mark.parametrize("name", ["siamfcpp", "dsatrack"])
def test_constant_image(name: str, box: Box) -> None:
    image = np.full((120, 200, 3), (10, 120, 250), np.uint8)
    region = SearchRegion(SETTINGS[name])
    region.start(image, Box(10, 10, 30, 30))
    crop = region.search(image, region.search_window(box)).reshape(-1, 3)
    colors = {tuple(int(part) for part in color) for color in np.unique(crop, axis=0)}
    if SETTINGS[name].fill == "mean":
        assert colors == {(10, 120, 250)}  # the mean colour of a constant image is its colour
    else:
        assert (0, 0, 0) in colors


@pytest.mark.parametrize("side", [40.0, 90.0, 200.0])
def test_both_paths_agree_inside(side: float) -> None:
    """The same window cut from the image (resize) and from its left part, which it crosses (warpAffine)."""
    image = texture(600, 600, seed=2)
    region = SearchRegion(SETTINGS["siamfcpp"])
    window = Window(150, 150, int(side), 303)
    whole = region.search(image, window).astype(int).copy()
    cropped = region.search(np.ascontiguousarray(image[:, : 150 + int(side) - 4]), window).astype(int)
    rim = math.ceil(window.scale)  # half a pixel there: one path knows the neighbour, the other repeats the edge
    inside = slice(rim, int((side - 6) * window.scale))
    assert np.abs(whole - cropped)[0, rim:-rim, inside].max() <= 2


def test_outside_is_filled_with_the_first_images_mean() -> None:
    region = SearchRegion(SETTINGS["siamfcpp"])
    region.start(np.full((100, 100, 3), 77, np.uint8), Box(10, 10, 20, 20))
    crop = region.search(np.full((100, 100, 3), 200, np.uint8), Window(-200, 0, 100, 303))
    assert np.all(crop == 77)


def test_one_pixel_wide_image() -> None:
    image = np.full((40, 1, 3), 9, np.uint8)
    region = SearchRegion(SETTINGS["siamfcpp"])
    region.start(image, Box(0, 0, 1, 20))
    assert np.all(region.template(image, Box(0, 0, 1, 20)) == 9)


def test_monochrome_has_three_equal_channels() -> None:
    image = texture(200, 200, 3)[:, :, 0]
    region = SearchRegion(SETTINGS["siamfcpp"])
    region.start(image, Box(50, 50, 40, 40))
    crop = region.template(image, Box(50, 50, 40, 40))[0]
    assert np.array_equal(crop[:, :, 0], crop[:, :, 1])
    assert np.array_equal(crop[:, :, 0], crop[:, :, 2])
    assert crop.std() > 5


def test_thermal_gain_and_offset_change_little() -> None:
    """16-bit thermal: the range is that of the picture, so another gain and offset give the same crop."""
    base = texture(200, 200, 3)[:, :, 0].astype(np.uint16)
    crops = []
    for image in (base * 40 + 3000, base * 90 + 20000):
        region = SearchRegion(SETTINGS["siamdff"])
        region.start(image, Box(80, 80, 40, 40))
        crops.append(region.template(image, Box(80, 80, 40, 40)).astype(int).copy())
    assert np.abs(crops[0] - crops[1]).max() <= 3


def test_crops_are_preallocated() -> None:
    image = texture(200, 200, 3)
    region = SearchRegion(SETTINGS["siamfcpp"])
    region.start(image, Box(50, 50, 40, 40))
    window = region.search_window(Box(50, 50, 40, 40))
    first = region.search(image, window)
    assert region.search(image, window) is first
    assert first.shape == (1, 303, 303, 3)
    assert first.flags.c_contiguous


def test_settings_are_checked() -> None:
    with pytest.raises(InvalidParameter, match="correct the family's settings"):
        SearchSettings(0, 255)


def test_scale_is_that_of_the_snapped_window() -> None:
    window = SearchRegion(SETTINGS["siamfcpp"]).search_window(Box(0, 0, 50, 50))
    assert window.scale == 303 / window.n
    assert not math.isclose(window.scale, 127 / 100)
