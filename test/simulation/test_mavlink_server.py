"""The stand-in on the wire, against the real MAVSDK library and a companion in plain pymavlink."""

import math
import socket
import struct
import time

import numpy as np
import pytest
from mavsdk import ComponentType, Configuration, Mavsdk
from mavsdk.plugins.action import Action
from mavsdk.plugins.mavlink_direct import MavlinkDirect
from mavsdk.plugins.param import Param, ParamError
from mavsdk.plugins.telemetry import Telemetry
from pymavlink.dialects.v20 import development as mavlink

from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.flight import VehicleMode, custom_mode, mode_from_custom
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.simulation.mavlink_streams import TelemetryStreams

pytestmark = pytest.mark.real_time

ACCEPTED, REJECTED, UNSUPPORTED, FAILED = 0, 1, 3, 4


def wait_for(condition, limit=15.0, poll=0.02):
    """Generous: the machine may be busy."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit} s"
        time.sleep(poll)


class Companion:
    """A companion computer in plain pymavlink on its own port."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self._packer, self._parser = mavlink.MAVLink(None, 1, 195), mavlink.MAVLink(None)
        self.vehicle = None
        self.counts = {}

    def receive(self):
        try:
            packet, self.vehicle = self.socket.recvfrom(2048)
        except TimeoutError:
            return []
        messages = self._parser.parse_buffer(packet) or []
        for message in messages:
            self.counts[message.get_type()] = self.counts.get(message.get_type(), 0) + 1
        return messages

    def send(self, message):
        self.socket.sendto(message.pack(self._packer), self.vehicle)
        self._packer.seq = (self._packer.seq + 1) % 256

    def await_message(self, kind, accept=lambda message: True, limit=15.0):
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            for message in self.receive():
                if message.get_type() == kind and accept(message):
                    return message
        raise AssertionError(f"no {kind} within {limit} s")

    def is_silent_about(self, kind, seconds=0.4):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(message.get_type() == kind for message in self.receive()):
                return False
        return True

    def command(self, number, *params):
        self.send(mavlink.MAVLink_command_long_message(1, 1, number, 0, *params, *[0.0] * (7 - len(params))))
        ack = self.await_message("COMMAND_ACK", lambda message: message.command == number)
        assert (ack.target_system, ack.target_component) == (1, 195)
        return ack.result

    def setpoint(self, north, target=1):
        self.send(
            mavlink.MAVLink_set_position_target_local_ned_message(
                0, target, 1, 1, 0x9C7, 0, 0, 0, north, 0, 0, 0, 0, 0, 0.0, 0
            )
        )


@pytest.fixture
def companion():
    companion = Companion()
    yield companion
    companion.socket.close()


@pytest.fixture
def vehicle(companion):
    """A server that already talks to the companion."""
    settings = AutopilotSettings(noise=0.0, gust=0.0, position_ned=(1.0, 2.0, -6.0), yaw=0.5)
    with MavlinkServer(Autopilot(settings), "127.0.0.1", companion.port) as server:
        companion.await_message("HEARTBEAT")
        yield server


def test_streams_and_their_default_rates(companion, vehicle):
    companion.await_message("LOCAL_POSITION_NED")
    first = companion.await_message("ATTITUDE_QUATERNION")
    companion.counts.clear()
    last = companion.await_message("ATTITUDE_QUATERNION", lambda m: m.time_boot_ms - first.time_boot_ms >= 2000)
    seconds = (last.time_boot_ms - first.time_boot_ms) / 1000
    rates = {kind: count / seconds for kind, count in companion.counts.items()}
    # A busy host drops samples, it never makes more of them.
    for kind, rate in {"ATTITUDE": 100, "ATTITUDE_QUATERNION": 50, "LOCAL_POSITION_NED": 30, "ODOMETRY": 30}.items():
        assert 0.5 * rate <= rates[kind] <= 1.1 * rate, kind
    assert {"HEARTBEAT", "EXTENDED_SYS_STATE", "SYS_STATUS", "TIMESYNC", "GLOBAL_POSITION_INT"} <= rates.keys()


def test_what_the_messages_say(companion, vehicle):
    heartbeat = companion.await_message("HEARTBEAT")
    assert (heartbeat.type, heartbeat.autopilot, heartbeat.base_mode) == (2, 12, 29 | 128)
    assert heartbeat.custom_mode == custom_mode(VehicleMode.HOLD)
    assert heartbeat.system_status == 4
    position = companion.await_message("LOCAL_POSITION_NED")
    assert (position.x, position.y, position.z) == pytest.approx((1.0, 2.0, -6.0), abs=0.05)
    attitude = companion.await_message("ATTITUDE")
    assert attitude.yaw == pytest.approx(0.5, abs=0.02)
    odometry = companion.await_message("ODOMETRY")
    assert odometry.reset_counter == 0
    assert companion.await_message("EXTENDED_SYS_STATE").landed_state == 2
    place = companion.await_message("GLOBAL_POSITION_INT")
    assert place.relative_alt == pytest.approx(6000, abs=50)
    assert place.hdg == pytest.approx(math.degrees(0.5) * 100, abs=100)
    assert companion.await_message("SYS_STATUS").onboard_control_sensors_health & 0x10000000


