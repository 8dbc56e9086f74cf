# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys, within a stated error: Bezier curves in place of a key a frame.

Each bone gets keys of its own, all its channels at the same frames. Between two keys a curve is a cubic Hermite one, which
is what Blender makes of Bezier handles at a third of the way. Where the curve is too far from the motion, a key is added at the
worst frame (as Douglas and Peucker 1973 do for lines); where bones together stray too far, those that carry them are fitted
more closely.
"""

from dataclasses import replace

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from . import channels, standing
from .contacts import spans
from .keying import carried_order, carrier
from .rig import BoneKeys, Keys, Rig
from .target import rigid

# How often keys are added for bones that stray together, before all of them are kept.
ROUNDS = 200
# Frames to either side from which the slope at a key is taken.
SPAN = 2
# The part of the errors allowed that is for keys of the object, where it has some.
SHARE = 0.25


def reduce(keys: Keys, rig: Rig, degrees: float = 1.0, metres: float = 0.005) -> Keys:
    """The same motion with as few keys as hold every keyed bone within an error in every frame.

    degrees: by how much a bone may be turned otherwise, in the armature's space, all that carries it included.
    metres: by how much its head may lie elsewhere, in the world. Raises ValueError unless both are above zero.
    Where the object has keys, part of the errors is for them.
    """
    if not (degrees > 0.0 and metres > 0.0):
        raise ValueError("errors above zero are needed")
    rig = standing.lying(rig)
    if keys.object is not None and _moves(keys.object, keys.frames):
        found = _of_object(keys.object, keys, rig, SHARE * np.radians(degrees), SHARE * metres)
        bones = reduce(replace(keys, object=None), rig, (1.0 - SHARE) * degrees, (1.0 - SHARE) * metres)
        return replace(bones, object=found)
    scale = float(np.linalg.svd(rig.world[:3, :3])[1][0])
    fits = {rig.index(name): _Fit(bone, scale, keys.frames) for name, bone in keys.bones.items() if _moves(bone, keys.frames)}
    goal = _posed(rig, keys)
    fitted = {bone: fit.fitted(np.radians(degrees), metres) for bone, fit in fits.items()}
    for _ in range(ROUNDS):
        out = replace(keys, bones={**keys.bones, **{rig.names[bone]: found for bone, found in fitted.items()}})
        more = _strayed(rig, goal, _posed(rig, out), np.radians(degrees), metres)
        added = {bone: fits[bone].added(frames) for bone, frames in more.items() if bone in fits}
        if not more:
            return out
        if all(found is None for found in added.values()):
            break
        fitted.update({bone: found for bone, found in added.items() if found is not None})
    return keys


def _of_object(bone: BoneKeys, keys: Keys, rig: Rig, radians: float, metres: float) -> BoneKeys:
    """The object's keys so few that no bone is turned, or lies elsewhere, by more than that for them."""
    heads = np.concatenate([head for _, head in _posed(rig, keys).values()])
    reach = float(np.linalg.norm(heads @ rig.world[:3, :3].T, axis=-1).max(initial=0.0))
    now = quaternion.to_matrix(channels.to_quaternions(rig.object.rotation[None], rig.object.mode)[0])
    parent = rig.world[:3, :3] @ np.linalg.inv(quaternion.to_matrix(rig.object.before) @ now * rig.object.scale)
    fit = _Fit(bone, float(np.linalg.svd(parent)[1][0]), keys.frames)
    return fit.fitted(min(radians, 0.5 * metres / max(reach, 1e-9)), 0.5 * metres)


def count(keys: Keys) -> int:
    """How many keys there are on all curves together."""
    each = [*keys.bones.values(), *([keys.object] if keys.object is not None else [])]
    return sum(rows.size for bone in each for rows in (bone.rotation, bone.location, bone.scale) if rows is not None)


