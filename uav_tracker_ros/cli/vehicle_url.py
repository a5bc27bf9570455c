"""Vehicle URLs, checked before anything is started: MAVSDK takes some wrong ones without a word."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from uav_tracker_ros.errors import InvalidParameter, VehicleUnreachable
from uav_tracker_ros.vehicle.link_lock import LinkLock

NETWORK = ("udpin", "udpout", "tcpin", "tcpout")
SERIAL = ("serial", "serial_flowcontrol")
EXAMPLES = "udpin://0.0.0.0:14540 or serial:///dev/ttyTHS1:921600"


def check_vehicle(url: str) -> None:
    """The URL is one that MAVSDK can open now.

    Raises:
        InvalidParameter: not of a known form.
        VehicleUnreachable: no such device, or its port or link belongs to somebody else.
    """
    check_url(url)
    LinkLock(url).close()


def check_url(url: str) -> None:
    """The form alone.

    Raises:
        InvalidParameter: scheme, address, port or baud rate cannot be.
        VehicleUnreachable: a serial device that is not there.
    """
    scheme, mark, rest = url.partition("://")
    place, colon, number = rest.rpartition(":")
    if not mark or scheme not in (*NETWORK, *SERIAL):
        known = ", ".join((*NETWORK, *SERIAL))
        raise InvalidParameter(f"vehicle URL '{url}' has no known scheme; expected one of {known}: write {EXAMPLES}")
    if not colon or not number.isdigit():
        missing = "baud rate" if scheme in SERIAL else "port"
        raise InvalidParameter(f"vehicle URL '{url}' has no {missing}; expected a number at its end: write {EXAMPLES}")
    if scheme in SERIAL:
        if not Path(place).exists():
            raise VehicleUnreachable(
                f"there is no device {place}; expected a serial port: connect it or correct the URL"
            )
        return
    if not 0 < int(number) < 65536:
        raise InvalidParameter(f"vehicle URL '{url}' has port {number}; expected 1 to 65535: correct it")
    try:
        ipaddress.ip_address(place)
    except ValueError:
        raise InvalidParameter(
            f"vehicle URL '{url}' has the host '{place}'; expected an IP address: write {EXAMPLES}"
        ) from None
