# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of game engines and of the services and programs that feed them."""

import numpy as np

from .body import Shape
from .build import CENTIMETRES, Y_UP_FBX, sample
from .parts import hand

_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")
_LITTLE = ("Thumb", "Index", "Middle", "Ring", "Little")
_LONG = ("Thumb", "IndexFinger", "MiddleFinger", "RingFinger", "LittleFinger")
_PHALANGES = ("Proximal", "Intermediate", "Distal")
_LOWER = ("thumb", "index", "middle", "ring", "pinky")

MIXAMO = sample(
    "Mixamo",
    "Mixamo",
    f"""
mixamorig:Hips pelvis =pelvis
 mixamorig:Spine waist =spine1
  mixamorig:Spine1 chest =spine2
   mixamorig:Spine2 upperchest =spine3
    mixamorig:Neck neck =neck1
     mixamorig:Head head =head >top
      mixamorig:HeadTop_End top
    mixamorig:{{s}}Shoulder collar =collar
     mixamorig:{{s}}Arm shoulder =shoulder
      mixamorig:{{s}}ForeArm elbow =elbow
       mixamorig:{{s}}Hand wrist =wrist >middle1
{hand(8, "mixamorig:{s}Hand{f}{n}", _FINGERS, ends="mixamorig:{s}Hand{f}4")}
 mixamorig:{{s}}UpLeg hip =hip
  mixamorig:{{s}}Leg knee =knee
   mixamorig:{{s}}Foot ankle =ankle
    mixamorig:{{s}}ToeBase ball =foot
     mixamorig:{{s}}Toe_End toe
""",
    sides=("Left", "Right"),
    axes="palm",
    world=Y_UP_FBX,
    source="Names, tree, T pose and axes of downloads from Mixamo as Blender's FBX importer makes them.",
)

_UE4_HAND = hand(11, "{f}_0{n}_{s}", _LOWER)
UE4 = sample(
    "UE4 mannequin",
    "Unreal",
    f"""
root floor =root >0,-0.3,0
 pelvis pelvis =pelvis
  spine_01 waist =spine1
   spine_02 chest =spine2
    spine_03 upperchest =spine3
     neck_01 neck =neck1
      head head =head >top
     clavicle_{{s}} collar =collar
      upperarm_{{s}} shoulder =shoulder
       lowerarm_{{s}} elbow =elbow
        hand_{{s}} wrist =wrist >middle1
{_UE4_HAND}
        lowerarm_twist_01_{{s}} elbow+.7 ~elbow
       upperarm_twist_01_{{s}} shoulder ~shoulder
  thigh_{{s}} hip =hip
   calf_{{s}} knee =knee
    calf_twist_01_{{s}} knee+.5 ~knee
    foot_{{s}} ankle =ankle
     ball_{{s}} ball =foot >toe
   thigh_twist_01_{{s}} hip ~hip
 ik_foot_root floor -
  ik_foot_{{s}} ankle -
 ik_hand_root floor -
  ik_hand_gun -0.5,-0.2,1.0 -
   ik_hand_l 0.5,-0.2,1.0 -
   ik_hand_r -0.5,-0.2,1.0 -
""",
    Shape(hang=45, bend=25, ahead=5, apart=5),
    sides=("l", "r"),
    axes="x",
    world=CENTIMETRES,
    source="Names and tree of SK_Mannequin; A pose with bent elbows; joints' X along the limb, mirrored on the right.",
)

UE5 = sample(
    "UE5 mannequin",
    "Unreal",
    f"""
root floor =root >0,-0.3,0
 pelvis pelvis =pelvis
  spine_01 pelvis+.5 =spine1
   spine_02 waist =spine2
    spine_03 waist+.6 =spine3
     spine_04 chest =spine4
      spine_05 upperchest =spine5
       neck_01 neck =neck1
        neck_02 neck+.5 =neck2
         head head =head >top
       clavicle_{{s}} collar =collar
        upperarm_{{s}} shoulder =shoulder
         lowerarm_{{s}} elbow =elbow
          hand_{{s}} wrist =wrist >middle1
{hand(11, "{f}_0{n}_{s}", _LOWER, meta="{f}_metacarpal_{s}")}
           weapon_{{s}} ^0.1,0,-0.05 -
          lowerarm_twist_02_{{s}} elbow+.35 ~elbow
          lowerarm_twist_01_{{s}} elbow+.7 ~elbow
          lowerarm_correctiveRoot_{{s}} elbow -
           lowerarm_in_{{s}} ^0,-0.05,0 -
           lowerarm_out_{{s}} ^0,0.05,0 -
         upperarm_twist_01_{{s}} shoulder+.1 ~shoulder
          upperarm_twistCor_01_{{s}} ^0,0,0.01 -
         upperarm_twist_02_{{s}} shoulder+.5 ~shoulder
         upperarm_correctiveRoot_{{s}} shoulder -
          upperarm_bck_{{s}} ^0,0.06,0 -
          upperarm_fwd_{{s}} ^0,-0.06,0 -
        clavicle_out_{{s}} shoulder -
        clavicle_scap_{{s}} ^0.1,0.08,0 -
      clavicle_pec_{{s}} 0.06,-0.1,1.35 -
  thigh_{{s}} hip =hip
   calf_{{s}} knee =knee
    foot_{{s}} ankle =ankle
     ball_{{s}} ball =foot >toe
      bigtoe_01_{{s}} ^-0.02,-0.02,0 -
       bigtoe_02_{{s}} ^0,-0.04,0 -
     ankle_bck_{{s}} ^0,0.04,0.05 -
    calf_twist_02_{{s}} knee+.35 ~knee
    calf_twist_01_{{s}} knee+.7 ~knee
   thigh_twist_01_{{s}} hip+.1 ~hip
   thigh_twist_02_{{s}} hip+.5 ~hip
   thigh_correctiveRoot_{{s}} hip -
    thigh_fwd_{{s}} ^0,-0.06,0 -
 ik_foot_root floor -
  ik_foot_{{s}} ankle -
 ik_hand_root floor -
  ik_hand_gun wrist -
   ik_hand_l wrist -
   ik_hand_r -0.5,-0.2,1.0 -
 interaction floor -
 center_of_mass floor -
""",
    Shape(hang=48, bend=25, ahead=5, apart=5, size=1.03),
    sides=("l", "r"),
    axes="x",
    world=CENTIMETRES,
    source="Names and tree of SKM_Manny, of which some of the corrective joints; A pose; axes as in the UE4 mannequin.",
)