def dense(bone: BoneKeys, frames: int) -> BoneKeys:
    """The same with a row for every frame, as Blender evaluates its curves."""
    if bone.frames is None:
        return bone
    at = np.arange(frames)
    rotation = None if bone.rotation is None else _between(bone.frames, bone.rotation, bone.rotation_slopes, at)
    location = None if bone.location is None else _between(bone.frames, bone.location, bone.location_slopes, at)
    return BoneKeys(bone.mode, rotation, location, bone.scale)


def _moves(bone: BoneKeys, frames: int) -> bool:
    return frames > 2 and any(rows is not None and len(rows) == frames for rows in (bone.rotation, bone.location))


class _Fit:
    """The keys of one bone, to which more are added as the error allowed becomes smaller."""

    def __init__(self, bone: BoneKeys, scale: float, frames: int) -> None:
        """scale: metres in a unit of its location."""
        self.bone, self.scale, self.frames = bone, scale, frames
        self.at = np.array([0, frames - 1])
        self.turns = None if bone.rotation is None else channels.to_quaternions(bone.rotation, bone.mode)
        self.slopes = [None if v is None else _slopes(v) for v in (bone.rotation, bone.location)]

    def fitted(self, radians: float, metres: float) -> BoneKeys:
        """With keys enough for this bone by itself to be within the errors."""
        while True:
            bone = self._keyed()
            wrong = self._error(dense(bone, self.frames), radians, metres)
            wrong[self.at] = 0.0
            # The worst frame of each stretch between two keys.
            worst = [
                a + 1 + int(np.argmax(wrong[a + 1 : b])) for a, b in zip(self.at[:-1], self.at[1:], strict=True) if b > a + 1
            ]
            more = [frame for frame in worst if wrong[frame] > 1.0]
            if not more:
                return bone
            self.at = np.sort(np.concatenate([self.at, more]))

    def added(self, frames: set[int]) -> BoneKeys | None:
        """With keys in these frames as well; None if they are all there."""
        at = np.union1d(self.at, sorted(frames))
        if len(at) == len(self.at):
            return None
        self.at = at
        return self._keyed()

    def _keyed(self) -> BoneKeys:
        rows: list[Array | None] = []
        for dense_rows, slopes in zip((self.bone.rotation, self.bone.location), self.slopes, strict=True):
            many = dense_rows is not None and len(dense_rows) == self.frames
            for values in (dense_rows, slopes):
                rows.append(values[self.at] if many and values is not None else values)
        rotation, rotation_slopes, location, location_slopes = rows
        return BoneKeys(self.bone.mode, rotation, location, self.bone.scale, self.at, rotation_slopes, location_slopes)

    def _error(self, found: BoneKeys, radians: float, metres: float) -> Array:
        """(frames,) how far off, in units of what is allowed."""
        out = np.zeros(self.frames)
        if self.turns is not None and found.rotation is not None:
            out = np.maximum(out, _angle(channels.to_quaternions(found.rotation, found.mode), self.turns) / radians)
        if self.bone.location is not None and found.location is not None:
            out = np.maximum(out, self.scale * np.linalg.norm(found.location - self.bone.location, axis=-1) / metres)
        return out


def _slopes(values: Array) -> Array:
    """Change a frame (frames, n): that of the line fitted to the frames around."""
    if len(values) == 1:
        return np.zeros_like(values)
    # Beyond the ends the motion is taken to go on as it is there.
    low = values[:1] + (values[:1] - values[1:2]) * np.arange(SPAN, 0, -1)[:, None]
    high = values[-1:] + (values[-1:] - values[-2:-1]) * np.arange(1, SPAN + 1)[:, None]
    padded = np.concatenate([low, values, high])
    weights = np.arange(-SPAN, SPAN + 1)
    parts = [w * padded[SPAN + w : SPAN + w + len(values)] for w in weights]
    return np.sum(parts, axis=0) / np.sum(weights**2)


