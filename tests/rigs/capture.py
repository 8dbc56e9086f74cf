# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons of motion capture and of the programs that clean it."""

from .build import Y_UP_FBX, sample
from .parts import hand

CMU = sample(
    "CMU",
    "CMU",
    """
Hips pelvis =pelvis >waist
 {i}HipJoint pelvis
  {s}UpLeg hip =hip
   {s}Leg knee =knee
    {s}Foot ankle =ankle
     {s}ToeBase ball =foot >toe
 LowerBack pelvis =spine1
  Spine waist+.3 =spine2
   Spine1 chest+.5 =spine3
    Neck neck =neck1
     Neck1 neck+.3 =neck2
      Head head =head >top
    {s}Shoulder neck =collar
     {s}Arm shoulder =shoulder
      {s}ForeArm elbow =elbow
       {s}Hand wrist =wrist >middle1
        {s}FingerBase wrist
         {s}HandIndex1 middle1
        {i}Thumb wrist -
""",
    sides=("Left", "Right"),
    source="Names and tree of the BVH files made from CMU's takes: hips, hip joints and lower back at one place.",
)

BANDAI = sample(
    "Bandai Namco",
    "Bandai Namco",
    """
joint_Root floor =root >0,-0.3,0
 Hips pelvis =pelvis
  Spine waist =spine1
   Chest chest =spine2
    Neck neck =neck1
     Head head =head >top
    Shoulder_{s} collar =collar
     UpperArm_{s} shoulder =shoulder
      LowerArm_{s} elbow =elbow
       Hand_{s} wrist =wrist >middle1
  UpperLeg_{s} hip =hip
   LowerLeg_{s} knee =knee
    Foot_{s} ankle =ankle
     Toes_{s} ball =foot >toe
""",
    source="Names and tree of Bandai Namco Research's files; the rest pose there is arbitrary, here it is a T pose.",
)

HIK = sample(
    "MotionBuilder HIK",
    "MotionBuilder",
    f"""
Reference floor =root >0,-0.3,0
 Hips pelvis =pelvis
  {{s}}UpLeg hip =hip
   {{s}}Leg knee =knee
    {{s}}Foot ankle =ankle
     {{s}}ToeBase ball =foot >toe
    {{s}}LegRoll knee+.5 ~knee
   {{s}}UpLegRoll hip+.5 ~hip
  Spine waist =spine1
   Spine1 waist+.6 =spine2
    Spine2 chest =spine3
     Spine3 upperchest =spine4
      Neck neck =neck1
       Head head =head >top
      {{s}}Shoulder collar =collar
       {{s}}Arm shoulder =shoulder
        {{s}}ForeArm elbow =elbow
         {{s}}Hand wrist =wrist >middle1
{hand(10, "{s}Hand{f}{n}", ("Thumb", "Index", "Middle", "Ring", "Pinky"))}
         {{s}}ForeArmRoll elbow+.5 ~elbow
        {{s}}ArmRoll shoulder+.5 ~shoulder
""",
    sides=("Left", "Right"),
    axes="x",
    world=Y_UP_FBX,
    source="Names of HumanIK's template with its roll bones, under Reference; T pose; X along the limb.",
)

ASF = sample(
    "Acclaim ASF",
    "ASF",
    """
root pelvis =pelvis
 {s}hipjoint pelvis
  {s}femur hip =hip
   {s}tibia knee =knee
    {s}foot ankle =ankle
     {s}toes ball =foot >toe
 lowerback pelvis =spine1
  upperback waist+.3 =spine2
   thorax chest+.5 =spine3
    lowerneck neck =neck1
     upperneck neck+.3 =neck2
      head head =head >top
    {s}clavicle neck =collar
     {s}humerus shoulder =shoulder
      {s}radius elbow =elbow
       {s}wrist wrist =wrist
        {s}hand wrist+.2
         {s}fingers middle1
        {s}thumb thumb1 -
""",
    sides=("l", "r"),
    source="Names and tree of CMU's ASF files.",
)

ROKOKO = sample(
    "Rokoko Newton",
    "Rokoko",
    """
Root floor =root >0,-0.3,0
 Hips pelvis =pelvis
  {s}Thigh hip =hip
   {s}Shin knee =knee
    {s}Foot ankle =ankle
     {s}Toe ball =foot
      {s}ToeTip toe
  Spine1 waist =spine1
   Spine2 waist+.6 =spine2
    Spine3 chest =spine3
     Spine4 upperchest =spine4
      Neck neck =neck1
       Head head =head
        HeadVertex top
      {s}Shoulder collar =collar
       {s}Arm shoulder =shoulder
        {s}ForeArm elbow =elbow
         {s}Hand wrist =wrist >middle1
          {s}Finger1Metacarpal thumb1 =thumb1
           {s}Finger1Proximal thumb2 =thumb2
            {s}Finger1Distal thumb3 =thumb3
             {s}Finger1Tip thumb4
          {s}Finger2Metacarpal index0
           {s}Finger2Proximal index1 =index1
            {s}Finger2Medial index2 =index2
             {s}Finger2Distal index3 =index3
              {s}Finger2Tip index4
          {s}Finger3Metacarpal middle0
           {s}Finger3Proximal middle1 =middle1
            {s}Finger3Medial middle2 =middle2
             {s}Finger3Distal middle3 =middle3
          {s}Finger4Metacarpal ring0
           {s}Finger4Proximal ring1 =ring1
            {s}Finger4Medial ring2 =ring2
             {s}Finger4Distal ring3 =ring3
          {s}Finger5Metacarpal pinky0
           {s}Finger5Proximal pinky1 =pinky1
            {s}Finger5Medial pinky2 =pinky2
             {s}Finger5Distal pinky3 =pinky3
""",
    sides=("Left", "Right"),
    axes="palm",
    world=Y_UP_FBX,
    source="Names and tree of Rokoko Studio's Newton skeleton; T pose.",
)

XSENS_BVH = sample(
    "Xsens BVH",
    "Xsens BVH",
    """
Hips pelvis =pelvis
 Chest waist =spine1
  Chest2 waist+.6 =spine2
   Chest3 chest =spine3
    Chest4 upperchest =spine4
     Neck neck =neck1
      Head head =head >top
     {s}Collar collar =collar
      {s}Shoulder shoulder =shoulder
       {s}Elbow elbow =elbow
        {s}Wrist wrist =wrist >middle1
 {s}Hip hip =hip
  {s}Knee knee =knee
   {s}Ankle ankle =ankle
    {s}Toe ball =foot >toe
""",
    sides=("Left", "Right"),
    source="Names and tree of MVN's BVH export, which other BVH writers of the same school share; T pose.",
)

XSENS = sample(
    "Xsens MVN",
    "Xsens MVN",
    """
Pelvis pelvis =pelvis
 L5 pelvis+.8 =spine1
  L3 waist+.4 =spine2
   T12 chest =spine3
    T8 upperchest =spine4
     Neck neck =neck1
      Head head =head >top
     {s}~Shoulder collar =collar
      {s}~Upper~Arm shoulder =shoulder
       {s}~Forearm elbow =elbow
        {s}~Hand wrist =wrist >middle1
 {s}~Upper~Leg hip =hip
  {s}~Lower~Leg knee =knee
   {s}~Foot ankle =ankle
    {s}~Toe ball =foot >toe
""",
    sides=("Left", "Right"),
    source="Names of MVN's segments; T pose.",
)

ALL = (CMU, BANDAI, HIK, ASF, ROKOKO, XSENS_BVH, XSENS)
