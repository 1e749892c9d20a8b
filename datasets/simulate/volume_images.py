"""Simulated volumes of liquid argon around a neutrino interaction, as three planes of wires see them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.core.errors import Problem, UserError
from app.core.types import Fraction, NonNegative, PositiveRange, Rows
from app.physics.argon.medium import DENSITY
from app.physics.argon.planes import DRIFT_LENGTH, TICK
from datasets import SIMULATORS
from datasets.simulate.argon.options import (
    ArgonGenerator,
    Arrays,
    Flux,
    Interactions,
    Kind,
    Readout,
    frame_metadata,
    run_in_threads,
)
from datasets.simulate.argon.sources import build_decays

VERSION = 1
SHAPE = (208, 1242)
"""Channels and ticks of an image."""
UNITS = {
    "value": "ADC", "particle_energy": "GeV", "cluster_energy": "MeV",
    "main_track_momentum": "GeV/c", "neutrino_momentum": "GeV/c",
}  # fmt: skip


@SIMULATORS("volume_images", version=VERSION)
def volume_images(
    out: Path,
    *,
    events: Rows,
    shard_size: Rows = 5000,
    kind: Kind = "mixed",
    elastic_share: Fraction = 0.5,
    energy: PositiveRange = (5.0, 70.0),
    activity: NonNegative = 1.01,
    single_gammas: Fraction = 0.0,
    flux: Flux,
    readout: Readout,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> None:
    """Supernova neutrinos in a volume of 1 m x 1 m around the electron, with all its clusters, background and noise.

    Images are (208 channels, 1242 ticks) per plane and nearly empty, so shards `shard_00000.npz`, ... hold the M pixels
    of N events: `plane` (0 U, 1 V, 2 X), `row` (channel), `column` (tick), `value` [ADC], (M,); those of event i are
    `offsets`[i] to `offsets`[i + 1] - 1. About each event, (N,) or (N, 3): `event`, `source_file` (number of the
    shard), `is_es`, `particle_energy` (total, of the electron [GeV]), `cluster_energy` (on X, of the cluster in the
    middle [MeV]), `main_track_momentum`, `neutrino_momentum` [GeV/c], `n_clusters` (on X, above 0.5 MeV),
    `center_channel`, `center_tick` (of each plane), `match_id`, `key` (uint64); and `metadata`, a JSON string. Frame,
    primitives and simplifications are those of `plane_images`. The content of shard i depends on (seed, i, options)
    alone: an interrupted generation continues where it stopped.

    Decays of argon-39 are those in the whole drift whose charge arrives together with the volume's; their diffusion is
    that of the place where they appear.

    Args:
        out: folder of the shards.
        events: total number of events.
        shard_size: events per shard; one shard is held in memory.
        kind: neutrino interactions: on electrons, charged currents on argon-40, or both.
        elastic_share: share of scatters on electrons among both.
        energy: range of the electron's kinetic energy [MeV].
        activity: of the argon [Bq/kg]; 1.01 is argon-39 in argon from the atmosphere.
        single_gammas: share of single gammas (1.46, 2.61, 4.75 MeV) among decays.
        flux: of the neutrinos.
        readout: drift, pulses, noise and thresholds.
        seed: of the random numbers.

    Raises:
        UserError: options that no event fulfils, a folder with other shards.
        NotWritten: the disk is full, or the folder cannot be written.

    References:
        P. Benetti et al. (WARP), Measurement of the specific activity of 39Ar in natural argon, arXiv:astro-ph/0603131.
    """
    neutrinos = Interactions(kind, elastic_share, energy, flux, readout)
    _Generator(int(seed), shard_size, neutrinos, Background(activity, single_gammas)).generate(out, events)


@dataclass(frozen=True)
class Background:
    """Radioactive decays in the volume."""

    activity: float
    single_gammas: float

    def mean_decays(self, box: tuple[float, float, float], ticks: int) -> float:
        """Return how many decays in a box of half widths (x, y, z) [cm] are read out within `ticks`, on average."""
        volume = DRIFT_LENGTH * 4 * box[1] * box[2]
        return self.activity * 1e-3 * DENSITY * volume * ticks * TICK * 1e-6


@dataclass(frozen=True)
class _Generator(ArgonGenerator):
    dataset, version, units = "volume_images", VERSION, UNITS

    background: Background

    def options(self) -> dict[str, Any]:
        """Return all that events depend on, except their keys."""
        return self.physics.options | asdict(self.background)

    def metadata_fields(self) -> dict[str, Any]:
        """Return the shape of an image, and the frame of the images."""
        return {"shape": list(SHAPE), **frame_metadata("channels", "ticks")}

    def arrays(self, shard: int, key: NDArray[np.uint64]) -> tuple[Arrays, dict[str, Any]]:
        """Return the pixels of a shard, and how many events were tried."""
        from datasets.simulate.argon import volume_rows

        shared, box = self.physics, volume_rows.BOX
        mean = self.background.mean_decays(box, round(2 * box[0] * 12.455))
        spectra = (shared.build_neutrinos(), build_decays(self.background.single_gammas))
        inputs = (*spectra, shared.build_electronics(), shared.build_tables())
        setup = volume_rows.Setup(*inputs, mean, shared.elastic, *shared.readout.drift)

        def simulate(first: int, last: int) -> list[tuple[Any, ...]]:
            memory, waveforms, pixels = volume_rows.thread_memory()
            events = []
            for seed in key[first:last]:
                attempts, count = volume_rows.fill_event(seed, memory, waveforms, setup, pixels)
                copies = (pixels.index[:count].copy(), pixels.value[:count].copy(), pixels.truth.copy())
                events.append((attempts, *copies))
            return events

        events = [event for part in run_in_threads(simulate, len(key)) for event in part]
        attempts, index, value, truth = zip(*events, strict=True)
        if not all(attempts):
            raise UserError(Problem("no main track is seen in all planes", ("threshold",)))
        plane, row, column = np.concatenate(index).T
        offsets = np.concatenate([[0], np.cumsum([len(values) for values in value])])
        pixels = {"plane": plane.astype(np.uint8), "row": row.astype(np.int16), "column": column.astype(np.int16)}
        pixels |= {"value": np.concatenate(value), "offsets": offsets.astype(np.int64)}
        number = np.arange(len(key)) + shard * self.shard_size
        return pixels | _truth_arrays(np.stack(truth), number, shard), {"tried": sum(attempts)}


def _truth_arrays(truth: Any, number: NDArray[Any], shard: int) -> Arrays:
    """Return the arrays about events from the columns (N, 16) that the compiled code fills."""
    from datasets.simulate.argon import volume_rows as columns

    def vector(first: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(truth[:, first : first + 3], np.float32)

    return {
        "event": number,
        "source_file": np.full(len(number), shard, np.int32),
        "is_es": truth[:, columns.IS_ES].astype(np.int8),
        "particle_energy": truth[:, columns.ENERGY].astype(np.float32),
        "cluster_energy": truth[:, columns.CLUSTER_ENERGY].astype(np.float32),
        "main_track_momentum": vector(columns.MOMENTUM),
        "neutrino_momentum": vector(columns.NEUTRINO),
        "n_clusters": truth[:, columns.CLUSTERS].astype(np.int32),
        "center_channel": vector(columns.CENTERS),
        "center_tick": vector(columns.CENTERS + 3),
        "match_id": number,
    }
