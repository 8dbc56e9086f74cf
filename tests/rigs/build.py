# SPDX-License-Identifier: GPL-3.0-or-later
"""From a hierarchy written as an indented list to a sample rig.

One bone a line: its name, its place (see `body.spot`), then marks. A line with {s} stands, with everything below it, for a
left bone and a right one. Marks:

    =role     the bone plays this role ("=knee" on a line with {s} is left_knee and right_knee)
    =travel   receives the location; =root is the bone on the floor
    ~role     a twist bone of the segment that starts at this role
    !role     the control of this limb's end under inverse kinematics; ?role its pole
    >place    where its tail is; otherwise at the first child that is neither at its head nor a twist bone
    -         an extra, which no tail reaches for
"""

from dataclasses import dataclass, field

import numpy as np

from .body import Shape, landmarks, spot
from .sample import Array, Bone, Constraint, Control, Sample

Y_UP_FBX = np.array([[0.01, 0, 0, 0], [0, 0, -0.01, 0], [0, 0.01, 0, 0], [0, 0, 0, 1.0]])
"""What Blender's FBX importer gives the object: the armature's own space is Y up, in centimetres."""
CENTIMETRES = np.diag([0.01, 0.01, 0.01, 1.0])
METRES = np.eye(4)


@dataclass
class _Line:
    name: str
    place: str
    marks: list[str]
    children: list["_Line"] = field(default_factory=list)


@dataclass
class _Made:
    name: str
    parent: str
    head: Array
    marks: list[str]
    sign: float
    side: str


def parsed(text: str) -> list[_Line]:
    """The lines as a forest."""
    roots: list[_Line] = []
    above: list[tuple[int, _Line]] = []
    for row in text.splitlines():
        if not row.strip():
            continue
        depth = len(row) - len(row.lstrip())
        words = row.split()
        line = _Line(words[0].replace("~", " "), words[1], words[2:])
        while above and above[-1][0] >= depth:
            above.pop()
        (above[-1][1].children if above else roots).append(line)
        above.append((depth, line))
    return roots


def sample(
    name: str,
    convention: str,
    text: str,
    shape: Shape | None = None,
    sides: tuple[str, str] = ("L", "R"),
    axes: str = "chain",
    world: Array = METRES,
    constraints: tuple[Constraint, ...] = (),
    properties: dict[tuple[str, str], float] | None = None,
    source: str = "",
    tilt: float = 0.0,
) -> Sample:
    """A sample from its hierarchy.

    axes: how the program turns its joints. "chain": bones along the limbs, unrolled. "palm": along the limbs, rolled so that
        the bone's Z faces forward in legs and trunk. "x": the joint's X runs along the limb (against it on the right), so that
        bones imported as they are stand across it. "world": all joints like the world.
    world: matrix of the object; the bones are written in its space. tilt: roll of every bone, degrees, on top.
    names: "~" in them is a space, {i} the first letter of the side. Constraints and properties with {s} are of both sides.
    """
    shape = shape or Shape()
    at = landmarks(shape)
    made: list[_Made] = []
    for line in parsed(text):
        _place(line, None, None, sides, at, shape.size, made)
    back = np.linalg.inv(world)
    heads = {bone.name: bone.head for bone in made}
    bones = []
    for bone in made:
        frame, length = _axes(axes, bone, made, heads, at, shape.size, tilt)
        head = back[:3, :3] @ bone.head + back[:3, 3]
        own = _rotation(back) @ frame
        scale = np.cbrt(np.linalg.det(back[:3, :3]))
        tail = head + own[:, 1] * length * scale
        connected = axes in ("chain", "palm") and bone.parent != "" and _touches(bone, made, heads, bones, head)
        bones.append(Bone(bone.name, bone.parent, _tuple(head), _tuple(tail), roll(own), connected))
    return Sample(
        name=name,
        convention=convention,
        bones=tuple(bones),
        world=world,
        **_said(made),
        constraints=tuple(each for c in constraints for each in _both(c, sides)),
        properties={(b.replace("{s}", s), k): v for (b, k), v in (properties or {}).items() for s in sides},
        source=source,
    )


def _place(
    line: _Line,
    parent: _Made | None,
    side: int | None,
    sides: tuple[str, str],
    at: dict[str, Array],
    size: float,
    made: list[_Made],
) -> None:
    if side is None and ("{s}" in line.name or "{i}" in line.name):
        for each in (0, 1):
            _place(line, parent, each, sides, at, size, made)
        return
    sign = -1.0 if side == 1 else 1.0
    head = spot(line.place, at, size, sign, parent.head if parent else np.zeros(3))
    name = line.name if side is None else line.name.replace("{s}", sides[side]).replace("{i}", sides[side][0])
    word = "" if side is None else ("left_", "right_")[side]
    bone = _Made(name, parent.name if parent else "", head, line.marks, sign, word)
    made.append(bone)
    for child in line.children:
        _place(child, bone, side, sides, at, size, made)


