# SPDX-License-Identifier: GPL-3.0-or-later
"""What `bench retarget` measures, on made motions whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest

from tests.bench.retargeting import metrics, planted
from tests.bench.retargeting.metrics import Array, Recording

# A body in a T pose: Z up, facing -Y, left at +X.
PLACES = {
    "pelvis": (0, 0, 1.0),
    "neck1": (0, 0.02, 1.5),
    "head": (0, 0, 1.6),
    **{
        f"{side}_{name}": (sign * x, y, z)
        for side, sign in (("left", 1), ("right", -1))
        for name, (x, y, z) in {
            "shoulder": (0.2, 0, 1.45),
            "elbow": (0.5, 0.03, 1.45),
            "wrist": (0.75, 0, 1.45),
            "index1": (0.85, -0.03, 1.45),
            "pinky1": (0.85, 0.03, 1.45),
            "hip": (0.1, 0, 0.95),
            "knee": (0.1, -0.03, 0.5),
            "ankle": (0.1, 0, 0.07),
            "foot": (0.1, -0.15, 0.02),
        }.items()
    },
}
ROLES = tuple(PLACES)
REST = np.array([PLACES[role] for role in ROLES], dtype=np.float64)
FRAMES, FPS = 90, 30.0


def rotation(axis: str, degrees: Array | float) -> Array:
    """(..., 3, 3) turns about an axis."""
    a, b = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    out = np.broadcast_to(np.eye(3), (*np.shape(degrees), 3, 3)).copy()
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    out[..., a, a], out[..., b, b], out[..., a, b], out[..., b, a] = c, c, -s, s
    return out


def still(frames: int = FRAMES) -> Recording:
    """A body that stands in its rest pose."""
    turns = np.tile(np.eye(3), (len(ROLES), 1, 1))
    return Recording(FPS, ROLES, np.tile(REST, (frames, 1, 1)), np.tile(turns, (frames, 1, 1, 1)), REST, turns)


def moved(body: Recording, role: str, offsets: Array) -> Recording:
    """With one joint displaced by (frames, 3)."""
    places = body.positions.copy()
    places[:, body.roles.index(role)] += offsets
    return replace(body, positions=places)


def turned(body: Recording, role: str, turns: Array) -> Recording:
    """With one part turned by (frames, 3, 3) or (3, 3), on top of how it is."""
    new = body.turns.copy()
    number = body.roles.index(role)
    new[:, number] = turns @ new[:, number]
    return replace(body, turns=new)


def swung(body: Recording, root: str, parts: tuple[str, ...], turn: Array) -> Recording:
    """With a limb turned about its first joint: positions and turns."""
    numbers = [body.roles.index(part) for part in parts]
    pivot = body.at(root)[:, None]
    places, turns = body.positions.copy(), body.turns.copy()
    places[:, numbers] = pivot + (places[:, numbers] - pivot) @ np.swapaxes(turn, -1, -2)
    turns[:, numbers] = turn @ turns[:, numbers]
    return replace(body, positions=places, turns=turns)


def walking() -> Recording:
    """A body that goes ahead at 1 m/s, its legs and arms swinging, its left foot down half of the time."""
    body = still()
    time = np.arange(FRAMES) / FPS
    places = body.positions + (time[:, None] * [0.0, -1.0, 0.0])[:, None]
    for name, phase in (("left_knee", 0.0), ("left_ankle", 0.0), ("right_knee", np.pi), ("right_ankle", np.pi)):
        places[:, ROLES.index(name), 1] += 0.2 * np.sin(2 * np.pi * time + phase)
    return replace(body, positions=places)


def test_the_same_is_no_error():
    body = walking()
    assert metrics.limb_angles(body, body).max() == 0.0
    assert metrics.drift(body, body, "left_wrist").max() < 1e-6
    palm = metrics.palm(body, body, "left")
    assert palm is not None and palm.max() < 1e-6
    assert metrics.gaze(body, body).max() == 0.0
    assert metrics.hips_errors(body, body) == (0.0, 0.0)
    assert metrics.pops(body, body)[0] < 1.1
    assert metrics.flips(body, body) == 0
    assert metrics.jerks(body, body, ROLES) == (0.0, "")


def test_a_limb_off_by_ten_degrees():
    body = still()
    off = swung(body, "left_shoulder", ("left_elbow", "left_wrist"), rotation("y", 10.0))
    angles = metrics.limb_angles(body, off)
    wanted = [metrics.LIMBS.index(pair) for pair in (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"))]
    np.testing.assert_allclose(angles[:, wanted], metrics.between(*_before_and_after(body, off)), atol=1e-9)
    np.testing.assert_allclose(angles[:, wanted[0]], 10.0, atol=0.1)
    assert np.delete(angles, wanted, axis=1).max() == 0.0


def _before_and_after(body: Recording, off: Recording) -> tuple[Array, Array]:
    pairs = (("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"))
    first, second = (np.stack([each.at(b) - each.at(a) for a, b in pairs], axis=1) for each in (body, off))
    return first, second


@pytest.mark.parametrize("degrees", [0.01, 10.0, 90.0, 179.0, 180.0])
def test_angles_of_vectors_and_turns(degrees: float):
    turn = rotation("z", degrees)
    assert metrics.angle(turn) == pytest.approx(degrees, abs=1e-6)
    assert metrics.between(np.array([1.0, 0, 0]), turn @ [1.0, 0, 0]) == pytest.approx(degrees, abs=1e-6)


def test_drift_leaves_out_what_is_constant():
    body = still()
    away = rotation("x", 20.0 * np.sin(np.linspace(0, 6, FRAMES)))
    source = turned(body, "left_wrist", away)
    constant = replace(source, turns=source.turns @ rotation("z", 70.0))
    assert metrics.drift(source, constant, "left_wrist").max() < 1e-6
    lost = metrics.drift(source, body, "left_wrist")
    assert 15.0 < lost.max() < 25.0


def test_palm_and_gaze_and_sole_know_a_constant():
    body = still()
    palm = metrics.palm(body, turned(body, "left_wrist", rotation("x", 10.0)), "left")
    assert palm is not None
    np.testing.assert_allclose(palm, 10.0, atol=1e-6)
    np.testing.assert_allclose(metrics.gaze(body, turned(body, "head", rotation("z", 10.0))), 10.0, atol=1e-6)
    flat = np.arange(FRAMES) < 10
    tilted = turned(body, "left_ankle", rotation("x", 10.0))
    np.testing.assert_allclose(metrics.sole(tilted, "left", flat), np.full(10, 10.0), atol=1e-6)
    # A sole that is only turned about the vertical is flat.
    assert metrics.sole(turned(body, "left_ankle", rotation("z", 10.0)), "left", flat).max() < 1e-5


def test_necks_are_compared_from_how_they_lead_at_rest():
    body = still()
    bent = swung(body, "neck1", ("head",), rotation("x", 25.0))
    assert metrics.neck(bent, bent).max() < 1e-6
    # Another neck leads forward at rest; the same bend takes it further.
    hunched = REST.copy()
    hunched[ROLES.index("head")] = REST[ROLES.index("neck1")] + rotation("x", 30.0) @ [0.0, 0.0, 0.12]
    other = replace(body, positions=np.tile(hunched, (FRAMES, 1, 1)), rest_positions=hunched)
    assert metrics.neck(body, other).max() < 1e-6
    assert metrics.neck(bent, swung(other, "neck1", ("head",), rotation("x", 25.0))).max() < 1e-6
    np.testing.assert_allclose(metrics.neck(bent, swung(other, "neck1", ("head",), rotation("x", 35.0))), 10.0, atol=1e-6)


def test_palm_needs_knuckles():
    body = still()
    kept = [i for i, role in enumerate(ROLES) if not role.endswith("pinky1")]
    less = Recording(
        FPS,
        tuple(ROLES[i] for i in kept),
        *(value[:, kept] for value in (body.positions, body.turns)),
        *(value[kept] for value in (body.rest_positions, body.rest_turns)),
    )
    assert metrics.palm(body, less, "left") is None


def test_turned_bodies_are_compared_after_turning():
    body = walking()
    other = body.turned(90.0)
    assert metrics.heading(other) == 90.0
    assert metrics.heading(body) == 0.0
    assert metrics.limb_angles(body, other).max() > 60.0
    assert metrics.limb_angles(body.turned(90.0), other).max() == 0.0
    assert metrics.hips_errors(body.turned(90.0), other)[0] == 0.0


def test_hips_scale_with_the_legs():
    body = walking()

    def scaled(share: float, travel: float) -> Recording:
        places = body.positions * share
        places += (body.hips[:, None] * [0, 1, 0]) * (travel - 1.0) * share
        return replace(body, positions=places, rest_positions=body.rest_positions * share)

    assert metrics.hips_errors(body, scaled(0.5, 1.0))[0] < 1e-9
    assert metrics.hips_errors(body, scaled(0.5, 1.1))[0] == pytest.approx(0.1, abs=1e-6)


def test_heights_are_measured_on_a_tall_body():
    body = still()
    bob = 0.01 * np.sign(np.sin(np.arange(FRAMES) + 0.5))[:, None] * [0.0, 0.0, 1.0]
    up = replace(body, positions=body.positions + bob[:, None])
    way, height = metrics.hips_errors(body, up)
    assert way < 1e-9
    # The median is one of the two heights, so half of the frames are 2 cm off.
    assert height == pytest.approx(20.0 * metrics.TALL / body.leg, rel=1e-6)


def test_a_pop_is_seen_and_whose():
    body = walking()
    pop = np.zeros((FRAMES, 3))
    pop[40] = [0.3, 0.0, 0.0]
    worst, who = metrics.pops(body, moved(body, "right_ankle", pop))
    assert worst > 3.0 and who == "right_ankle"
    # A body twice as large does everything twice as fast.
    large = replace(body, positions=body.positions * 2, rest_positions=body.rest_positions * 2)
    assert metrics.pops(body, large)[0] < 1.1


def test_a_knee_that_bends_backwards():
    body = still()
    bent = moved(body, "left_knee", np.tile([0.0, -0.12, 0.0], (FRAMES, 1)))
    offsets = np.tile([0.0, -0.12, 0.0], (FRAMES, 1))
    offsets[10:15] = [0.0, 0.18, 0.0]
    assert metrics.flips(bent, moved(body, "left_knee", offsets)) == 5


def test_jerks_are_what_the_source_does_not_do():
    body = still()
    turns = rotation("x", np.where(np.arange(FRAMES) < 30, 0.0, 25.0))
    worst, who = metrics.jerks(body, turned(body, "head", turns), ROLES)
    assert worst == pytest.approx(25.0) and who == "head"
    assert metrics.jerks(turned(body, "head", turns), turned(body, "head", turns), ROLES)[0] == 0.0


def test_breaks_of_keys():
    q = np.tile([0.6, 0.8, 0.0, 0.0], (10, 1))
    assert metrics.breaks(q, "QUATERNION") == 0
    q[5:] *= -1.0
    assert metrics.breaks(q, "QUATERNION") == 1
    e = np.linspace(0.0, 7.0, 40)[:, None] * [1.0, 0.0, 0.0]
    assert metrics.breaks(e, "EULER") == 0
    assert metrics.breaks((e + np.pi) % (2 * np.pi) - np.pi, "EULER") == 1


def stepping(slide: float) -> Recording:
    """The left foot stands from frame 30 to 59, sliding so far (m) meanwhile; before and after it is held in the air."""
    body = still()
    places = np.zeros((90, 3))
    places[:30], places[60:] = [0.0, 1.0, 0.5], [0.0, -1.0, 0.5]
    places[30:60, 1] = np.linspace(0.0, slide, 30)
    return moved(moved(body, "left_foot", places), "right_foot", np.tile([0.0, 0.0, 0.5], (90, 1)))


def test_contacts_are_where_a_foot_dwells_low():
    assert planted.contacts(stepping(0.0), "left") == [(30, 60)]
    assert planted.contacts(stepping(0.0), "right") == []
    running = moved(stepping(0.0), "left_foot", np.linspace(0.0, 9.0, 90)[:, None] * [0.0, 1.0, 0.0])
    assert planted.contacts(running, "left") == []


def test_contacts_are_few_and_of_some_length():
    walk = still()
    short = np.tile([0.0, 0.0, 0.5], (90, 1))
    short[30:35] = 0.0  # a sixth of a second
    walk = moved(moved(walk, "left_foot", short), "right_foot", short)
    assert planted.contacts(walk, "left") == []


def test_slide_of_a_known_length():
    source = stepping(0.0)
    size = metrics.TALL / source.leg
    assert planted.slide(source, source, 0) == (0.0, pytest.approx(29 / FPS))
    way, seconds = planted.slide(source, stepping(0.03), 0)
    assert way == pytest.approx(30.0 * size / seconds)
    # On a body half as large the same way is twice as much.
    rig = replace(stepping(0.03), rest_positions=REST * 0.5)
    assert planted.slide(source, rig, 0)[0] == pytest.approx(2 * way)


def test_landing_and_leaving_are_no_slide():
    source = stepping(0.0)
    steps = np.zeros((90, 3))
    steps[30, 0] = 0.01
    landing = moved(source, "left_foot", steps)
    assert planted.slide(source, landing)[0] == 0.0
    assert planted.slide(source, landing)[1] == pytest.approx(27 / FPS)
    assert planted.slide(source, landing, 0)[0] > 9.0
    steps[33, 0] = 0.01
    assert planted.slide(source, moved(source, "left_foot", steps))[0] > 18.0


def test_standing_still_throughout_is_one_contact_a_foot():
    assert planted.slide(still(), still(), 0) == (0.0, pytest.approx(2 * 89 / FPS))


def test_flat_needs_the_heel_down():
    body = stepping(0.0)
    assert planted.flat(body, "left")[40:50].all()
    raised = np.zeros((90, 3))
    raised[45:60, 2] = 0.1
    lifted = planted.flat(moved(body, "left_ankle", raised), "left")
    assert lifted[35:44].all() and not lifted[46:60].any()
