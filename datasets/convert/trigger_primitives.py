"""Trigger primitives of DUNE's ROOT files, as images of clusters on three planes."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Problem, UserError
from app.core.types import Count, NonNegative, Positive
from app.physics.argon.detector import SIGNS
from datasets.argon.plane_files import PLANES
from datasets.convert import CONVERTERS
from datasets.files import root
from datasets.files.shards import make_folder, write_shard

logger = logging.getLogger(__name__)

COLUMNS = (
    *("event", "is_marley", "is_main_track", "is_es", "x", "y", "z", "px", "py", "pz"),
    *("cluster_energy", "true_particle_energy", "plane", "match_id"),
    *("neutrino_energy", "neutrino_px", "neutrino_py", "neutrino_pz"),
)
UNITS = ["1"] * 4 + ["cm"] * 3 + ["GeV/c"] * 3 + ["MeV"] * 2 + ["1"] * 2 + ["MeV"] + ["GeV/c"] * 3


@CONVERTERS("trigger_primitives")
def trigger_primitives(
    files: Sequence[Path],
    out: Path,
    *,
    width: Literal[16, 32] = 16,
    near_channels: Count = 2,
    near_ticks: Positive = 20.0,
    least_charge: NonNegative = 350.0,
) -> None:
    """Cluster the trigger primitives of ROOT files, and write an image of each cluster on each plane.

    Primitives of an event on one plane of an anode that are near in channel and time make a cluster. Clusters of U, V
    and X are matched by time and by the height at which their wires cross. Each is drawn as an image (128 ticks, width
    channels) of all primitives in the window, a primitive as a triangle through its start, peak and end with its sum.
    Every face of every anode is folded into one canonical frame: channels of X are counted backward on half of them,
    and position and momenta of the truth change signs; `apa` and `face` say how to undo it. The file says so too.

    Written are `<file>_planeU.npz`, `_planeV`, `_planeX` with `images`, `metadata` (N, 18), `apa`, `face` (N,) and
    `metadata_json`. A cluster's particle is the one that left most energy in it. The target in mctruths distinguishes
    scatters on electrons from charged currents. Clusters of noise have momentum 0.

    Args:
        files: ROOT files of the trigger analysis (`file.root`, or `file.root:tree` of the primitives).
        out: folder of the images.
        width: channels of an image.
        near_channels: primitives so many channels apart can belong together.
        near_ticks: from the end of one to the start of the next is less time [ticks of 0.5 us].
        least_charge: clusters with a smaller sum are left out; noise stays below 340 [ADC].

    Raises:
        UserError: a damaged file, no primitives or no cluster in it, images that exist already.
        WirechamberError: scikit-learn is not installed, the disk is full.
    """
    from datasets.primitives.clusters import Clustering
    from datasets.primitives.images import make_planes

    targets = {path: [out / f"{root.split_name(path)[0].stem}_plane{p.upper()}.npz" for p in PLANES] for path in files}
    every = [target for names in targets.values() for target in names]
    for number, target in enumerate(every):
        if target.exists():
            raise UserError(Problem("exists already", (str(target),), expected="another folder"))
        if target in every[:number]:
            what = "two files would be written to it"
            raise UserError(Problem(what, (str(target),), expected="files of other names"))
    how = Clustering(near_channels, near_ticks, least_charge)
    make_folder(out)
    for path, names in targets.items():
        made = make_planes(path, width, how)
        for target, one in zip(names, made.values(), strict=True):
            arrays: dict[str, NDArray[Any]] = {
                "images": one.images,
                "metadata": one.metadata,
                "apa": one.apa,
                "face": one.face,
            }
            write_shard(target, arrays, describe_conversion(path, how, len(one.images)))
        ids = made["x"].metadata[:, COLUMNS.index("match_id")]
        counts = ", ".join(f"{len(one.images)} on {plane.upper()}" for plane, one in made.items())
        logger.info("%s: clusters %s; %d of X matched", path.name, counts, np.count_nonzero(ids >= 0))


def describe_conversion(path: Path, how: Any, rows: int) -> dict[str, Any]:
    """Return the metadata of a converted file."""
    from dataclasses import asdict

    from datasets.simulate.argon.options import frame_metadata

    metadata = frame_metadata("ticks", "channels")
    metadata["conventions"] |= {
        "signs": SIGNS.tolist(),
        "signs_of": "canonical = signs[apa % 2][face] * (x, y, z) of the detector, and back the same",
        "face": "0 for x < 0, 1 for x > 0, -1 not known; of U and V it is that of the matched X, else of the truth",
    }
    return {
        "dataset": "plane_images",
        "units": {"images": "ADC", "metadata": UNITS},
        "columns": {"metadata": list(COLUMNS)},
        **metadata,
        "converted_from": root.split_name(path)[0].name,
        "clustering": asdict(how),
        "rows": rows,
    }
