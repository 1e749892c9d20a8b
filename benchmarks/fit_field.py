"""How well does `fit-field` give a real map back, by the number of tracks?

Tracks of the sampling of `mnp33_map.json` through the MNP33 map, 100 Runge-Kutta steps; a tenth is left out to choose
the prior; 1,000 further tracks measure the result. The same modes for all.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from app.field_fit.selection import choose_fit
from app.field_fit.transport import TrackPairs, follow_tracks
from app.physics.fields.field_map import FieldMap
from app.physics.propagation import Propagator
from benchmarks._results import parse_options, report

COUNTS = (500, 1000, 4000, 20000)
MODES, PRIORS = (4, 10), (1e-7, 1e-9, 1e-11)
Z, DZ, STEPS = -3000.0, 6000.0, 100


def tracks_through(field: Any, count: int, seed: int) -> TrackPairs:
    """Draw tracks at the start plane and propagate them."""
    random = np.random.default_rng(seed)
    state = random.uniform([-300, -200, -0.05, -0.05], [300, 200, 0.05, 0.05], (count, 4))
    qop = random.choice([-1.0, 1.0], count) / np.exp(random.uniform(np.log(5), np.log(100), count))
    end = Propagator(field)(state, qop, Z, DZ, STEPS).state
    return TrackPairs(np.column_stack([state, qop, np.full(count, Z), np.full(count, DZ)]), end)


def measure(field: Any, count: int, unseen: TrackPairs) -> dict[str, Any]:
    """Fit so many tracks, and return how far others miss and how far By on their ways is off."""
    tracks = tracks_through(field, count, 1)
    begin = time.process_time()
    kept = count - count // 10
    best = choose_fit(tracks.take(slice(kept)), tracks.take(slice(kept, None)), [MODES], PRIORS, (False, False))[0]
    seconds = time.process_time() - begin
    missed = np.hypot(*best.fit.residuals(unseen).T[:2])
    paths = follow_tracks(best.fit.modes, best.fit.w, unseen.start, 20)
    z = np.broadcast_to(Z + DZ * np.linspace(0, 1, 21), paths.shape[:2])
    places = np.stack([paths[..., 0], paths[..., 1], z], axis=-1).reshape(-1, 3)
    true = field(*places.T)[1]
    off = np.abs(np.einsum("nxyjkl,xyjkl->n", best.fit.modes.fields(places)[:, 1], best.fit.w) - true)
    relative = off / np.abs(true).max()
    return {
        "tracks": f"{count:,}",
        "prior": f"{best.prior:g}",
        "mean [mm]": f"{missed.mean():.4f}",
        "median [mm]": f"{np.median(missed):.4f}",
        "95 % [mm]": f"{np.quantile(missed, 0.95):.4f}",
        "By on tracks, 68 %": f"{np.quantile(relative, 0.68):.1e}",
        "99 %": f"{np.quantile(relative, 0.99):.1e}",
        "processor [s]": f"{seconds:.0f}",
    }


def main() -> None:
    """Measure each number of tracks."""
    chosen = parse_options(__doc__)
    folder = Path(os.environ["WIRECHAMBER_EXTERNAL_DATA"])
    field = FieldMap(file=str(folder / "field_maps/mnp33_opera3d.npz"))
    unseen = tracks_through(field, 1000, 2)
    rows = [measure(field, count, unseen) for count in (COUNTS[:1] if chosen.quick else COUNTS)]
    notes = [f"{MODES[0]} x {MODES[1]} waves; By relative to its maximum on the tracks, 1,000 tracks not used"]
    report("A field from tracks: the MNP33 map", rows, chosen, notes)


if __name__ == "__main__":
    main()
