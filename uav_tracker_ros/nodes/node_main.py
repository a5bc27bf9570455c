"""One ``main`` for every node: start, lifecycle, spin, and an end without a traceback.

rclpy alone ends SIGINT and SIGTERM with a traceback and exit code 1, and swallows what a
lifecycle transition raises; both are put right here.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy._rclpy_pybind11 import InvalidHandle, RCLError
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.nodes.parameters import check_overrides

# s, after which a thread that waits may ask for the interpreter. With Python's 5 ms a turn of the control loop waited
# for several of rclpy's threads in a row: 80 to 300 ms on a machine with nothing else to do.
SWITCH_S = 0.0005

N = TypeVar("N", bound=LifecycleNode)
Transition = Callable[[N, LifecycleState], TransitionCallbackReturn]


def run(make_node: Callable[[], LifecycleNode], argv: Sequence[str] | None = None, *, threads: int = 1) -> int:
    """Run one lifecycle node until it is told to end.

    A node that ends by itself calls :func:`finish`. With the parameter ``autostart`` (default
    true) the node configures and activates itself.

    Args:
        make_node: makes the node; may raise UavTrackerError for settings that cannot be used.
        argv: the command line; None: that of this process.
        threads: of the executor; nodes with actions need more than one.

    Returns:
        The exit code: 0 after SIGINT, SIGTERM or a finished source; 1 after an error.
    """
    node: LifecycleNode | None = None
    code, begun = 1, False
    sys.setswitchinterval(SWITCH_S)
    try:
        rclpy.init(args=list(argv) if argv is not None else None)
        begun = True
        node = make_node()
        _log_to(node)
        autostart = _declare_autostart(node)
        check_overrides(node)
        executor = _executor(threads)
        executor.add_node(node)
        if not autostart or _start(node):
            gc.freeze()  # collections leave out what stays for good: 10 to 20 ms each, several times that on a Jetson
            _spin(executor)
            code = getattr(node, "exit_code", 0)
    except (KeyboardInterrupt, ExternalShutdownException):
        code = getattr(node, "exit_code", 0)
    except (UavTrackerError, RCLError) as error:
        if isinstance(error, RCLError) and begun and not rclpy.ok():  # told to end while it was starting
            code = getattr(node, "exit_code", 0)
        else:
            name = node.get_name() if node is not None else getattr(make_node, "__name__", "node")
            sys.stderr.write(f"{name}: {error}\n")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not cut the clean end short
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return code


def finish(node: Node, code: int = 0) -> None:
    """End the process of a node from any of its threads, with this exit code."""
    node.exit_code = code
    node.context.try_shutdown()


@contextlib.contextmanager
def until_shutdown(node: Node) -> Iterator[None]:
    """Around what a thread publishes: when ROS shuts down meanwhile, it goes nowhere without an error."""
    try:
        yield
    except (RCLError, InvalidHandle):
        if node.context.ok():
            raise


def reporting(transition: Transition[N]) -> Transition[N]:
    """Decorator of ``on_configure`` and its kin: what they raise is logged and becomes FAILURE.

    rclpy turns an exception in a transition into ERROR and says nothing.
    """

    @functools.wraps(transition)
    def told(node: N, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except UavTrackerError as error:
            node.get_logger().error(str(error))
        except Exception as error:
            if isinstance(error, (RCLError, InvalidHandle)) and not node.context.ok():
                return TransitionCallbackReturn.FAILURE  # ROS shut down meanwhile: no fault of the node
            logging.getLogger(__name__).exception("%s: %s failed", node.get_name(), transition.__name__)
        return TransitionCallbackReturn.FAILURE

    return told


def _executor(threads: int) -> Executor:
    return SingleThreadedExecutor() if threads == 1 else MultiThreadedExecutor(num_threads=threads)


def _spin(executor: Executor) -> None:
    while executor.context.ok():
        # A subscription that one thread replaces may be in the list that another one waits on: rclpy
        # then raises out of spin, and the list is made anew on the next call.
        with contextlib.suppress(InvalidHandle):
            executor.spin()


def _declare_autostart(node: Node) -> bool:
    description = "configure and activate at start; false: wait for a lifecycle manager"
    return bool(node.declare_parameter("autostart", True, ParameterDescriptor(description=description)).value)


def _start(node: LifecycleNode) -> bool:
    return (
        node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        and node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    )


class _RosHandler(logging.Handler):
    """Hands what the core logs to the node's logger."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._logger: Any = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # One line each: rclpy ties the severity to the line of the call.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


def _log_to(node: Node) -> None:
    root = logging.getLogger()
    root.handlers = [_RosHandler(node)]
    root.setLevel(logging.INFO)
