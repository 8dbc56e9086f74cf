# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes that the benchmark uses: real ones, cut to a piece and thinned to about 30 frames a second as text.

Both sides read the same small file, and what is true at a frame is in the file: nothing has been resampled by either. The
joints of each skeleton are listed here, so that no recognition of the extension's decides what is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SIDED = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")


def _both(sides: tuple[str, str], names: tuple[str, ...], **single: str) -> dict[str, str]:
    """role -> joint, of both sides; `{s}` stands for the side."""
    table = dict(single)
    for side, word in zip(("left", "right"), sides, strict=True):
        table |= {f"{side}_{role}": name.replace("{s}", word) for role, name in zip(SIDED, names, strict=False)}
    return table


@dataclass(frozen=True)
class Body:
    """A skeleton that takes come on.

    metres: of one unit of the file. joints: role -> joint. stands: whether its rest pose is a standing T pose.
    fingers: role without side -> joint with `{s}`, of the knuckles. across: where a hand has none, the direction of the
    knuckles from the little finger to the index at rest, in the world.
    """

    name: str
    metres: float
    joints: Mapping[str, str]
    stands: bool
    across: tuple[float, float, float] | None = None


CMU = Body(
    "CMU",
    0.0254 / 0.45,
    _both(
        ("Left", "Right"),
        ("{s}Shoulder", "{s}Arm", "{s}ForeArm", "{s}Hand", "{s}UpLeg", "{s}Leg", "{s}Foot", "{s}ToeBase"),
        pelvis="Hips",
        spine1="LowerBack",
        spine2="Spine",
        spine3="Spine1",
        neck="Neck",
        head="Head",
    ),
    stands=True,
    # The palms look down in this T pose, the thumbs ahead.
    across=(0.0, -1.0, 0.0),
)
_CC = tuple(f"CC_Base_{{s}}_{name}" for name in ("Clavicle", "Upperarm", "Forearm", "Hand", "Thigh", "Calf", "Foot", "ToeBase"))
ICLONE = Body(
    "iClone",
    0.01,
    _both(
        ("L", "R"),
        _CC,
        pelvis="CC_Base_Hip",
        spine1="CC_Base_Waist",
        spine2="CC_Base_Spine01",
        spine3="CC_Base_Spine02",
        neck="CC_Base_NeckTwist01",
        head="CC_Base_Head",
    )
    | {f"{side}_{f}1": f"CC_Base_{side[0].upper()}_{f.title()}1" for side in ("left", "right") for f in ("index", "pinky")},
    stands=False,
)
BANDAI = Body(
    "Bandai",
    0.01,
    _both(
        ("L", "R"),
        tuple(f"{name}_{{s}}" for name in ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes")),
        pelvis="Hips",
        spine1="Spine",
        spine3="Chest",
        neck="Neck",
        head="Head",
    ),
    stands=False,
)


@dataclass(frozen=True)
class Take:
    """A piece of a file: frames from `first` (0 is the file's first) to `last`, every `step`-th."""

    name: str
    body: Body
    file: str
    first: int
    last: int
    step: int

    def cut(self, shared: Path, folder: Path) -> Path:
        """The piece as a file of its own."""
        head, rest = (shared / "mocap" / self.file).read_text(encoding="utf-8").split("MOTION", 1)
        _, rate, *lines = rest.strip().splitlines()
        kept = [line for line in lines if line.strip()][self.first : self.last : self.step]
        seconds = float(rate.split(":")[1]) * self.step
        # As is usual: the file says 0.0083333 and means a 120th.
        seconds = 1.0 / round(1.0 / seconds)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.bvh"
        text = f"{head}MOTION\nFrames: {len(kept)}\nFrame Time: {seconds:.9f}\n" + "\n".join(kept) + "\n"
        path.write_text(text, encoding="utf-8")
        return path


TAKES = (
    Take("walk", CMU, "cmu/10_04.bvh", 2, 550, 4),
    Take("hop", CMU, "cmu/49_02.bvh", 300, 900, 4),
    Take("cartwheel", CMU, "cmu/49_07.bvh", 2, 472, 4),
    Take("curl", CMU, "cmu/49_10.bvh", 300, 900, 4),
    Take("dribble", ICLONE, "cmu_iclone/006_14.bvh", 1, 239, 2),
    Take("kick", BANDAI, "bandai/dataset-1_kick_normal_001.bvh", 60, 240, 1),
)
"""A walk, hops on one leg, a cartwheel, a dance that folds down to the floor, dribbling a ball, and a kick."""

TIMED = Take("466 frames", CMU, "cmu/05_06.bvh", 2, 468, 1)
TEN_SECONDS = Take("10 s", CMU, "cmu/49_03.bvh", 2, 1202, 4)
