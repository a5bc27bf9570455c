from __future__ import annotations

import math

import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.confidence import (
    Calibration,
    auroc,
    expected_calibration_error,
    feature_vector,
    fit,
    outside_share,
    response_shape,
)
from uav_tracker_ros.trackers.contract import PeakFeatures


def test_response_shape_of_one_hot_cell() -> None:
    response = np.zeros((9, 9))
    response[4, 4] = 0.8
    apce, psr, second = response_shape(response, (4, 4), (3, 6, 3, 6))
    assert apce == pytest.approx(81)  # 0.64 / (0.64/81)
    assert psr == pytest.approx(0.8 / 1e-4)  # nothing around: the floor of the deviation
    assert second == 0


def test_second_peak_counts_outside_the_box_only() -> None:
    response = np.zeros((9, 9))
    response[4, 4], response[4, 5], response[0, 0] = 0.8, 0.7, 0.4
    assert response_shape(response, (4, 4), (3, 6, 3, 6))[2] == pytest.approx(0.5)


def test_flat_response_is_finite() -> None:
    assert response_shape(np.zeros((5, 5)), (0, 0), (0, 1, 0, 1)) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("box", "share"),
    [
        pytest.param(Box(10, 10, 20, 20), 0.0, id="inside"),
        pytest.param(Box(-10, 0, 20, 20), 0.5, id="half"),
        pytest.param(Box(90, 90, 20, 20), 0.75, id="corner"),
        pytest.param(Box(200, 0, 20, 20), 1.0, id="outside"),
        pytest.param(Box(0, 0, 0, 0), 1.0, id="no area"),
    ],
)
def test_outside_share(box: Box, share: float) -> None:
    assert outside_share(box, 100, 100) == pytest.approx(share)


def test_feature_vector_of_hand_worked_numbers() -> None:
    features = PeakFeatures(
        0.5, apce=math.e, psr=3, second_ratio=0.2, size_change=math.e, border=0.1, similarity=0.7, drop=-0.2
    )
    assert feature_vector(0.5, features) == pytest.approx([0, 1, 3, 0.2, 1, 0.1, 0.7, -0.2])


def test_confidence_is_the_logistic_of_standardised_features() -> None:
    calibration = Calibration(("psr", "border"), (2.0, 0.0), (4.0, 1.0), (1.5, -2.0), 0.25)
    features = PeakFeatures(0.9, psr=6.0, border=0.5)  # 1.5*1 - 2*0.5 + 0.25 = 0.75
    assert calibration.confidence(0.9, features) == pytest.approx(1 / (1 + math.exp(-0.75)))


def test_unmeasured_features_count_as_their_mean() -> None:
    calibration = Calibration(("psr", "similarity"), (2.0, 0.5), (4.0, 0.1), (1.5, 3.0), 0.25)
    assert calibration.confidence(0.9, PeakFeatures(0.9, psr=2.0)) == pytest.approx(1 / (1 + math.exp(-0.25)))


@pytest.mark.parametrize("psr", [-3.0, 0.0, 7.5, math.nan, math.inf, -math.inf])
def test_one_and_many_are_computed_alike(psr: float) -> None:
    calibration = Calibration(("psr", "border", "logit_score"), (2.0, 0.1, 0.5), (4.0, 1.0, 2.0), (1.5, -2, 40), 0.25)
    for score in (0.0, 0.3, 1.0):
        features = PeakFeatures(score, psr=psr, border=0.3)
        table = feature_vector(score, features, calibration.names)[None]
        assert calibration.confidence(score, features) == pytest.approx(float(calibration.confidences(table)[0]))


def test_fit_finds_the_weights_that_made_the_data() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(4000, 2)) * [1, 5] + [0, 3]
    chance = 1 / (1 + np.exp(-(2 * table[:, 0] - 0.4 * (table[:, 1] - 3) + 0.5)))
    correct = generator.random(4000) < chance
    calibration = fit(table, correct, ("logit_score", "second_ratio"), l2=1e-4)
    slopes = np.array(calibration.weights) / calibration.std
    assert slopes == pytest.approx([2, -0.4], rel=0.15)


def test_a_weight_never_turns_against_its_feature() -> None:
    """Here a sharper response is wrong more often; whatever the clips say, it must not be disbelieved."""
    generator = np.random.default_rng(0)
    table = generator.normal(size=(2000, 3))
    chance = 1 / (1 + np.exp(-(1.5 * table[:, 0] - table[:, 1] + table[:, 2])))
    correct = generator.random(2000) < chance
    names = ("logit_score", "psr", "second_ratio")
    calibration = fit(table, correct, names)
    assert calibration.weights[1:] == (0.0, 0.0)
    alone = fit(table[:, :1], correct, names[:1])
    assert calibration.weights[0] == pytest.approx(alone.weights[0], rel=1e-6)  # the constrained optimum
    assert calibration.bias == pytest.approx(alone.bias, rel=1e-6)


def test_auroc_of_hand_worked_cases() -> None:
    correct = np.array([True, True, False, False])
    assert auroc(np.array([0.9, 0.8, 0.2, 0.1]), correct) == 1
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), correct) == 0.5
    assert auroc(np.array([0.9, 0.1, 0.5, 0.05]), correct) == 0.75
    assert math.isnan(auroc(np.array([0.5]), np.array([True])))


def test_calibration_error_of_hand_worked_case() -> None:
    confidence = np.array([0.95, 0.95, 0.05, 0.05])
    assert expected_calibration_error(confidence, np.array([True, True, False, True])) == pytest.approx(
        0.5 * 0.05 + 0.5 * 0.45
    )


def test_calibration_with_unknown_features_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="calibrate again"):
        Calibration(("magic",), (0.0,), (1.0,), (1.0,), 0.0)
