from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from uav_tracker_ros.errors import (
    BackendUnavailable,
    InvalidParameter,
    ModelFileDamaged,
    ModelFileMissing,
    UnknownName,
)
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.model_table import default_models_dir, read_table

NETWORKS = {"siamfcpp", "p_siamfcpp", "ps_siamfcpp", "siamcar", "siamfcpp_lite0", "utrack", "siamdff", "eatrack"}


def table(folder: Path, text: str) -> Path:
    (folder / "models.yaml").write_text(text)
    return folder


def test_all_names_are_listed() -> None:
    assert NETWORKS | {"csrt", "mil", "static", "nanotrack2", "nanotrack3", "dsatrack_d7"} <= set(registry.names())


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'csrt'"):
        registry.create("crst")


def test_row_without_weights_says_what_is_missing_and_what_is_usable(tmp_path: Path) -> None:
    folder = table(tmp_path, "trackers: {mynet: {family: mynet, needs_weights: true}, static: {family: static}}")
    with pytest.raises(ModelFileMissing, match=r"mynet: its weights are not part of this release.*: .*csrt.*static"):
        registry.create("mynet", models_dir=folder)
    row = registry.describe("mynet", models_dir=folder)
    assert (row.weights, row.params, row.dev) == ("absent", None, None)


def test_peers_folder_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UAV_TRACKER_PEERS", raising=False)
    with pytest.raises(ModelFileMissing, match="set UAV_TRACKER_PEERS"):
        registry.create("nanotrack3")


def test_peers_folder_without_the_files(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match=r"lacks nanotrack3_backbone.onnx, nanotrack3_head.onnx"):
        registry.create("nanotrack3", peers_dir=tmp_path)


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    for part in ("backbone", "head"):
        (tmp_path / f"nanotrack3_{part}.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelFileDamaged, match="copy it again"):
        registry.create("nanotrack3", peers_dir=tmp_path)


def test_right_checksum_but_no_network(tmp_path: Path) -> None:
    rows = []
    for part in ("backbone", "head"):
        (tmp_path / f"{part}.onnx").write_bytes(b"not a network")
        rows.append(f"{{graph: {part}, name: {part}.onnx, sha256: {hashlib.sha256(b'not a network').hexdigest()}}}")
    text = f"trackers: {{nanotrack3: {{family: nanotrack, backends: [onnxruntime], files: [{', '.join(rows)}]}}}}"
    with pytest.raises(ModelFileDamaged, match="copy the file again"):
        registry.create("nanotrack3", models_dir=table(tmp_path, text))


def test_unknown_backend_and_backend_of_another_tracker(peers_dir: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'onnxruntime'"):
        registry.create("nanotrack3", backend="onnxruntme", peers_dir=peers_dir)
    with pytest.raises(BackendUnavailable, match="it runs on onnxruntime"):
        registry.create("nanotrack3", backend="torch", peers_dir=peers_dir)
    with pytest.raises(BackendUnavailable, match="it runs on nothing"):
        registry.create("csrt", backend="torch")


def test_threads_are_checked() -> None:
    with pytest.raises(InvalidParameter, match="at least 1"):
        registry.create("static", threads=0)


def test_name_is_registered_once() -> None:
    with pytest.raises(InvalidParameter, match="registered twice"):
        registry.register("static")(lambda build: None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("trackers: [", id="no YAML"),
        pytest.param("rows: {}", id="no trackers"),
        pytest.param("trackers: {a: {family: a, wieghts: 3}}", id="unknown key"),
        pytest.param("trackers: {a: 3}", id="a number for a row"),
    ],
)
def test_broken_table(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidParameter, match="cannot be read"):
        read_table(table(tmp_path, text))


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match=r"models.yaml is not there"):
        registry.names(tmp_path)


def test_shipped_table_is_whole() -> None:
    rows = read_table(default_models_dir())
    assert rows["ps_siamfcpp"].params == 5_792_011
    assert rows["siamfcpp"].macs == 8_561_400_608
    for row in rows.values():
        assert row.licence
        assert all(len(entry.sha256) == 64 for entry in row.files)


def test_created_tracker_carries_its_calibration() -> None:
    calibration = registry.calibration("csrt")
    assert calibration is not None
    assert registry.create("csrt").calibration == calibration