def _between(at: np.ndarray, values: Array, slopes: Array | None, frames: np.ndarray) -> Array:
    """Values (frames, n) of cubic Hermite curves through keys, or of one key that holds."""
    if len(values) == 1 or slopes is None:
        return np.broadcast_to(values[:1], (len(frames), values.shape[1]))
    left = np.clip(np.searchsorted(at, frames, side="right") - 1, 0, len(at) - 2)
    span = (at[left + 1] - at[left])[:, None].astype(np.float64)
    t = (frames - at[left])[:, None] / span
    return (
        (1 + 2 * t) * (1 - t) ** 2 * values[left]
        + t * (1 - t) ** 2 * span * slopes[left]
        + t**2 * (3 - 2 * t) * values[left + 1]
        + t**2 * (t - 1) * span * slopes[left + 1]
    )


def _angle(a: Array, b: Array) -> Array:
    out: Array = np.linalg.norm(quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(a), b)), axis=-1)
    return out


def _posed(rig: Rig, keys: Keys) -> dict[int, tuple[Array, Array]]:
    """bone -> how it is turned from rest (frames, 4) and where its head is (frames, 3), in the armature's space."""
    keyed = {rig.index(name): dense(bone, keys.frames) for name, bone in keys.bones.items()}
    out: dict[int, tuple[Array, Array]] = {}
    still = np.tile(quaternion.IDENTITY, (keys.frames, 1))
    for bone in carried_order(rig, keyed):
        rest = quaternion.from_matrix(rigid(rig.rest[bone, :3, :3]))
        above = carrier(rig, bone, keyed)
        turn, head = still, np.tile(rig.rest[bone, :3, 3], (keys.frames, 1))
        found = keyed[bone]
        if found.location is not None:
            moved = np.broadcast_to(found.location, head.shape)
            head = head + (moved @ rigid(rig.rest[bone, :3, :3]).T if rig.local_location[bone] else moved)
        if above >= 0:
            turn = out[above][0]
            head = out[above][1] + quaternion.rotate(turn, head - rig.rest[above, :3, 3])
        if found.rotation is not None:
            own = np.broadcast_to(channels.to_quaternions(found.rotation, found.mode), still.shape)
            turn = quaternion.multiply(turn, quaternion.multiply(quaternion.multiply(rest, own), quaternion.inverse(rest)))
        out[bone] = (turn, head)
    return out


def _strayed(
    rig: Rig, goal: dict[int, tuple[Array, Array]], found: dict[int, tuple[Array, Array]], radians: float, metres: float
) -> dict[int, set[int]]:
    """bone -> frames in which it needs a key, for bones to be within the errors where they are furthest beyond them.

    Of a bone that strays and those that carry it, the one that does most about it in that frame.
    """
    wrong = {bone: _angle(turn, goal[bone][0]) for bone, (turn, _) in found.items()}
    out: dict[int, set[int]] = {}
    for bone, (_, head) in found.items():
        off = np.linalg.norm((head - goal[bone][1]) @ rig.world[:3, :3].T, axis=-1)
        chain = [bone]
        while (above := carrier(rig, chain[-1], found)) >= 0:
            chain.append(above)
        # What each of them adds to the turn, and by that to where the head is.
        adds = np.array(
            [np.abs(wrong[b] - (wrong[a] if a >= 0 else 0.0)) for b, a in zip(chain, [*chain[1:], -1], strict=True)]
        )
        reach = [float(np.linalg.norm(rig.rest[bone, :3, 3] - rig.rest[b, :3, 3])) for b in chain]
        moves = adds * np.array(reach)[:, None]
        moves[-1] += np.linalg.norm(found[chain[-1]][1] - goal[chain[-1]][1], axis=-1)
        for error, shares in ((wrong[bone] / radians, adds), (off / metres, moves)):
            for start, end in spans(error > 1.0):
                frame = start + int(np.argmax(error[start:end]))
                out.setdefault(chain[int(np.argmax(shares[:, frame]))], set()).add(frame)
    return out