def test_intervals_really_change_and_heartbeat_cannot(companion, vehicle):
    assert companion.command(511, mavlink.MAVLINK_MSG_ID_HEARTBEAT, 100_000) == FAILED
    assert companion.command(511, mavlink.MAVLINK_MSG_ID_LOCAL_POSITION_NED, -1) == ACCEPTED
    assert companion.is_silent_about("LOCAL_POSITION_NED")
    assert companion.command(511, mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE, 100_000) == ACCEPTED
    times = []
    for _ in range(11):
        companion.await_message("EXTENDED_SYS_STATE")
        times.append(time.monotonic())
    assert 0.8 <= times[-1] - times[0] <= 3.0
    assert companion.command(510, mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE) == ACCEPTED
    assert companion.await_message("MESSAGE_INTERVAL").interval_us == 100_000


def test_a_mode_that_stays_is_told_twice_a_second_at_any_rate():
    """PX4 sends CURRENT_MODE with news of its commander only; asked for 10 Hz, a real one sent 2.0."""
    autopilot = Autopilot(AutopilotSettings(noise=0.0, gust=0.0))
    autopilot.step(0.0)
    streams = TelemetryStreams(autopilot)
    streams.set_interval(mavlink.MAVLINK_MSG_ID_CURRENT_MODE, 100_000)
    told = []
    for tick in range(1, 401):
        now = tick / 100
        autopilot.step(now)
        if tick == 205:
            autopilot.inject("pilot_mode", mode=VehicleMode.LAND)
        told += [
            (now, mode_from_custom(message.custom_mode))
            for message in streams.due(now)
            if message.get_msgId() == mavlink.MAVLINK_MSG_ID_CURRENT_MODE
        ]
    before = [at for at, mode in told if mode is VehicleMode.HOLD]
    assert np.diff(before)[1:] == pytest.approx(0.5, abs=0.02)
    first = next(at for at, mode in told if mode is VehicleMode.LAND)
    assert 2.05 < first <= 2.2


def test_requested_messages(companion, vehicle):
    assert companion.command(512, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION) == ACCEPTED
    version = companion.await_message("AUTOPILOT_VERSION")
    assert version.flight_sw_version >> 16 == 1 << 8 | 16
    assert companion.command(520, 1) == ACCEPTED
    companion.await_message("AUTOPILOT_VERSION")
    assert companion.command(512, mavlink.MAVLINK_MSG_ID_HOME_POSITION) == ACCEPTED
    companion.await_message("HOME_POSITION")
    assert companion.command(31000) == UNSUPPORTED


def test_offboard_on_the_wire(companion, vehicle):
    companion.command(511, mavlink.MAVLINK_MSG_ID_CURRENT_MODE, 100_000)
    assert companion.command(176, 129, 6) == REJECTED
    assert b"Offboard" in companion.await_message("STATUSTEXT").text.encode()
    companion.setpoint(2.0, target=7)  # another vehicle's
    assert companion.command(176, 129, 6) == REJECTED
    companion.setpoint(2.0)
    assert companion.command(176, 129, 6) == ACCEPTED
    offboard = custom_mode(VehicleMode.OFFBOARD)
    companion.await_message("CURRENT_MODE", lambda m: m.custom_mode == offboard)
    lost = companion.await_message("CURRENT_MODE", lambda m: m.custom_mode != offboard)  # nothing is sent
    assert lost.custom_mode == custom_mode(VehicleMode.HOLD)
    assert lost.intended_custom_mode == offboard
    assert companion.await_message("HEARTBEAT", lambda m: m.system_status == 5).base_mode & 128
    companion.setpoint(2.0)
    companion.await_message("CURRENT_MODE", lambda m: m.custom_mode == offboard)
    assert companion.command(176, 129, 4, 3) == ACCEPTED
    companion.await_message("CURRENT_MODE", lambda m: m.intended_custom_mode == custom_mode(VehicleMode.HOLD))


def test_mode_change_is_told_without_being_asked(companion, vehicle):
    vehicle.inject("pilot_mode", mode=VehicleMode.LAND)
    companion.await_message("CURRENT_MODE", lambda m: m.custom_mode == custom_mode(VehicleMode.LAND))


