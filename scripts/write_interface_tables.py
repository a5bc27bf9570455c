#!/usr/bin/env python3
"""Renews the generated tables of docs/interfaces.md; --check only says whether they are up to date."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.launch_options import ARGUMENTS, FOLLOW_NAMES, Argument

PAGE = Path(__file__).resolve().parents[1] / "docs" / "interfaces.md"
HEADER = "| name | unit | default | range or values | meaning |\n|---|---|---|---|---|"


def renewed(page: str) -> str:
    """The page with both tables as the code has them now."""
    follower = [_row(name, ARGUMENTS[name], _follower_default(name)) for name in FOLLOW_NAMES]
    others = [_row(name, item, item.default) for name, item in ARGUMENTS.items() if name not in FOLLOW_NAMES]
    page = _replaced(page, "follower settings", follower)
    return _replaced(page, "launch arguments", others)


def _follower_default(name: str) -> str:
    default = FollowSettings.__dataclass_fields__[name].default
    if isinstance(default, bool):
        return str(default).lower()
    return "at engaging" if isinstance(default, float) and math.isnan(default) else str(default)


def _row(name: str, argument: Argument, default: str) -> str:
    span = ", ".join(choice for choice in argument.choices if choice)
    if argument.low is not None and argument.high is not None:
        span = f"{argument.low:.10g} to {argument.high:.10g}"
    if argument.kind is bool:
        span = "true, false"
    meaning = argument.description.partition("; empty: the variant's (base")[0].replace("|", "\\|")
    return f"| `{name}` | {argument.unit} | {default} | {span} | {meaning} |"


def _replaced(page: str, name: str, rows: list[str]) -> str:
    begin, end = f"<!-- begin generated: {name} -->\n", f"<!-- end generated: {name} -->"
    head, _, rest = page.partition(begin)
    tail = rest.partition(end)[2]
    return f"{head}{begin}{HEADER}\n" + "\n".join(rows) + f"\n{end}{tail}"


def main() -> int:
    """Exit code 1 when --check finds a difference."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        return int(page != renewed(page))
    PAGE.write_text(renewed(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
