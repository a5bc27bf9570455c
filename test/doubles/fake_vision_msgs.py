"""Both layouts of ``vision_msgs``: before Humble, and since."""

from __future__ import annotations

from types import SimpleNamespace


def module(layout: str) -> SimpleNamespace:
    """What ``import vision_msgs.msg`` would give; ``layout`` is "old" or "new"."""
    new = layout == "new"

    def detection() -> SimpleNamespace:
        center = SimpleNamespace(position=SimpleNamespace(x=0.0, y=0.0)) if new else SimpleNamespace(x=0.0, y=0.0)
        fields = {"header": None, "results": [], "bbox": SimpleNamespace(center=center, size_x=0.0, size_y=0.0)}
        return SimpleNamespace(**fields, **({"id": ""} if new else {}))

    def hypothesis() -> SimpleNamespace:
        if new:
            return SimpleNamespace(hypothesis=SimpleNamespace(class_id="", score=0.0))
        return SimpleNamespace(id="", score=0.0)

    return SimpleNamespace(
        Detection2DArray=lambda: SimpleNamespace(header=None, detections=[]),
        Detection2D=detection,
        ObjectHypothesisWithPose=hypothesis,
    )