def test_parameters(companion, vehicle):
    def read(name):
        companion.send(mavlink.MAVLink_param_request_read_message(1, 1, name.encode(), -1))
        return companion.await_message("PARAM_VALUE", lambda m: m.param_id == name)

    integer = read("COM_OBL_RC_ACT")
    assert integer.param_type == mavlink.MAV_PARAM_TYPE_INT32
    assert struct.unpack("<i", struct.pack("<f", integer.param_value)) == (5,)
    assert read("COM_OF_LOSS_T").param_value == 0.5
    companion.send(mavlink.MAVLink_param_set_message(1, 1, b"COM_OF_LOSS_T", 0.75, mavlink.MAV_PARAM_TYPE_REAL32))
    assert companion.await_message("PARAM_VALUE").param_value == 0.75
    companion.send(mavlink.MAVLink_param_request_read_message(1, 1, b"NO_SUCH_NAME", -1))
    assert companion.is_silent_about("PARAM_VALUE")


def test_timesync_is_answered_with_boot_time(companion, vehicle):
    companion.send(mavlink.MAVLink_timesync_message(0, 123))
    answer = companion.await_message("TIMESYNC", lambda m: m.ts1 == 123)
    assert 59e9 < answer.tc1 < 120e9


def test_sticks_by_manual_control(companion, vehicle):
    companion.setpoint(0.0)
    assert companion.command(176, 129, 6) == ACCEPTED
    companion.send(mavlink.MAVLink_manual_control_message(1, 1000, 0, 500, 0, 0))
    text = companion.await_message("STATUSTEXT", lambda m: "Pilot" in m.text)
    assert text.text == "Pilot took over using sticks"


def test_cut_downlink_and_damaged_packets(companion, vehicle):
    companion.socket.sendto(b"\xfd\x09garbage", companion.vehicle)
    companion.await_message("HEARTBEAT")
    vehicle.inject("cut_downlink", seconds=1.0)
    while companion.receive():  # what was on its way
        pass
    companion.await_message("ATTITUDE")  # and it comes back


def test_truth_follows_real_time(companion, vehicle):
    start = time.monotonic()
    wait_for(lambda: time.monotonic() - start > 0.5)
    now = time.monotonic()
    assert vehicle.truth_at(now).stamp == pytest.approx(now, abs=0.005)
    assert vehicle.truth_at(now - 0.3).stamp == pytest.approx(now - 0.3, abs=1e-6)
    assert vehicle.truth_at(now).position_ned == pytest.approx((1.0, 2.0, -6.0), abs=0.05)


def test_unusable_address_says_so():
    with pytest.raises(VehicleUnreachable, match="IPv4 address and a port"):
        MavlinkServer(Autopilot(AutopilotSettings()), "127.0.0.1", 70000).start()


def test_costs_little(companion, vehicle):
    """The thread sleeps between deadlines: measured 6 to 8 % of a core at default rates, setpoints included."""
    begin, used = time.monotonic(), time.process_time()
    received = 0.0
    while time.monotonic() - begin < 2.0:
        before = time.thread_time()
        companion.receive()
        received += time.thread_time() - before
    assert (time.process_time() - used - received) / (time.monotonic() - begin) < 0.25


def test_mavsdk_connects_reads_and_commands():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = AutopilotSettings(noise=0.0, gust=0.0, flying=False)
    config = Configuration.create_with_component_type(ComponentType.COMPANION_COMPUTER)
    with MavlinkServer(Autopilot(settings), "127.0.0.1", port) as server, Mavsdk(config) as mavsdk:
        mavsdk.add_any_connection(f"udpin://127.0.0.1:{port}")
        system = mavsdk.first_autopilot(15.0)
        assert system is not None
        heard = {}

        def keep(name):
            return lambda value, _user: heard.__setitem__(name, value)

        telemetry, action, parameters = Telemetry(system), Action(system), Param(system)
        telemetry.subscribe_flight_mode(keep("mode"))
        telemetry.subscribe_health(keep("health"))
        telemetry.subscribe_in_air(keep("in_air"))
        telemetry.subscribe_battery(keep("battery"))
        telemetry.subscribe_attitude_quaternion(keep("attitude"))
        telemetry.subscribe_odometry(keep("odometry"))
        direct = MavlinkDirect(system)
        direct.subscribe_message("CURRENT_MODE", keep("current_mode"))
        wait_for(lambda: "health" in heard and heard["health"].is_armable)
        telemetry.set_rate_attitude_quaternion(20.0)
        assert parameters.get_param_int("COM_RC_OVERRIDE") == 3
        parameters.set_param_float("MIS_TAKEOFF_ALT", 3.0)
        assert parameters.get_param_float("MIS_TAKEOFF_ALT") == 3.0
        action.arm()
        action.takeoff()
        wait_for(lambda: heard.get("in_air") is True)
        wait_for(lambda: heard["mode"].name == "HOLD" and server.truth_at(time.monotonic()).position_ned[2] < -2.0)
        action.land()
        wait_for(lambda: heard["mode"].name == "LAND")
        assert {"battery", "attitude", "odometry", "current_mode"} <= heard.keys()
        with pytest.raises(ParamError):
            parameters.get_param_int("COM_OF_LOSS_T")  # a float
