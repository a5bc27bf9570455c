"""A node that is told to end while it starts ends cleanly; one that cannot start does not."""

import pytest
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Empty

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.nodes.node_main import reporting, run


class Starting(LifecycleNode):
    """What happens in the middle of its start is given."""

    happens = staticmethod(lambda node: None)

    def __init__(self):
        super().__init__("starting")

    @reporting
    def on_configure(self, state):
        type(self).happens(self)
        self.create_publisher(Empty, "here", 1)
        return super().on_configure(state)

    @reporting
    def on_activate(self, state):
        self.context.try_shutdown()  # nothing else would end the spinning
        return super().on_activate(state)


def refuse(node):
    raise InvalidParameter("rate is 0; expected more: raise it")


def break_down(node):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("happens", "code", "says"),
    [
        pytest.param(lambda node: None, 0, "", id="nothing"),
        pytest.param(lambda node: node.context.try_shutdown(), 0, "", id="shut down"),
        pytest.param(refuse, 1, "rate is 0", id="settings refused"),
        pytest.param(break_down, 1, "ZeroDivisionError", id="a fault"),
    ],
)
def test_exit_code_of_a_start(capfd, monkeypatch, happens, code, says):
    monkeypatch.setattr(Starting, "happens", staticmethod(happens))
    assert run(Starting, []) == code
    said = capfd.readouterr().err
    assert says in said
    assert ("Traceback" in said) == (happens is break_down)
