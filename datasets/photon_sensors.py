"""Gammas in a liquid-xenon calorimeter as its 4,760 photon sensors see them: photons and time of each sensor."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from app.core.types import Count, NonNegative
from app.physics.xenon_calorimeter import SENSORS
from datasets import DATASETS
from datasets.files import root
from datasets.files.root import tree_blocks
from datasets.photons.files import BRANCHES, open_sensor_tree
from datasets.photons.reader import Reader
from datasets.photons.recognize import recognize
from datasets.pipeline.event_keys import Duplicates
from datasets.pipeline.events import Column, Input, Source

SENSOR_COLUMNS = (
    Column("npho", "", "photons that arrived at the sensor"),
    Column("relative_time", "s", "time of the first light, on the clock of the truth"),
)
TARGETS = {
    "theta": Column("theta", "deg", "polar angle of the emission"),
    "phi": Column("phi", "deg", "azimuth of the emission, 0 at -x"),
    "energy": Column("energy", "GeV", "energy of the gamma"),
    "time": Column("time", "s", "time of the first interaction"),
    "u": Column("u", "cm", "first interaction along z"),
    "v": Column("v", "cm", "first interaction along the arc of the inner face"),
    "w": Column("w", "cm", "depth of the first interaction"),
    "direction_x": Column("direction_x", "", "x of the emission's unit vector"),
    "direction_y": Column("direction_y", "", "y of the emission's unit vector"),
    "direction_z": Column("direction_z", "", "z of the emission's unit vector"),
    "n_gamma": Column("n_gamma", "", "number of gammas, 0 to 4"),
}
EXTRAS = {
    "light": Column("light", "", "sum of the photons of all valid sensors"),
    "centroid_u": Column("centroid_u", "cm", "light-weighted mean of u of all sensors"),
    "centroid_v": Column("centroid_v", "cm", "light-weighted mean of v of all sensors"),
    "centroid_w": Column("centroid_w", "cm", "light-weighted mean of w of all sensors"),
    "time_first": Column("time_first", "s", "5 % quantile of the sensors' times"),
}
Scaling = Literal["log1p", "sqrt", "anscombe", "linear"]
Sensor = Annotated[int, Field(ge=0, lt=SENSORS)]


@DATASETS("photon_sensors", reads=(".root",), recognize=recognize)
def photon_sensors(
    files: Sequence[Path],
    *,
    tree: str = "tree",
    branches: dict[str, str] | None = None,
    scaling: Scaling = "sqrt",
    time_threshold: NonNegative = 50.0,
    dead: tuple[Sensor, ...] = (),
    block_size: Count = 1000,
    key: Literal["event", "readings"] = "event",
    empty: Literal["drop", "keep"] = "drop",
    on_invalid: Literal["stop", "drop"] = "stop",
    truth: bool = True,
) -> Source:
    """Photons and times of the 4,760 sensors of a xenon calorimeter, and the truth of the gamma, from ROOT trees.

    The input `sensors` (4760, 2) holds raw photons and times [s], NaN for what is invalid: NaN or beyond 9e9 in the
    file, a dead channel, the time of a sensor with little light. Scaling and masks are made by the model's first layer,
    `sensor_channels`, and stay with the model. Targets are those whose branches the file has. For baselines each event
    has its `light`, the light-weighted mean `centroid_u`, `_v`, `_w` of the sensors' places and `time_first`, the 5 %
    quantile of the times of every eighth sensor. The centroid is taken over all faces: weighted over the inner face
    alone it carries no information on the depth.

    Args:
        files: ROOT files (`file.root:tree`); read in blocks.
        tree: name of the tree.
        branches: where a column is that has another name, `branch` or `branch[element]`, e.g. {"theta": "ang[0]"};
            columns: npho, relative_time, the targets, run, event. A column that is named must be there.
        scaling: of the photons, by the model's first layer.
        time_threshold: sensors with fewer photons have no valid time.
        dead: sensors whose readings are all invalid, in addition to those that the file marks.
        block_size: events that are read at a time; a block is 76 MB per 1000 events.
        key: what identifies events, for the split and the search for duplicates: run and event number, or a hash of the
            readings for files in which these repeat; without run and event it is the readings.
        empty: what to do with events without any gamma (n_gamma = 0), whose truth is undefined: "drop" them, or "keep"
            them for the target n_gamma alone.
        on_invalid: "stop" at events whose truth is not finite, or "drop" them and log how many.
        truth: false for files whose truth is not read, which can only be predicted.

    Raises:
        UserError: a damaged file, a missing tree or branch, another number of sensors, truth that is not finite, in
            another unit or out of range, duplicates.
    """
    trees = [open_sensor_tree(path, tree, branches or {}, truth) for path in files]
    parts = tree_blocks(trees, block_size)
    rows = sum(part.rows for part in parts)
    renamed = {column: branch for column, branch in (branches or {}).items() if branch != BRANCHES[column]}
    drops = (empty == "drop", on_invalid == "drop")
    reader = Reader(time_threshold, dead, key == "readings", *drops, Duplicates(rows, truth))
    return Source(
        inputs={
            "sensors": Input(SENSOR_COLUMNS, (SENSORS, 2), layer={"name": "sensor_channels", "scaling": scaling}),
        },
        targets={name: column for name, column in TARGETS.items() if name in trees[0].found},
        absent={n: f"no branch {BRANCHES[n]!r}; see branches" for n in TARGETS if n not in trees[0].found and truth},
        extras=EXTRAS,
        blocks=[partial(reader, number, part) for number, part in enumerate(parts)],
        files=[str(part.tree.path) for part in parts],
        rows=rows,
        fingerprint=root.fingerprint(files, tree, renamed),
        description=f"{rows:,} events of {SENSORS} photon sensors in {len(files)} file{'s' * (len(files) > 1)}",
        facts=root.read_metadata(files[0]),
        selects=True,
    )
