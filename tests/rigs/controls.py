# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of controls: bones that are keyed move others through constraints."""

import unicodedata
from dataclasses import replace

from .body import Shape
from .build import sample
from .sample import Constraint

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def _finger_lines(indent: int, pattern: str, marked: bool = True) -> str:
    """Fingers whose base in the palm has a control of its own."""
    lines = []
    for finger in _FINGERS:
        depth = indent
        if finger != "thumb":
            lines.append(" " * depth + f"c_{finger}1_base.{{s}} {finger}0")
            depth += 1
        for n in (1, 2, 3):
            name = pattern.replace("{f}", finger).replace("{n}", str(n))
            mark = f" ={finger}{n}" if marked else ""
            tip = f" >{finger}4" if n == 3 else ""
            lines.append(" " * depth + f"{name} {finger}{n}{mark}{tip}")
            depth += 1
    return "\n".join(lines)


_HAND = ("c_hand_ik.{s}", "ik_fk_switch")
_FOOT = ("c_foot_ik.{s}", "ik_fk_switch")


def _switched(bone: str, fk: str, ik: str, switch: tuple[str, str]) -> tuple[Constraint, Constraint]:
    """A bone between two chains: at 0 it follows the one under inverse kinematics, at 1 the other."""
    return (
        Constraint(bone, "COPY_TRANSFORMS", ik, (*switch, True)),
        Constraint(bone, "COPY_TRANSFORMS", fk, (*switch, False)),
    )


ARP = sample(
    "Auto-Rig Pro",
    "Auto-Rig Pro",
    f"""
c_pos floor >0,-0.4,0
 c_traj floor =root >0,-0.3,0
  c_root_master.x pelvis =pelvis >waist
   c_root.x pelvis >waist
    root.x pelvis >waist
     c_thigh_b.{{s}} pelvis+.2 - >hip
      c_thigh_fk.{{s}} hip =hip
       c_leg_fk.{{s}} knee =knee
        c_foot_fk.{{s}} ankle =ankle
         c_toes_fk.{{s}} ball =foot >toe
      thigh_ik.{{s}} hip
       leg_ik.{{s}} knee >ankle
      thigh.{{s}} hip -
       thigh_stretch.{{s}} hip+.5
       thigh_twist.{{s}} hip -
       leg.{{s}} knee >ankle
        leg_stretch.{{s}} knee
        leg_twist.{{s}} knee+.5
        foot.{{s}} ankle
         toes_01.{{s}} ball >toe
   c_spine_01.x waist =spine1
    spine_01.x waist - >chest
    c_spine_02.x chest =spine2
     spine_02.x chest - >neck
     c_neck.x neck =neck1
      neck.x neck - >head
      c_head.x head =head >top
       head.x head - >top
       c_jawbone.x ^0,-0.02,0.02 -
       c_eye.{{s}} 0.032,-0.07,1.65 -
     c_shoulder.{{s}} collar =collar >shoulder
      shoulder.{{s}} collar - >shoulder
       c_arm_fk.{{s}} shoulder =shoulder
        c_forearm_fk.{{s}} elbow =elbow
         c_hand_fk.{{s}} wrist =wrist >middle0
       arm_ik.{{s}} shoulder
        forearm_ik.{{s}} elbow >wrist
       arm.{{s}} shoulder
        arm_stretch.{{s}} shoulder+.5
        arm_twist.{{s}} shoulder -
        forearm.{{s}} elbow >wrist
         forearm_stretch.{{s}} elbow
         forearm_twist.{{s}} elbow+.5
         hand.{{s}} wrist >middle0
{_finger_lines(10, "c_{f}{n}.{s}")}
  c_foot_ik.{{s}} ankle !ankle >ball
   c_foot_roll_cursor.{{s}} heel -
   foot_ik_target.{{s}} ankle - >ball
   c_toes_ik.{{s}} ball - >toe
  c_hand_ik.{{s}} wrist !wrist >middle0
  c_leg_pole.{{s}} knee_pole ?ankle >^0,-0.05,0
  c_arms_pole.{{s}} elbow_pole ?wrist >^0,0.05,0
 c_eye_target.x 0,-0.6,1.65 -
""",
    Shape(hang=40, bend=6, apart=3),
    sides=("l", "r"),
    axes="palm",
    constraints=(
        Constraint("forearm_ik.{s}", "IK", "c_hand_ik.{s}", settings={"chain_count": 2, "pole_subtarget": "c_arms_pole.{s}"}),
        Constraint("leg_ik.{s}", "IK", "foot_ik_target.{s}", settings={"chain_count": 2, "pole_subtarget": "c_leg_pole.{s}"}),
        *_switched("arm.{s}", "c_arm_fk.{s}", "arm_ik.{s}", _HAND),
        *_switched("forearm.{s}", "c_forearm_fk.{s}", "forearm_ik.{s}", _HAND),
        *_switched("hand.{s}", "c_hand_fk.{s}", "c_hand_ik.{s}", _HAND),
        *_switched("thigh.{s}", "c_thigh_fk.{s}", "thigh_ik.{s}", _FOOT),
        *_switched("leg.{s}", "c_leg_fk.{s}", "leg_ik.{s}", _FOOT),
        *_switched("foot.{s}", "c_foot_fk.{s}", "foot_ik_target.{s}", _FOOT),
        *_switched("toes_01.{s}", "c_toes_fk.{s}", "c_toes_ik.{s}", _FOOT),
    ),
    properties={_HAND: 0.0, _FOOT: 0.0},
    source="Names of Auto-Rig Pro's controls and chains; the switch is 0 for inverse kinematics, which a new rig stands at. "
    "The chains that blend the two are simpler than its own, and stretching is left out.",
)