UNITY = sample(
    "Unity humanoid",
    "Unity humanoid",
    f"""
Root floor =root >0,-0.3,0
 Hips pelvis =pelvis
  Spine waist =spine1
   Chest chest =spine2
    UpperChest upperchest =spine3
     Neck neck =neck1
      Head head =head >top
       {{s}}Eye 0.03,-0.08,1.64 -
       Jaw 0,-0.04,1.6 -
     {{s}}Shoulder collar =collar
      {{s}}UpperArm shoulder =shoulder
       {{s}}LowerArm elbow =elbow
        {{s}}Hand wrist =wrist >middle1
{hand(9, "{s}{f}{n}", _LITTLE, parts=(_PHALANGES, _PHALANGES))}
  {{s}}UpperLeg hip =hip
   {{s}}LowerLeg knee =knee
    {{s}}Foot ankle =ankle
     {{s}}Toes ball =foot >toe
""",
    sides=("Left", "Right"),
    source="Bone names of Unity's HumanBodyBones in the T pose its avatars ask for; tree as they hang together.",
)

VRM1 = sample(
    "VRM 1 humanoid",
    "Unity humanoid",
    f"""
hips pelvis =pelvis
 spine waist =spine1
  chest chest =spine2
   upperChest upperchest =spine3
    neck neck =neck1
     head head =head >top
    {{s}}Shoulder collar =collar
     {{s}}UpperArm shoulder =shoulder
      {{s}}LowerArm elbow =elbow
       {{s}}Hand wrist =wrist >middle1
{hand(8, "{s}{f}{n}", _LITTLE, parts=(("Metacarpal", "Proximal", "Distal"), _PHALANGES))}
 {{s}}UpperLeg hip =hip
  {{s}}LowerLeg knee =knee
   {{s}}Foot ankle =ankle
    {{s}}Toes ball =foot >toe
""",
    sides=("left", "right"),
    axes="world",
    source="Bone names of the VRM 1 humanoid; joints turned like the world, as VRM normalised them.",
)

VRCHAT = sample(
    "VRChat avatar",
    "VRChat",
    f"""
Hips pelvis =pelvis
 Spine waist =spine1
  Chest chest =spine2
   Neck neck =neck1
    Head head =head >top
     Hair_1 0,0.1,1.72 -
      Hair_2 0,0.2,1.5 -
       Hair_3 0,0.22,1.3 -
     Eye_L 0.03,-0.08,1.64 -
     Eye_R -0.03,-0.08,1.64 -
   {{s}}~shoulder collar =collar
    {{s}}~arm shoulder =shoulder
     {{s}}~elbow elbow =elbow
      {{s}}~wrist wrist =wrist >middle1
{hand(7, "{f}{n}_{i}", _LONG, parts=(("0", "1", "2"), ("1", "2", "3")))}
 {{s}}~leg hip =hip
  {{s}}~knee knee =knee
   {{s}}~ankle ankle =ankle
    {{s}}~toe ball =foot >toe
 Skirt_1 0,-0.12,0.95 -
  Skirt_2 0,-0.16,0.75 -
""",
    sides=("Left", "Right"),
    source="Names that Cats Blender Plugin gives when it fixes a model.",
)

