# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs that are no people's."""

from .build import sample
from .sample import Sample

_TREES = {
    "dog": """
root 0,0,0.6
 pelvis 0,0.35,0.6
  spine1 0,0.2,0.62
   spine2 0,0.0,0.62
    chest 0,-0.2,0.6
     neck 0,-0.35,0.65
      head 0,-0.5,0.8
       jaw 0,-0.6,0.78
     scapula.{s} 0.06,-0.25,0.6
      upperarm.{s} 0.08,-0.3,0.5
       forearm.{s} 0.08,-0.25,0.32
        hand.{s} 0.08,-0.28,0.08
         toes.{s} 0.08,-0.34,0.02
  thigh.{s} 0.08,0.38,0.55
   shin.{s} 0.08,0.3,0.35
    foot.{s} 0.08,0.42,0.18
     toes_back.{s} 0.08,0.38,0.03
  tail1 0,0.45,0.62
   tail2 0,0.6,0.6
    tail3 0,0.75,0.55
""",
    "horse": """
root 0,0,1.2
 pelvis 0,0.6,1.3
  spine1 0,0.3,1.32
   spine2 0,0.0,1.3
    spine3 0,-0.3,1.3
     neck1 0,-0.6,1.4
      neck2 0,-0.8,1.7
       head 0,-0.95,1.95
     shoulder.{s} 0.1,-0.4,1.25
      upperarm.{s} 0.15,-0.55,1.05
       forearm.{s} 0.15,-0.4,0.8
        cannon.{s} 0.15,-0.42,0.42
         hoof.{s} 0.15,-0.44,0.12
  thigh.{s} 0.15,0.6,1.15
   shin.{s} 0.15,0.45,0.85
    cannon_back.{s} 0.15,0.68,0.5
     hoof_back.{s} 0.15,0.66,0.12
  tail1 0,0.8,1.3
   tail2 0,0.9,1.1
""",
    "spider": """
body 0,0,0.3
 abdomen 0,0.3,0.35
 head 0,-0.2,0.3
 a1.{s} 0.05,-0.1,0.3
  a2.{s} 0.3,-0.3,0.5
   a3.{s} 0.6,-0.5,0.3
    a4.{s} 0.7,-0.6,0.0
 b1.{s} 0.05,-0.03,0.3
  b2.{s} 0.35,-0.1,0.5
   b3.{s} 0.7,-0.15,0.3
    b4.{s} 0.8,-0.2,0.0
 c1.{s} 0.05,0.03,0.3
  c2.{s} 0.35,0.1,0.5
   c3.{s} 0.7,0.15,0.3
    c4.{s} 0.8,0.2,0.0
 d1.{s} 0.05,0.1,0.3
  d2.{s} 0.3,0.3,0.5
   d3.{s} 0.6,0.5,0.3
    d4.{s} 0.7,0.6,0.0
""",
    "robot arm": """
base 0,0,0
 turret 0,0,0.3
  boom 0,0,0.5
   stick 0,-0.6,0.9
    wrist 0,-1.0,0.6
     tool 0,-1.1,0.5
      jaw.{s} 0.03,-1.15,0.5
       jaw_tip.{s} 0.03,-1.25,0.5
""",
    "face": """
head 0,0,1.6
 jaw 0,-0.02,1.58
  chin 0,-0.1,1.52
  lip_low.{s} 0.02,-0.1,1.56
 brow_in.{s} 0.01,-0.1,1.68
  brow_mid.{s} 0.03,-0.1,1.69
   brow_out.{s} 0.05,-0.08,1.68
 eye.{s} 0.03,-0.07,1.65
  lid_up.{s} 0.03,-0.09,1.66
  lid_low.{s} 0.03,-0.09,1.64
 cheek.{s} 0.05,-0.08,1.6
 ear.{s} 0.08,0,1.64
  ear_tip.{s} 0.09,0.02,1.68
""",
    "bird": """
pelvis 0,0.05,0.5
 spine1 0,0.0,0.55
  spine2 0,-0.08,0.6
   neck1 0,-0.15,0.7
    neck2 0,-0.2,0.8
     head 0,-0.22,0.88
      beak 0,-0.3,0.87
   wing1.{s} 0.08,-0.05,0.62
    wing2.{s} 0.3,0.02,0.65
     wing3.{s} 0.55,-0.05,0.63
      feather.{s} 0.9,0.05,0.6
 thigh.{s} 0.06,0.03,0.45
  shin.{s} 0.06,-0.08,0.33
   foot.{s} 0.06,0.04,0.15
    toe.{s} 0.06,-0.02,0.02
 tail 0,0.2,0.45
""",
    "car": """
body 0,0,0.5
 wheel_front.{s} 0.7,-1.2,0.3
 wheel_back.{s} 0.7,1.2,0.3
 door.{s} 0.8,-0.2,0.7
""",
    "table": """
top 0,0,0.7
 leg_front.{s} 0.5,-0.3,0.7
  leg_front_mid.{s} 0.5,-0.3,0.4
   leg_front_foot.{s} 0.5,-0.3,0
 leg_back.{s} 0.5,0.3,0.7
  leg_back_mid.{s} 0.5,0.3,0.4
   leg_back_foot.{s} 0.5,0.3,0
""",
    "hand": """
wrist 0,0,0
 f1 0.1,0,0
  f2 0.15,0,0
   f3 0.18,0,0
 g1 0.1,0.03,0
  g2 0.15,0.03,0
   g3 0.18,0.03,0
 h1 0.1,0.06,0
  h2 0.15,0.06,0
   h3 0.18,0.06,0
 i1 0.05,-0.05,0
  i2 0.08,-0.08,0
   i3 0.1,-0.1,0
""",
    "rope": "\n".join(" " * i + f"rope{i} 0,0,{0.2 * i}" for i in range(12)),
    "snake": "\n".join(" " * i + f"spine{i} 0,{0.2 * i},0.1" for i in range(20)),
}

NOT_PEOPLE: dict[str, Sample] = {name: sample(name, "", tree) for name, tree in _TREES.items()}