ARP_EXPORT = sample(
    "Auto-Rig Pro export",
    "Auto-Rig Pro export",
    """
root.x pelvis =pelvis >waist
 spine_01.x waist =spine1
  spine_02.x chest =spine2
   neck.x neck =neck1
    head.x head =head >top
   shoulder.{s} collar =collar
    arm_stretch.{s} shoulder =shoulder
     forearm_stretch.{s} elbow =elbow
      hand.{s} wrist =wrist >middle1
       thumb1.{s} thumb1 =thumb1
        thumb2.{s} thumb2 =thumb2
         thumb3.{s} thumb3 =thumb3
       index1.{s} index1 =index1
        index2.{s} index2 =index2
         index3.{s} index3 =index3
     arm_twist.{s} shoulder+.5 ~shoulder
 thigh_stretch.{s} hip =hip
  leg_stretch.{s} knee =knee
   foot.{s} ankle =ankle
    toes_01.{s} ball =foot >toe
  thigh_twist.{s} hip+.5 ~hip
""",
    Shape(hang=40, bend=6, apart=3),
    sides=("l", "r"),
    axes="palm",
    source="Names of the deforming bones that Auto-Rig Pro exports as a humanoid.",
)

_MMD = """
全ての親 floor =root >0,-0.3,0
 センター 0,0,0.75 =travel >0,0,0.6
  グルーブ 0,0,0.78 >0,0,0.7
   腰 0,0,0.95 >0,0.05,1.0
    上半身 waist =spine1
     上半身2 chest =spine2
      首 neck =neck1
       頭 head =head >top
        両目 0,-0.05,1.85 - >0,-0.1,1.85
        目.{s} 0.03,-0.05,1.65 -
        前髪１ 0,-0.1,1.7 -
         前髪２ 0,-0.12,1.65 -
        ツインテール１.{s} 0.1,0.02,1.7 -
         ツインテール２.{s} 0.15,0.05,1.5 -
          ツインテール３.{s} 0.2,0.08,1.2 -
           ツインテール４.{s} 0.22,0.1,0.9 -
      肩P.{s} collar -
       肩.{s} collar =collar
        肩C.{s} shoulder
         腕.{s} shoulder =shoulder >elbow
          腕捩.{s} shoulder+.6 ~shoulder >elbow
           ひじ.{s} elbow =elbow >wrist
            手捩.{s} elbow+.6 ~elbow >wrist
             手首.{s} wrist =wrist >middle1
              親指０.{s} thumb1 =thumb1
               親指１.{s} thumb2 =thumb2
                親指２.{s} thumb3 =thumb3 >thumb4
              人指１.{s} index1 =index1
               人指２.{s} index2 =index2
                人指３.{s} index3 =index3 >index4
              中指１.{s} middle1 =middle1
               中指２.{s} middle2 =middle2
                中指３.{s} middle3 =middle3 >middle4
              薬指１.{s} ring1 =ring1
               薬指２.{s} ring2 =ring2
                薬指３.{s} ring3 =ring3 >ring4
              小指１.{s} pinky1 =pinky1
               小指２.{s} pinky2 =pinky2
                小指３.{s} pinky3 =pinky3 >pinky4
           腕捩1.{s} shoulder+.25 -
           腕捩2.{s} shoulder+.5 -
    下半身 waist =pelvis >pelvis
     スカート_0_0 0,-0.12,0.95 -
      スカート_1_0 0,-0.16,0.75 -
       スカート_2_0 0,-0.2,0.55 -
     腰キャンセル.{s} hip -
      足.{s} hip =hip
       ひざ.{s} knee =knee >ankle
        足首.{s} ankle =ankle
         つま先.{s} ball =foot >toe
     足D.{s} hip -
      ひざD.{s} knee >ankle
       足首D.{s} ankle
        足先EX.{s} ball >toe
 足IK親.{s} 0.1,0.03,0 - >0.1,0.03,0.085
  足ＩＫ.{s} ankle !ankle >0.105,0.2,0.085
   つま先ＩＫ.{s} ball - >0.115,-0.09,-0.08
"""
_SHAPE = Shape(size=0.9, legs=1.08, hang=36, head=1.2, broad=0.75)
_MMD_IK = (
    Constraint("ひざ.{s}", "IK", "足ＩＫ.{s}", settings={"chain_count": 2, "use_tail": True}),
    Constraint("足首.{s}", "IK", "つま先ＩＫ.{s}", settings={"chain_count": 1, "use_tail": True}),
    *(Constraint(f"{name}D.{{s}}", "COPY_ROTATION", f"{name}.{{s}}", settings={"target_space": "LOCAL", "owner_space": "LOCAL"})
      for name in ("足", "ひざ", "足首")),
)  # fmt: skip
MMD = sample(
    "MMD",
    "MMD",
    _MMD,
    _SHAPE,
    constraints=_MMD_IK,
    source="Standard and semi-standard bones as mmd_tools imports them, sides as suffixes, legs always under IK; A pose. "
    "The legs that deform copy the legs that are posed; mmd_tools does it by helper bones.",
)

