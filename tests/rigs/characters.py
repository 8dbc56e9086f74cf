# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of character makers."""

from .body import Shape
from .build import CENTIMETRES, Y_UP_FBX, sample
from .parts import hand

_FINGERS = ("Thumb", "Index", "Mid", "Ring", "Pinky")

VROID = sample(
    "VRoid",
    "VRM",
    f"""
Root floor =root >0,0,0.2
 J_Bip_C_Hips pelvis =pelvis
  J_Bip_C_Spine waist =spine1
   J_Bip_C_Chest chest =spine2
    J_Bip_C_UpperChest upperchest =spine3
     J_Bip_C_Neck neck =neck1
      J_Bip_C_Head head =head >top
       J_Adj_{{s}}_FaceEye 0.03,-0.07,1.64 -
       J_Sec_Hair1_01 0,-0.06,1.75 -
        J_Sec_Hair2_01 0,-0.1,1.68 -
       J_Sec_Hair1_02 0,0.1,1.7 -
        J_Sec_Hair2_02 0,0.12,1.5 -
         J_Sec_Hair3_02 0,0.13,1.3 -
          J_Sec_Hair4_02 0,0.14,1.1 -
           J_Sec_Hair4_end_02 0,0.14,0.9 -
     J_Bip_{{s}}_Shoulder collar =collar
      J_Bip_{{s}}_UpperArm shoulder =shoulder
       J_Bip_{{s}}_LowerArm elbow =elbow
        J_Bip_{{s}}_Hand wrist =wrist >middle1
{hand(9, "J_Bip_{s}_{f}{n}", ("Thumb", "Index", "Middle", "Ring", "Little"))}
     J_Sec_{{s}}_Bust1 0.06,-0.06,1.3 -
      J_Sec_{{s}}_Bust2 0.07,-0.12,1.3 -
  J_Bip_{{s}}_UpperLeg hip =hip
   J_Bip_{{s}}_LowerLeg knee =knee
    J_Bip_{{s}}_Foot ankle =ankle
     J_Bip_{{s}}_ToeBase ball =foot >toe
   J_Sec_{{s}}_SkirtSide0_01 0.16,0,0.9 -
    J_Sec_{{s}}_SkirtSide1_01 0.2,0,0.7 -
     J_Sec_{{s}}_SkirtSide2_01 0.22,0,0.5 -
""",
    Shape(size=0.93, legs=1.05, head=1.25, broad=0.8),
    axes="chain",
    source="Names and tree of VRoid Studio's exports, of which some hair and cloth; T pose.",
)

CHARACTER_CREATOR = sample(
    "Character Creator",
    "Character Creator",
    f"""
CC_Base_BoneRoot floor =root >0,-0.3,0
 CC_Base_Hip pelvis =pelvis
  CC_Base_Pelvis pelvis
   CC_Base_{{s}}_Thigh hip =hip
    CC_Base_{{s}}_Calf knee =knee
     CC_Base_{{s}}_Foot ankle =ankle
      CC_Base_{{s}}_ToeBase ball =foot >toe
       CC_Base_{{s}}_BigToe1 ^-0.02,-0.03,0
       CC_Base_{{s}}_IndexToe1 ^-0.01,-0.03,0
       CC_Base_{{s}}_MidToe1 ^0,-0.03,0
       CC_Base_{{s}}_RingToe1 ^0.01,-0.03,0
       CC_Base_{{s}}_PinkyToe1 ^0.02,-0.02,0
      CC_Base_{{s}}_ToeBaseShareBone ball -
     CC_Base_{{s}}_CalfTwist01 knee+.25 ~knee
     CC_Base_{{s}}_CalfTwist02 knee+.6 ~knee
    CC_Base_{{s}}_KneeShareBone knee -
    CC_Base_{{s}}_ThighTwist01 hip+.25 ~hip
    CC_Base_{{s}}_ThighTwist02 hip+.6 ~hip
  CC_Base_Waist waist =spine1
   CC_Base_Spine01 chest =spine2
    CC_Base_Spine02 upperchest =spine3
     CC_Base_NeckTwist01 neck =neck1
      CC_Base_NeckTwist02 neck+.5 =neck2
       CC_Base_Head head =head >top
        CC_Base_FacialBone head -
         CC_Base_JawRoot ^0,-0.02,0.03 -
          CC_Base_Tongue01 ^0,-0.03,0 -
           CC_Base_Tongue02 ^0,-0.02,0 -
         CC_Base_UpperJaw ^0,-0.02,0.04 -
         CC_Base_{{s}}_Eye 0.032,-0.07,1.65 -
     CC_Base_{{s}}_Clavicle collar =collar
      CC_Base_{{s}}_Upperarm shoulder =shoulder
       CC_Base_{{s}}_Forearm elbow =elbow
        CC_Base_{{s}}_Hand wrist =wrist >middle1
{hand(9, "CC_Base_{s}_{f}{n}", _FINGERS)}
        CC_Base_{{s}}_ForearmTwist01 elbow+.25 ~elbow
        CC_Base_{{s}}_ForearmTwist02 elbow+.6 ~elbow
       CC_Base_{{s}}_ElbowShareBone elbow -
       CC_Base_{{s}}_UpperarmTwist01 shoulder+.25 ~shoulder
       CC_Base_{{s}}_UpperarmTwist02 shoulder+.6 ~shoulder
     CC_Base_{{s}}_RibsTwist 0.1,0.02,1.3 -
      CC_Base_{{s}}_Breast 0.08,-0.1,1.3 -
""",
    Shape(hang=20, apart=3),
    axes="palm",
    world=Y_UP_FBX,
    source="Names and tree as in takes exported from iClone; hip and pelvis at one place; the angle of its A pose is a guess.",
)

