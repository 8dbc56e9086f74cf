# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX files in ASCII, built in code: skeletons, takes, units and axes as wanted."""

from dataclasses import dataclass, field

import numpy as np

KTIME = 46186158000
"""FBX's ticks in a second."""


@dataclass
class Limb:
    """A node: translation and rotation (degrees, X then Y then Z) at rest; keys: take -> (frames, 3) degrees."""

    name: str
    parent: str
    translation: tuple[float, float, float]
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    kind: str = "LimbNode"
    keys: dict[str, np.ndarray] = field(default_factory=dict)


AXES = {"y": ((1, 1), (2, 1), (0, 1)), "z": ((2, 1), (1, -1), (0, 1)), "x": ((0, 1), (2, 1), (1, -1))}
"""By the axis that is up: the axis and sign of up, front and right side ("coord"), each a right-handed system."""


def text(limbs: list[Limb], takes: list[str], fps: int = 30, unit: float = 1.0, z_up: bool = False, x_up: bool = False) -> str:
    """The file. unit: centimetres in its unit; z_up: Z is up and -Y the front; x_up: X and Z; else Y up and Z the front."""
    ids = {limb.name: 1000 + i for i, limb in enumerate(limbs)}
    objects, links = [], []
    for limb in limbs:
        objects.append(_model(ids[limb.name], limb))
        if limb.kind == "LimbNode":
            objects.append(
                f'\tNodeAttribute: {ids[limb.name] + 5000}, "NodeAttribute::", "LimbNode" {{\n\t\tTypeFlags: "Skeleton"\n\t}}'
            )
            links.append((ids[limb.name] + 5000, ids[limb.name], ""))
        links.append((ids[limb.name], ids.get(limb.parent, 0), ""))
    for number, take in enumerate(takes):
        stack, layer = 20000 + number, 30000 + number
        span = max((len(limb.keys[take]) for limb in limbs if take in limb.keys), default=2) - 1
        objects.append(
            f'\tAnimationStack: {stack}, "AnimStack::{take}", "" {{\n\t\tProperties70:  {{\n'
            f'\t\t\tP: "LocalStop", "KTime", "Time", "",{span * KTIME // fps}\n\t\t}}\n\t}}'
        )
        objects.append(f'\tAnimationLayer: {layer}, "AnimLayer::Base", "" {{\n\t}}')
        links.append((layer, stack, ""))
        for limb in limbs:
            if take in limb.keys:
                _curves(
                    objects, links, ids[limb.name], layer, 100000 * (number + 1) + 10 * ids[limb.name], limb.keys[take], fps
                )
    axes = "".join(
        f'\t\tP: "{name}Axis", "int", "Integer", "",{axis}\n\t\tP: "{name}AxisSign", "int", "Integer", "",{sign}\n'
        for name, (axis, sign) in zip(("Up", "Front", "Coord"), AXES["z" if z_up else "x" if x_up else "y"], strict=True)
    )
    joined = "\n".join(f'\tC: "{"OP" if name else "OO"}",{a},{b}' + (f', "{name}"' if name else "") for a, b, name in links)
    return (
        "; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n\tFBXHeaderVersion: 1003\n\tFBXVersion: 7400\n}\n"
        "GlobalSettings:  {\n\tVersion: 1000\n\tProperties70:  {\n"
        f"{axes}"
        f'\t\tP: "UnitScaleFactor", "double", "Number", "",{unit}\n'
        f'\t\tP: "TimeMode", "enum", "", "",14\n\t\tP: "CustomFrameRate", "double", "Number", "",{fps}\n\t}}\n}}\n'
        "Objects:  {\n" + "\n".join(objects) + "\n}\nConnections:  {\n" + joined + "\n}\n"
    )


def _model(identity: int, limb: Limb) -> str:
    lines = [f'\tModel: {identity}, "Model::{limb.name}", "{limb.kind}" {{\n\t\tVersion: 232\n\t\tProperties70:  {{']
    size = (limb.scale,) * 3
    for name, values in (("Translation", limb.translation), ("Rotation", limb.rotation), ("Scaling", size)):
        lines.append(f'\t\t\tP: "Lcl {name}", "Lcl {name}", "", "A",{",".join(map(str, values))}')
    return "\n".join([*lines, "\t\t}\n\t}"])


def _curves(
    objects: list[str], links: list[tuple[int, int, str]], model: int, layer: int, first: int, keys: np.ndarray, fps: int
) -> None:
    objects.append(f'\tAnimationCurveNode: {first}, "AnimCurveNode::R", "" {{\n\t}}')
    links += [(first, layer, ""), (first, model, "Lcl Rotation")]
    times = ",".join(str(i * KTIME // fps) for i in range(len(keys)))
    for axis, name in enumerate("XYZ"):
        values = ",".join(f"{value:.9g}" for value in keys[:, axis])
        n = len(keys)
        objects.append(
            f'\tAnimationCurve: {first + 1 + axis}, "AnimCurve::", "" {{\n\t\tDefault: 0\n\t\tKeyVer: 4008\n'
            f"\t\tKeyTime: *{n} {{\n\t\t\ta: {times}\n\t\t}}\n\t\tKeyValueFloat: *{n} {{\n\t\t\ta: {values}\n\t\t}}\n"
            f"\t\tKeyAttrFlags: *1 {{\n\t\t\ta: 4\n\t\t}}\n\t\tKeyAttrDataFloat: *4 {{\n\t\t\ta: 0,0,0,0\n\t\t}}\n"
            f"\t\tKeyAttrRefCount: *1 {{\n\t\t\ta: {n}\n\t\t}}\n\t}}"
        )
        links.append((first + 1 + axis, first, f"d|{name}"))
