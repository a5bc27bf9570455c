"""A run is the same whether it was interrupted or not, on one rank or two, and never lasts longer than it may."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from safetensors.torch import load_file  # noqa: E402 - after the check for torch
from toy_lesson import ToyLesson, ToySource  # noqa: E402

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter  # noqa: E402
from uav_tracker_ros.training import checkpoint  # noqa: E402
from uav_tracker_ros.training import engine as engine_module  # noqa: E402
from uav_tracker_ros.training.engine import Engine, RunSettings  # noqa: E402
from uav_tracker_ros.training.lesson import Schedule  # noqa: E402

SCHEDULE = Schedule(samples=96, batch=8, rate=0.05, warm_up=2)


def _engine(out: Path, samples: int = 96, **settings: object) -> Engine:
    given = {"recipe": "toy", "out": out, "started": time.monotonic(), **settings}
    return Engine(ToyLesson(), replace(SCHEDULE, samples=samples), ToySource(), RunSettings(**given))


def _weights(out: Path) -> "dict[str, torch.Tensor]":
    return torch.load(out / checkpoint.STATE, weights_only=True)["lesson"]


@pytest.mark.parametrize(("canvases", "reuse"), [(0, 1.0), (32, 3.0)], ids=["stream", "ring"])
def test_an_interrupted_run_reaches_the_same_weights(tmp_path: Path, canvases: int, reuse: float) -> None:
    whole = _engine(tmp_path / "whole", canvases=canvases, reuse=reuse)
    whole.run()
    parts = tmp_path / "parts"
    for stop in (5, 9, 12):
        engine = _engine(parts, canvases=canvases, reuse=reuse)
        engine._over = lambda engine=engine, stop=stop: engine.step >= stop  # type: ignore[method-assign]
        engine.run()
    for name, value in _weights(tmp_path / "whole").items():
        assert torch.equal(value, _weights(parts)[name]), name
    steps = [float(row["step"]) for row in csv.DictReader((parts / "log.csv").open())]
    assert steps == sorted(set(steps))


def test_weights_come_out_averaged_and_the_loss_falls(tmp_path: Path) -> None:
    engine = _engine(tmp_path, samples=1600)
    first = engine.lesson.linear.weight.detach().clone()
    engine.run()
    last = load_file(tmp_path / "last.safetensors")
    assert torch.allclose(last["weight"].float(), engine.average["linear.weight"], rtol=1e-3)
    truth = torch.tensor([[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]])
    assert (last["weight"] - truth).abs().mean() < 0.5 * (first - truth).abs().mean()
    assert (tmp_path / "best.safetensors").is_file()
    assert cv2.imread(str(tmp_path / "log.png")) is not None or len(engine.log.rows) < 2


def test_each_sample_is_drawn_as_often_as_asked(tmp_path: Path) -> None:
    engine = _engine(tmp_path, samples=480, canvases=40, reuse=4.0)
    engine.run()
    drawn = engine.replay._source.drawn
    assert drawn == sorted(set(drawn))
    assert 480 / 4 <= len(drawn) <= 480 / 4 + 40


class _Clock:
    """Each step takes a tenth of a second, whatever the machine does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(engine_module, "time", self)

    def monotonic(self) -> float:
        return self.now

    def drive(self, engine: Engine) -> Engine:
        step = engine._one_step

        def timed(wrapped: object) -> None:
            step(wrapped)
            self.now += 0.1

        engine._one_step = timed  # type: ignore[method-assign]
        return engine


def test_it_stops_before_its_minutes_with_everything_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    engine = clock.drive(_engine(tmp_path, samples=10**9, seconds=5.0, started=clock.now))
    figures = engine.run()
    assert 1000 + 5.0 - engine_module._LEAST_RESERVE <= clock.now < 1000 + 5.0
    assert figures["samples"] == engine.step * 8 > 0
    assert torch.load(tmp_path / checkpoint.STATE, weights_only=True)["step"] == engine.step


def test_finish_brings_the_rate_down_within_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    settings = {"samples": 10**9, "seconds": 9.0, "finish": True}
    engine = clock.drive(_engine(tmp_path, **settings, started=clock.now))
    engine.run()
    assert engine.step < engine.schedule.steps
    assert engine.optimizer.param_groups[0]["lr"] / 0.5 < 0.02 * SCHEDULE.rate


