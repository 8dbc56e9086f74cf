# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of ids, one file per split, as HumanML3D and the unified annotations have them."""

import re
from pathlib import Path

from tmr_blender.errors import FileProblem

SPLITS = ("train", "val", "test")
_ID = re.compile(r"\w[\w.-]*")


def read(folder: Path) -> dict[str, str]:
    """Id to split, of train.txt, val.txt and test.txt in `folder`, in their order.

    A mirrored id (`M` before the original's) always has the split of its original, whichever list names it. all.txt is
    their union and is not needed. Raises FileProblem for a list that is missing, an id in two lists, or one that is no name.
    """
    found: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        if not path.is_file():
            raise FileProblem(f"{path} is missing: the ids of the {split} split, one a line, belong there.")
        for name in path.read_text(encoding="utf-8").split():
            if not _ID.fullmatch(name):
                raise FileProblem(f"{path}: {name[:60]!r} is no id.")
            if found.setdefault(name, split) != split:
                raise FileProblem(f"{path}: {name} is also in {found[name]}.txt; a motion belongs to one split.")
    return {name: found.get(name.removeprefix("M"), split) for name, split in found.items()}