def _said(made: list[_Made]) -> dict:
    """What the marks say."""
    expected: dict[str, str] = {}
    twists: dict[str, tuple[str, ...]] = {}
    controls: dict[str, str] = {}
    poles: dict[str, str] = {}
    single = {"travel": "", "root": ""}
    for bone in made:
        for mark in bone.marks:
            kind, role = mark[0], mark[1:]
            sided = bone.side + role
            if kind == "=" and role in single:
                single[role] = bone.name
            elif kind == "=":
                expected[sided] = bone.name
            elif kind == "~":
                twists[sided] = (*twists.get(sided, ()), bone.name)
            elif kind == "!":
                controls[sided] = bone.name
            elif kind == "?":
                poles[sided] = bone.name
    return {
        "expected": expected,
        "twists": twists,
        "controls": {role: Control(name, poles.get(role, "")) for role, name in controls.items()},
        "travel": single["travel"] or expected.get("pelvis", ""),
        "root": single["root"],
    }


def _aim(bone: _Made, made: list[_Made], heads: dict[str, Array], at: dict[str, Array], size: float) -> Array:
    """From the bone's head to where its limb goes on."""
    for mark in bone.marks:
        if mark.startswith(">"):
            return spot(mark[1:], at, size, bone.sign, bone.head) - bone.head
    for child in made:
        extra = any(mark[0] in "~-!?" for mark in child.marks)
        if child.parent == bone.name and not extra and np.linalg.norm(child.head - bone.head) > 0.004 * size:
            return child.head - bone.head
    if bone.parent:
        along = bone.head - heads[bone.parent]
        if np.linalg.norm(along) > 1e-6:
            return along * 0.5
    return np.array([0.0, 0.0, 0.1]) * size


def _axes(
    style: str, bone: _Made, made: list[_Made], heads: dict[str, Array], at: dict[str, Array], size: float, tilt: float
) -> tuple[Array, float]:
    """(3, 3) rest axes in the world, and the length."""
    aim = _aim(bone, made, heads, at, size)
    length = max(float(np.linalg.norm(aim)), 0.01 * size)
    along = aim / np.linalg.norm(aim)
    if style == "world":
        frame = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])  # X left, Y up, Z forward
    elif style == "x":
        x = along * bone.sign
        y = np.cross([0.0, 0.0, 1.0] if abs(along[2]) < 0.7 else [1.0, 0.0, 0.0], x)
        y = y / np.linalg.norm(y)
        frame = np.stack([x, y, np.cross(x, y)], axis=1)
    elif style == "palm":
        z = np.array([0.0, -1.0, 0.0]) if abs(along[1]) < 0.8 else np.array([0.0, 0.0, 1.0])
        x = np.cross(along, z)
        x = x / np.linalg.norm(x)
        frame = np.stack([x, along, np.cross(x, along)], axis=1)
    else:
        frame = unrolled(along)
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    return np.asarray(frame @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), dtype=np.float64), length


def _touches(bone: _Made, made: list[_Made], heads: dict[str, Array], bones: list[Bone], head: Array) -> bool:
    """Whether the head is at the parent's tail; hips stay free, so that they can travel."""
    if "=pelvis" in bone.marks or "=travel" in bone.marks:
        return False
    parent = next(b for b in bones if b.name == bone.parent)
    return bool(np.linalg.norm(np.array(parent.tail) - head) < 1e-9 * max(1.0, float(np.abs(head).max())))


def unrolled(along: Array) -> Array:
    """(3, 3): Blender's axes of a bone without roll, Y along it: the shortest turn of the Y axis."""
    x, y, z = along
    away = x * x + z * z
    if y < 0.0 and away < 6.25e-8:
        return np.diag([-1.0, -1.0, 1.0])
    # Near -Y the sum 1 + y loses its digits; this is its series in what is left of the other two.
    f = 1.0 / (1.0 + y if y > -0.99 else away / 2 + away * away / 8)
    return np.array([[1 - x * x * f, x, -x * z * f], [-x, y, -z], [-x * z * f, z, 1 - z * z * f]])


def roll(frame: Array) -> float:
    """The roll of a bone with these axes."""
    free = unrolled(frame[:, 1]).T @ frame
    return float(np.arctan2(free[0, 2], free[0, 0]))


def _rotation(matrix: Array) -> Array:
    u, _, v = np.linalg.svd(matrix[:3, :3])
    return np.asarray(u @ v, dtype=np.float64)


def _both(constraint: Constraint, sides: tuple[str, str]) -> list[Constraint]:
    """The constraint of each side."""
    return [_of(constraint, side) for side in (sides if "{s}" in constraint.bone else ("",))]


def _of(c: Constraint, side: str) -> Constraint:
    influence = c.influence
    if isinstance(influence, tuple):
        influence = (influence[0].replace("{s}", side), influence[1], influence[2])
    settings = {key: value.replace("{s}", side) if isinstance(value, str) else value for key, value in c.settings.items()}
    return Constraint(c.bone.replace("{s}", side), c.kind, c.subtarget.replace("{s}", side), influence, settings)


def _tuple(v: Array) -> tuple[float, float, float]:
    return (float(v[0]), float(v[1]), float(v[2]))
