"""A small controller in a process of its own: streams one velocity; the test tells it what to do.

Lines on standard input: ``engage``, ``reset``. Each change of the gate's state is a line of output.
"""

from __future__ import annotations

import select
import sys
import time

from uav_tracker_ros.flight import SETPOINT_LIFETIME_S, GateState, Setpoint, Telemetry
from uav_tracker_ros.vehicle.gate_client import GateClient

SPEED = 2.0  # m/s, north
SPEED_STEP = 0.05  # m/s a tick: 2.5 m/s^2


def main() -> None:
    client = GateClient(sys.argv[1])
    newest = Telemetry(stamp=0.0)
    speed = 0.0
    while True:
        for telemetry in client.poll():
            told = (telemetry.gate_state, telemetry.blockers)
            if told != (newest.gate_state, newest.blockers):
                print(telemetry.gate_state.name, "|".join(telemetry.blockers), flush=True)
            newest = telemetry
        ready, _, _ = select.select([sys.stdin], [], [], 0.02)
        if ready:
            obey(client, sys.stdin.readline().strip())
        if newest.gate_state in (GateState.ENTRY, GateState.STREAMING):
            speed = min(SPEED, speed + SPEED_STEP) if newest.gate_state is GateState.STREAMING else 0.0
            now = time.monotonic()
            client.send(Setpoint((speed, 0.0, 0.0), 0.0, now + SETPOINT_LIFETIME_S, newest.engagement))


def obey(client: GateClient, word: str) -> None:
    if word == "engage":
        client.engage()
    elif word == "reset":
        client.reset_takeover()
    elif not word:
        sys.exit(0)


main()
