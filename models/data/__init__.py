# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes and their captions: one loader per data set, one shape for all of them."""

from models.data import amass, annotated, babel, cmu, humanml3d
from models.data.takes import Caption, DataSet, Take

LOADERS = {
    "cmu": cmu.load,
    "humanml3d": humanml3d.load,
    "humanml3d_amass": annotated.humanml3d,
    "kitml": annotated.kitml,
    "amass": amass.load,
    "babel": babel.load,
}
"""Name of a data set's form to its loader `(folder, cache) -> DataSet`; a new form is a new file and a row here."""

__all__ = ["LOADERS", "Caption", "DataSet", "Take"]