BIPED = sample(
    "3ds Max Biped",
    "Biped",
    """
Bip01 pelvis =travel
 Bip01~Pelvis pelvis =pelvis
  Bip01~Spine waist =spine1
   Bip01~Spine1 chest =spine2
    Bip01~Spine2 upperchest =spine3
     Bip01~Neck neck =neck1
      Bip01~Head head =head >top
       Bip01~HeadNub top
      Bip01~{s}~Clavicle collar =collar
       Bip01~{s}~UpperArm shoulder =shoulder
        Bip01~{s}~Forearm elbow =elbow
         Bip01~{s}~Hand wrist =wrist >middle1
          Bip01~{s}~Finger0 thumb1 =thumb1
           Bip01~{s}~Finger01 thumb2 =thumb2
            Bip01~{s}~Finger02 thumb3 =thumb3
             Bip01~{s}~Finger0Nub thumb4
          Bip01~{s}~Finger1 index1 =index1
           Bip01~{s}~Finger11 index2 =index2
            Bip01~{s}~Finger12 index3 =index3
          Bip01~{s}~Finger2 middle1 =middle1
           Bip01~{s}~Finger21 middle2 =middle2
            Bip01~{s}~Finger22 middle3 =middle3
          Bip01~{s}~Finger3 ring1 =ring1
           Bip01~{s}~Finger31 ring2 =ring2
            Bip01~{s}~Finger32 ring3 =ring3
          Bip01~{s}~Finger4 pinky1 =pinky1
           Bip01~{s}~Finger41 pinky2 =pinky2
            Bip01~{s}~Finger42 pinky3 =pinky3
         Bip01~{s}~ForeTwist elbow+.5 ~elbow
        Bip01~{s}UpArmTwist shoulder+.5 ~shoulder
  Bip01~{s}~Thigh hip =hip
   Bip01~{s}~Calf knee =knee
    Bip01~{s}~Foot ankle =ankle
     Bip01~{s}~Toe0 ball =foot >toe
      Bip01~{s}~Toe0Nub toe
""",
    Shape(hang=40, apart=4),
    axes="x",
    world=Y_UP_FBX,
    source="Names of a Biped with twist links; thighs on the pelvis, clavicles on the neck; X along the limb.",
)

VALVE = sample(
    "Source engine",
    "Valve",
    """
ValveBiped.Bip01_Pelvis pelvis =pelvis
 ValveBiped.Bip01_Spine waist =spine1
  ValveBiped.Bip01_Spine1 waist+.6 =spine2
   ValveBiped.Bip01_Spine2 chest =spine3
    ValveBiped.Bip01_Spine4 upperchest =spine4
     ValveBiped.Bip01_Neck1 neck =neck1
      ValveBiped.Bip01_Head1 head =head >top
       ValveBiped.forward ^0,-0.1,0.05 -
     ValveBiped.Bip01_{s}_Clavicle collar =collar
      ValveBiped.Bip01_{s}_UpperArm shoulder =shoulder
       ValveBiped.Bip01_{s}_Forearm elbow =elbow
        ValveBiped.Bip01_{s}_Hand wrist =wrist >middle1
         ValveBiped.Anim_Attachment_{s}H ^0.08,0,-0.03 -
         ValveBiped.Bip01_{s}_Finger4 pinky1 =pinky1
          ValveBiped.Bip01_{s}_Finger41 pinky2 =pinky2
           ValveBiped.Bip01_{s}_Finger42 pinky3 =pinky3
         ValveBiped.Bip01_{s}_Finger3 ring1 =ring1
          ValveBiped.Bip01_{s}_Finger31 ring2 =ring2
           ValveBiped.Bip01_{s}_Finger32 ring3 =ring3
         ValveBiped.Bip01_{s}_Finger2 middle1 =middle1
          ValveBiped.Bip01_{s}_Finger21 middle2 =middle2
           ValveBiped.Bip01_{s}_Finger22 middle3 =middle3
         ValveBiped.Bip01_{s}_Finger1 index1 =index1
          ValveBiped.Bip01_{s}_Finger11 index2 =index2
           ValveBiped.Bip01_{s}_Finger12 index3 =index3
         ValveBiped.Bip01_{s}_Finger0 thumb1 =thumb1
          ValveBiped.Bip01_{s}_Finger01 thumb2 =thumb2
           ValveBiped.Bip01_{s}_Finger02 thumb3 =thumb3
        ValveBiped.Bip01_{s}_Ulna elbow+.5 ~elbow
        ValveBiped.Bip01_{s}_Wrist elbow+.9 ~elbow
       ValveBiped.Bip01_{s}_Bicep shoulder+.5 ~shoulder
 ValveBiped.Bip01_{s}_Thigh hip =hip
  ValveBiped.Bip01_{s}_Calf knee =knee
   ValveBiped.Bip01_{s}_Foot ankle =ankle
    ValveBiped.Bip01_{s}_Toe0 ball =foot >toe
""",
    Shape(hang=30, bend=10, apart=3),
    axes="x",
    world=np.diag([0.0254, 0.0254, 0.0254, 1.0]),
    source="Names and tree of Half-Life 2's people (ValveBiped); inches; X along the limb.",
)
ALL = (MIXAMO, UE4, UE5, UNITY, VRM1, VRCHAT, BIPED, VALVE)