_TOGGLES = {
    "ひざ.{s}": ("足ＩＫ.{s}", "mmd_ik_toggle", False),
    "足首.{s}": ("つま先ＩＫ.{s}", "mmd_ik_toggle", False),
}
MMD_TOGGLED = sample(
    "MMD with driven IK",
    "MMD",
    _MMD,
    _SHAPE,
    constraints=tuple(
        Constraint(c.bone, c.kind, c.subtarget, _TOGGLES.get(c.bone, 1.0) if c.kind == "IK" else 1.0, c.settings)
        for c in _MMD_IK
    ),
    properties={("足ＩＫ.{s}", "mmd_ik_toggle"): 1.0, ("つま先ＩＫ.{s}", "mmd_ik_toggle"): 1.0},
    source="As MMD, with mmd_tools' toggle of each IK bone driving the constraint's influence.",
)

_ENGLISH = {
    "全ての親": "motherbone",
    "センター": "center",
    "グルーブ": "groove",
    "腰": "waist",
    "上半身2": "upper body2",
    "上半身": "upper body",
    "下半身": "lower body",
    "首": "neck",
    "頭": "head",
    "肩P": "shoulder_raise",
    "肩C": "shoulder_hidden",
    "肩": "shoulder",
    "腕捩": "arm twist",
    "腕": "arm",
    "ひじ": "elbow",
    "手捩": "wrist twist",
    "手首": "wrist",
    "親指０": "thumb0",
    "親指１": "thumb1",
    "親指２": "thumb2",
    "人指": "fore",
    "中指": "middle",
    "薬指": "third",
    "小指": "little",
    "ひざD": "knee_D",
    "ひざ": "knee",
    "足首D": "ankle_D",
    "足首": "ankle",
    "足先EX": "toe2",
    "つま先ＩＫ": "toe IK",
    "つま先": "toe",
    "足IK親": "leg IKP",
    "足ＩＫ": "leg IK",
    "足D": "leg_D",
    "足": "leg",
    "腰キャンセル": "waist_cancel",
}


def _english(name: str) -> str:
    """腕.L as arm_L."""
    stem, dot, side = name.partition(".")
    for old in sorted(_ENGLISH, key=len, reverse=True):
        if stem.startswith(old):
            stem = _ENGLISH[old] + unicodedata.normalize("NFKC", stem[len(old) :])
            break
    return stem + ("_" + side if dot else "")


def _japanese(name: str) -> str:
    """腕.L as 左腕."""
    stem, dot, side = name.partition(".")
    return {"L": "左", "R": "右", "": ""}[side] + stem if dot else stem


MMD_ENGLISH = replace(
    MMD.renamed({bone.name: _english(bone.name) for bone in MMD.bones}),
    name="MMD in English",
    convention="MMD in English",
    source="As MMD, under the English names that PMX files carry.",
)
MMD_JAPANESE = replace(
    MMD.renamed({bone.name: _japanese(bone.name) for bone in MMD.bones}),
    name="MMD as in the file",
    convention="MMD as in the file",
    source="As MMD, with the side in front as PMX files have it.",
)

ALL = (ARP, ARP_EXPORT, MMD, MMD_TOGGLED, MMD_ENGLISH, MMD_JAPANESE)
