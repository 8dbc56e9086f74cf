# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone is what, by tables and by shape."""

from collections.abc import Mapping
from dataclasses import replace

import bodies
import numpy as np
import pytest

from tmr_blender.errors import SkeletonProblem
from tmr_blender.retarget import roles
from tmr_blender.retarget.conventions import TABLE, Convention
from tmr_blender.retarget.rig import Rig

SHOWN = {"left_elbow", "right_knee", "pelvis", "spine3", "neck1", "head", "left_foot"}


def expected(names: Mapping[str, str]) -> dict[str, str]:
    return {role: names[role.replace("neck1", "neck")] for role in SHOWN}


@pytest.mark.parametrize(("convention", "names"), [("Mixamo", bodies.MIXAMO), ("Unreal", bodies.UNREAL)])
def test_known_conventions(convention: str, names: Mapping[str, str]) -> None:
    found = roles.map_rig(bodies.rig(names, 40.0))
    assert (found.convention, found.score) == (convention, pytest.approx(1.0, abs=0.2))
    assert {role: found.bones[role] for role in SHOWN} == expected(names)
    assert found.travel == names["pelvis"]


def named(row: Convention) -> dict[str, str]:
    """The bones of `bodies.body` in the names of a table row."""
    trunk = {"pelvis": row.pelvis, "head": row.head, "neck": row.neck[0]}
    trunk |= {f"spine{i}": row.spine[i - 1] for i in (1, 2, 3)}
    sides = {
        f"{side}_{role}": name.split("|")[0].replace("{s}", word)
        for side, word in zip(("left", "right"), row.sides, strict=True)
        for role, name in row.pairs.items()
    }
    return trunk | sides


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_recognises_its_own_names(row: Convention) -> None:
    names = named(row)
    found = roles.map_rig(bodies.rig(names, 40.0))
    assert found.convention == row.name
    assert {role: found.bones[role] for role in SHOWN} == expected(names)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_row_names_each_bone_once(row: Convention) -> None:
    names = [name for word in row.sides for name in (*row.pairs.values(), *(n for f in row.fingers.values() for n in f))]
    spelled = [
        name.replace("{s}", word)
        for name, word in zip(names, [w for w in row.sides for _ in range(len(names) // 2)], strict=True)
    ]
    spelled += [row.pelvis, row.head, *row.spine, *row.neck]
    assert len({name.casefold() for name in spelled}) == len(spelled)


@pytest.mark.parametrize("prefix", ["", "mixamorig1:", "Anna:rig:mixamorig:"])
def test_namespaces_and_case_do_not_matter(prefix: str) -> None:
    names = {role: prefix + name.split(":")[1].upper() for role, name in bodies.MIXAMO.items()}
    assert roles.map_rig(bodies.rig(names)).convention == "Mixamo"


def test_names_in_no_table() -> None:
    names = {role: f"Bip_{role.replace('left_', 'L_').replace('right_', 'R_')}_ctl" for role in bodies.MIXAMO}
    found = roles.map_rig(bodies.rig(names, 40.0))
    assert found.convention == "shape"
    assert {role: found.bones[role] for role in SHOWN} == expected(names)


def test_a_table_that_fits_by_names_only_is_no_fit() -> None:
    """Forearms hanging on nothing are not those of the convention."""
    rig = bodies.rig(bodies.UNREAL)
    parents = rig.parents.copy()
    for side in "lr":
        parents[rig.index(f"lowerarm_{side}")] = -1
    with pytest.raises(SkeletonProblem):
        roles.map_rig(replace(rig, parents=parents, carriers=parents))


def test_sides_named_as_the_viewer_sees_them() -> None:
    swapped = {role: bodies.UNREAL[mirror(role)] for role in bodies.UNREAL}
    found = roles.map_rig(bodies.rig(swapped))
    assert found.bones["left_elbow"] == "lowerarm_r"
    assert found.bones["right_ankle"] == "foot_l"


def mirror(role: str) -> str:
    return role.replace("left", "?").replace("right", "left").replace("?", "right")


def test_hips_held_by_their_parent_travel_by_it() -> None:
    rig = bodies.rig(bodies.UNREAL)
    count = rig.count
    rooted = replace(
        rig,
        names=("root", *rig.names),
        parents=np.concatenate([[-1], rig.parents + 1]),
        carriers=np.concatenate([[-1], rig.parents + 1]),
        rest=np.concatenate([np.eye(4)[None], rig.rest]),
        lengths=np.append(1.0, rig.lengths),
        modes=("QUATERNION", *rig.modes),
        connected=np.concatenate([[False, True], np.zeros(count - 1, dtype=bool)]),
        local_location=np.ones(count + 1, dtype=bool),
        rotation_locks=np.zeros((count + 1, 4), dtype=bool),
        location_locks=np.zeros((count + 1, 3), dtype=bool),
        displaced=np.zeros(count + 1, dtype=bool),
    )
    assert roles.map_rig(rooted).travel == "root"


def few(rig: Rig, count: int) -> Rig:
    """The first bones of a rig."""
    return replace(
        rig,
        names=rig.names[:count],
        parents=rig.parents[:count],
        carriers=rig.parents[:count],
        rest=rig.rest[:count],
        lengths=rig.lengths[:count],
        modes=rig.modes[:count],
    )


def test_no_bones() -> None:
    with pytest.raises(SkeletonProblem, match="no bones"):
        roles.map_rig(few(bodies.rig(bodies.UNREAL), 0))


def test_not_a_human() -> None:
    with pytest.raises(SkeletonProblem):
        roles.map_rig(few(bodies.rig(bodies.UNREAL), 6))
