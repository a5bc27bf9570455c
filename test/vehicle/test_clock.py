"""Boot time on the host's clock, under drift, jitter, sleep and restart."""

from __future__ import annotations

import random

import pytest

from uav_tracker_ros.vehicle.clock import BootClock

DELAY_S = 0.004  # the link's smallest


def fly(
    clock: BootClock, rate: float, jitter: float, seconds: float, *, seed: int = 0, start: float = 0.0
) -> list[float]:
    """Feed 50 Hz stamps of 1 ms resolution; the errors of the mapped stamps after 3 s."""
    source = random.Random(seed)
    errors = []
    for index in range(int(seconds * 50)):
        sent = 1000.0 + start + index * 0.02
        boot = 60.0 + (start + index * 0.02) * rate
        arrival = sent + DELAY_S + source.expovariate(1.0 / jitter) if jitter else sent + DELAY_S
        stamp = clock.add(int(boot * 1e3) / 1e3, arrival)
        assert stamp <= arrival
        if index > 150:
            errors.append(stamp - sent)
    return errors


@pytest.mark.parametrize("rate", [1.0, 0.985, 1.013], ids=["true", "slow", "fast"])
@pytest.mark.parametrize("jitter", [0.0, 0.002, 0.015], ids=["quiet", "loopback", "loaded"])
def test_mapping_follows_drift_through_jitter(rate: float, jitter: float) -> None:
    clock = BootClock()
    errors = fly(clock, rate, jitter, 20.0)
    # Within the link's own delay, the stamps' resolution and what jitter leaves of the envelope.
    assert max(errors) <= DELAY_S + 0.002 + jitter
    assert min(errors) >= -0.006
    assert clock.error is not None
    assert clock.error < 0.012


def test_bare_minimum_would_lag() -> None:
    """What the rate is for: at 1.5 % drift the offset alone is up to 60 ms old."""
    clock = BootClock()
    errors = fly(clock, 0.985, 0.002, 10.0)
    assert max(abs(error) for error in errors) < 0.01


def test_unknown_until_there_is_history() -> None:
    clock = BootClock()
    fly(clock, 1.0, 0.002, 0.8)
    assert clock.error is None
    fly(clock, 1.0, 0.002, 0.6, start=0.8)
    assert clock.error is not None


def test_restart_of_the_autopilot_starts_anew() -> None:
    clock = BootClock()
    fly(clock, 1.0, 0.002, 6.0)
    stamp = clock.add(1.0, 2000.0)
    assert clock.error is None
    assert stamp == pytest.approx(2000.0)


def test_what_waited_while_asleep_does_not_bend_the_line() -> None:
    clock = BootClock()
    fly(clock, 1.0, 0.002, 6.0)
    # 3 s of messages waited in a buffer and arrive at once, then it goes on as before.
    woke = 1000.0 + 9.0
    for index in range(150):
        clock.add(66.0 + index * 0.02, woke)
    errors = []
    for index in range(300):
        sent = woke + index * 0.02
        errors.append(clock.add(69.0 + index * 0.02, sent + DELAY_S) - sent)
    assert max(abs(error) for error in errors) < 0.02


@pytest.mark.parametrize("step", [-0.4, -1.0, 1.0], ids=["back a little", "back", "ahead"])
def test_a_stepped_clock_begins_anew(step: float) -> None:
    clock = BootClock()
    fly(clock, 1.0, 0.002, 5.0)
    assert clock.error is not None
    last = 1000.0 + 5.0
    stamp = clock.add(60.0 + 5.0 + step, last + DELAY_S)
    assert clock.error is None
    assert stamp == pytest.approx(last + DELAY_S)