def test_a_signal_saves_and_ends(tmp_path: Path) -> None:
    engine = _engine(tmp_path, samples=10**9)
    step = engine._one_step

    def kicked(wrapped: object) -> None:
        step(wrapped)
        if engine.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    engine._one_step = kicked  # type: ignore[method-assign]
    engine.run()
    assert torch.load(tmp_path / checkpoint.STATE, weights_only=True)["step"] == 7
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_batch_that_gives_no_number_teaches_nothing(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    before = engine.lesson.linear.weight.detach().clone()
    prepare = engine.lesson.prepare
    engine.lesson.prepare = lambda batch, generator: {**prepare(batch, generator), "y": batch["y"] * torch.nan}
    engine._one_step(engine._module)
    assert torch.equal(engine.lesson.linear.weight, before)


def test_workers_fill_the_ring_and_end_with_the_run(tmp_path: Path) -> None:
    engine = _engine(tmp_path, canvases=64, reuse=2.0, workers=2)
    processes = engine.replay._feeder._processes
    engine.run()
    assert engine.replay.position >= 16
    assert not any(process.is_alive() for process in processes)
    seen = [number for batch in engine.lesson.batches for number in batch]
    assert len(set(seen)) >= 16


def test_a_worker_s_error_is_told(tmp_path: Path) -> None:
    class Broken(ToySource):
        def draw(self, index: int) -> dict:
            if index > 3:
                raise ValueError(f"no sample {index}")
            return super().draw(index)

    engine = Engine(ToyLesson(), SCHEDULE, Broken(), RunSettings("toy", tmp_path, canvases=64, workers=2))
    with pytest.raises(Exception, match="no sample"):
        engine.run()


def test_pieces_are_joined_and_a_missing_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "last.safetensors"
    file.write_bytes(os.urandom(5000))
    content = file.read_bytes()
    pieces = checkpoint.split(file, 2000 / 2**20)
    assert [piece.stat().st_size for piece in pieces] == [2000, 2000, 1000]
    assert not file.exists()
    kept = pieces[1].read_bytes()
    pieces[1].unlink()
    with pytest.raises(InputUnreadable, match="piece2of3"):
        checkpoint.join_pieces(tmp_path)
    pieces[1].write_bytes(kept)
    checkpoint.join_pieces(tmp_path)
    assert file.read_bytes() == content
    assert checkpoint.split(file, 1.0) == [file]


def test_a_state_in_pieces_goes_on_and_another_recipe_is_refused(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    engine._over = lambda: engine.step >= 4  # type: ignore[method-assign]
    engine.run()
    checkpoint.split(tmp_path / checkpoint.STATE, 1000 / 2**20)
    assert _engine(tmp_path).step == 4
    with pytest.raises(InvalidParameter, match="a run of toy"):
        _engine(tmp_path, recipe="siamfcpp")


_RANK = """
import sys
from pathlib import Path
from toy_lesson import ToyLesson, ToySource
from uav_tracker_ros.training.engine import Engine, RunSettings
from uav_tracker_ros.training.lesson import Schedule
from uav_tracker_ros.training.ranks import Ranks

ranks = Ranks.join("cpu")
schedule = Schedule(samples=96, batch=8, rate=0.05, warm_up=2)
Engine(ToyLesson(0.0, 0.0), schedule, ToySource(), RunSettings("toy", Path(sys.argv[1])), ranks).run()
ranks.leave()
"""


def test_two_ranks_reach_the_weights_of_one(tmp_path: Path) -> None:
    script = tmp_path / "rank.py"
    script.write_text(_RANK)
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}:{root / 'test/doubles'}",
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run([*command, str(script), str(tmp_path / "two")], env=environment, check=True, timeout=120)
    one = Engine(ToyLesson(0.0, 0.0), SCHEDULE, ToySource(), RunSettings("toy", tmp_path / "one"))
    one.run()
    for name, value in _weights(tmp_path / "one").items():
        assert torch.allclose(value, _weights(tmp_path / "two")[name], atol=1e-6), name
