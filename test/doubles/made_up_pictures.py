"""A data folder of training pictures, drawn small: stills, backgrounds, cut-outs and clips, train and val."""

import json
from pathlib import Path

import cv2
import numpy as np

BOX = (90, 70, 40, 30)  # px, of every picture


def scene(seed: int, shift: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (240, 180), interpolation=cv2.INTER_CUBIC)
    x, y, w, h = BOX
    cv2.rectangle(image, (x + shift, y), (x + shift + w - 1, y + h - 1), (0, 0, 255), -1)
    return image


def make(folder: Path) -> Path:
    for part in ("stills", "backgrounds", "cutouts", "clips"):
        (folder / part).mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(folder / "stills" / f"made_{number}.png"), scene(number))
        cv2.imwrite(str(folder / "backgrounds" / f"ground_{number}.png"), scene(10 + number))
        disc = np.zeros((64, 64, 4), np.uint8)
        cv2.circle(disc, (32, 32), 28, (0, 80 * number, 255, 255), -1)
        cv2.imwrite(str(folder / "cutouts" / f"coco_{number}_0_ball.webp"), disc)
    table = {f"made_{number}.png": [[*BOX, "car"]] for number in range(3)}
    (folder / "stills.json").write_text(json.dumps(table))
    rows = []
    for name, split in (("moving", "train"), ("judge", "val")):
        video = cv2.VideoWriter(str(folder / "clips" / f"{name}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (240, 180))
        for number in range(4):
            video.write(scene(20, 4 * number))
        video.release()
        lines = [f"{BOX[0] + 4 * number},{BOX[1]},{BOX[2]},{BOX[3]}" for number in range(4)]
        (folder / "clips" / f"{name}.txt").write_text("\n".join(lines))
        rows.append({"name": name, "split": split})
    (folder / "clips.json").write_text(json.dumps(rows))
    return folder