DAZ8 = sample(
    "Daz Genesis 8",
    "Daz Genesis 8",
    """
hip pelvis+.1 =pelvis
 pelvis pelvis
  {s}ThighBend hip =hip
   {s}ThighTwist hip+.5 ~hip
    {s}Shin knee =knee
     {s}Foot ankle =ankle
      {s}Metatarsals ankle+.4
       {s}Toe ball =foot >toe
        {s}BigToe ^-0.02,-0.02,0 -
         {s}BigToe_2 ^0,-0.03,0 -
        {s}SmallToe1 ^0,-0.03,0 -
         {s}SmallToe1_2 ^0,-0.02,0 -
        {s}SmallToe4 ^0.03,-0.01,0 -
      {s}Heel heel -
 abdomenLower pelvis+.8 =spine1
  abdomenUpper waist+.3 =spine2
   chestLower chest =spine3
    chestUpper upperchest =spine4
     neckLower neck =neck1
      neckUpper neck+.5 =neck2
       head head =head >top
        upperTeeth ^0,-0.06,0.02 -
        lowerJaw ^0,-0.01,0.03 -
         tongue01 ^0,-0.03,0 -
          tongue02 ^0,-0.02,0 -
        {s}Eye 0.032,-0.07,1.65 -
        upperFaceRig ^0,-0.05,0.1 -
     {s}Collar collar =collar
      {s}ShldrBend shoulder =shoulder
       {s}ShldrTwist shoulder+.5 ~shoulder
        {s}ForearmBend elbow =elbow
         {s}ForearmTwist elbow+.5 ~elbow
          {s}Hand wrist =wrist >middle1
           {s}Thumb1 thumb1 =thumb1
            {s}Thumb2 thumb2 =thumb2
             {s}Thumb3 thumb3 =thumb3 >thumb4
           {s}Carpal1 index0
            {s}Index1 index1 =index1
             {s}Index2 index2 =index2
              {s}Index3 index3 =index3 >index4
           {s}Carpal2 middle0
            {s}Mid1 middle1 =middle1
             {s}Mid2 middle2 =middle2
              {s}Mid3 middle3 =middle3 >middle4
           {s}Carpal3 ring0
            {s}Ring1 ring1 =ring1
             {s}Ring2 ring2 =ring2
              {s}Ring3 ring3 =ring3 >ring4
           {s}Carpal4 pinky0
            {s}Pinky1 pinky1 =pinky1
             {s}Pinky2 pinky2 =pinky2
              {s}Pinky3 pinky3 =pinky3 >pinky4
    {s}Pectoral 0.08,-0.1,1.33 -
""",
    Shape(hang=42, bend=5, apart=6),
    sides=("l", "r"),
    axes="palm",
    world=CENTIMETRES,
    source="Names and tree of Genesis 8 with its bend and twist bones in one chain; A pose; lengths of a usual body.",
)

DAZ9 = sample(
    "Daz Genesis 9",
    "Daz Genesis 9",
    f"""
hip pelvis+.1 =pelvis
 pelvis pelvis
  {{s}}_thigh hip =hip
   {{s}}_shin knee =knee
    {{s}}_foot ankle =ankle
     {{s}}_toes ball =foot >toe
      {{s}}_bigtoe1 ^-0.02,-0.02,0 -
       {{s}}_bigtoe2 ^0,-0.03,0 -
      {{s}}_indextoe1 ^-0.01,-0.03,0 -
      {{s}}_pinkytoe1 ^0.03,-0.01,0 -
     {{s}}_metatarsal ankle+.4 -
   {{s}}_thightwist1 hip+.15 ~hip
   {{s}}_thightwist2 hip+.5 ~hip
 spine1 pelvis+.8 =spine1
  spine2 waist+.3 =spine2
   spine3 chest =spine3
    spine4 upperchest =spine4
     neck1 neck =neck1
      neck2 neck+.5 =neck2
       head head =head >top
        lowerjaw ^0,-0.01,0.03 -
         lowerteeth ^0,-0.05,0 -
        {{s}}_eye 0.032,-0.07,1.65 -
        {{s}}_ear 0.08,0.01,1.65 -
     {{s}}_shoulder collar =collar
      {{s}}_upperarm shoulder =shoulder
       {{s}}_forearm elbow =elbow
        {{s}}_hand wrist =wrist >middle1
         {{s}}_hand_anchor ^0.08,0,-0.03 -
{hand(9, "{s}_{f}{n}", ("thumb", "index", "mid", "ring", "pinky"), meta="{s}_{f}metacarpal")}
        {{s}}_forearmtwist1 elbow+.3 ~elbow
        {{s}}_forearmtwist2 elbow+.65 ~elbow
       {{s}}_upperarmtwist1 shoulder+.25 ~shoulder
       {{s}}_upperarmtwist2 shoulder+.6 ~shoulder
     {{s}}_pectoral 0.08,-0.1,1.33 -
""",
    Shape(hang=45, bend=8, apart=6),
    sides=("l", "r"),
    axes="palm",
    world=CENTIMETRES,
    source="Names and tree of Genesis 9, twist bones beside the limb; A pose; lengths of a usual body.",
)

