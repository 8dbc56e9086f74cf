# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes features of AMASS: `python -m models.prepare_amass --amass DIR --body-models DIR --out FOLDER`.

DIR of the body models holds smplh/male/model.npz and smplh/female/model.npz. FOLDER gets guoh3dfeats/ with one .npy per file
and, below M/, its mirror image; beside it go annotations.json and splits/ (KIT-ML, HumanML3D) or train.json and val.json
(BABEL). An interrupted run goes on where it was.
"""

import argparse
import sys
from itertools import chain
from pathlib import Path

from models.data import amass
from tmr_blender.errors import TMRError

EVERY = 100
"""Files between two lines of progress."""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code: 2 if files or body models are missing or some could not be read."""
    parser = argparse.ArgumentParser(
        prog="python -m models.prepare_amass", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--amass", type=Path, required=True, help="folder of the unpacked SMPL+H archives")
    parser.add_argument("--body-models", type=Path, required=True, help="folder with smplh/{male,female}/model.npz")
    parser.add_argument("--humanact12", type=Path, help="folder of HumanML3D's joints of HumanAct12, which is not in AMASS")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--again", action="store_true", help="make files anew that are there already")
    options = parser.parse_args(arguments)
    counts = {amass.WRITTEN: 0, amass.KEPT: 0, amass.NO_MOTION: 0, "not readable": 0}
    try:
        steps = [amass.prepare(options.amass, options.body_models, options.out, options.again)]
        if options.humanact12:
            steps.append(amass.prepare_joints(options.humanact12, options.out))
        for done, (_, became) in enumerate(chain(*steps), 1):
            if became not in counts:
                print(became, file=sys.stderr)
                became = "not readable"
            counts[became] += 1
            if done % EVERY == 0:
                print(f"{done} files", flush=True)
    except TMRError as error:
        print(error, file=sys.stderr)
        return 2
    print(", ".join(f"{count} {became}" for became, count in counts.items()))
    return 2 if counts["not readable"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