MAKEHUMAN = sample(
    "MakeHuman default",
    "MakeHuman",
    """
root pelvis =pelvis
 spine05 pelvis+.5 =spine1
  spine04 waist =spine2
   spine03 waist+.6 =spine3
    spine02 chest =spine4
     breast.{s} 0.02,0.0,1.3 - >0.1,-0.12,1.28
     spine01 upperchest =spine5
      neck01 neck =neck1
       neck02 neck+.3 =neck2
        neck03 neck+.6 =neck3
         head head =head >top
          jaw ^0,-0.02,0.02 -
           special04 ^0,-0.05,0 -
            oris02 ^0,-0.02,0 -
             oris01 ^0,-0.01,0.01 -
          levator02.{s} ^0.02,-0.09,0.05 -
          special05.{s} ^0.03,-0.08,0.07 -
           eye.{s} ^0,-0.01,0 -
      clavicle.{s} collar =collar
       shoulder01.{s} collar+.6
        upperarm01.{s} shoulder =shoulder
         upperarm02.{s} shoulder+.5 ~shoulder
          lowerarm01.{s} elbow =elbow
           lowerarm02.{s} elbow+.5 ~elbow
            wrist.{s} wrist =wrist >middle0
             finger1-1.{s} thumb1 =thumb1
              finger1-2.{s} thumb2 =thumb2
               finger1-3.{s} thumb3 =thumb3 >thumb4
             metacarpal1.{s} index0
              finger2-1.{s} index1 =index1
               finger2-2.{s} index2 =index2
                finger2-3.{s} index3 =index3 >index4
             metacarpal2.{s} middle0
              finger3-1.{s} middle1 =middle1
               finger3-2.{s} middle2 =middle2
                finger3-3.{s} middle3 =middle3 >middle4
             metacarpal3.{s} ring0
              finger4-1.{s} ring1 =ring1
               finger4-2.{s} ring2 =ring2
                finger4-3.{s} ring3 =ring3 >ring4
             metacarpal4.{s} pinky0
              finger5-1.{s} pinky1 =pinky1
               finger5-2.{s} pinky2 =pinky2
                finger5-3.{s} pinky3 =pinky3 >pinky4
 pelvis.{s} pelvis
  upperleg01.{s} hip =hip
   upperleg02.{s} hip+.4 ~hip
    lowerleg01.{s} knee =knee
     lowerleg02.{s} knee+.5 ~knee
      foot.{s} ankle =ankle
       toe1-1.{s} 0.085,-0.09,0.02
        toe1-2.{s} 0.085,-0.13,0.015
       toe2-1.{s} ball =foot
        toe2-2.{s} ball+.3
         toe2-3.{s} ball+.6
       toe3-1.{s} 0.13,-0.085,0.02
        toe3-2.{s} 0.132,-0.12,0.015
       toe4-1.{s} 0.14,-0.075,0.02
        toe4-2.{s} 0.142,-0.1,0.015
       toe5-1.{s} 0.15,-0.06,0.02
        toe5-2.{s} 0.155,-0.08,0.015
""",
    Shape(hang=38, bend=8, ahead=6, apart=4),
    axes="chain",
    source="Names and tree of MakeHuman's default rig, of which some of the face and toes; the true rest pose is in `shared`.",
)

SMPLX = sample(
    "SMPL-X",
    "SMPL-X",
    f"""
root floor =root
 pelvis pelvis =pelvis
  {{s}}_hip hip =hip
   {{s}}_knee knee =knee
    {{s}}_ankle ankle =ankle
     {{s}}_foot ball =foot
  spine1 waist =spine1
   spine2 chest =spine2
    spine3 upperchest =spine3
     neck neck =neck1
      head head =head
       jaw ^0,-0.02,0.01 -
       {{s}}_eye_smplhf 0.032,-0.07,1.65 -
     {{s}}_collar collar+.3 =collar
      {{s}}_shoulder shoulder =shoulder
       {{s}}_elbow elbow =elbow
        {{s}}_wrist wrist =wrist
{hand(9, "{s}_{f}{n}", ("thumb", "index", "middle", "ring", "pinky"))}
""",
    sides=("left", "right"),
    axes="world",
    world=Y_UP_FBX,
    source="Joint names of SMPL-X under the root of its Blender add-on; T pose, joints turned like the world.",
)

ALL = (VROID, CHARACTER_CREATOR, DAZ8, DAZ9, MAKEHUMAN, SMPLX)
