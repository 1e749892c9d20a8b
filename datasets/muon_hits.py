"""Muons in a spectrometer as its hits see them: jagged ROOT trees, one sample for each muon."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from app.core.errors import Problem, UserError, unknown
from app.core.types import Count, NonNegative, Positive
from datasets import DATASETS
from datasets.files import root
from datasets.files.root import tree_blocks
from datasets.muons.bends import COLUMNS as SEGMENTS
from datasets.muons.columns import COLUMNS, SCALES, STANDARD, UNITS, known_targets
from datasets.muons.files import EVENT, HIT_PREFIX, LINK, TRUTH, TRUTH_PREFIX, Naming, open_muon_tree, renamed_branches
from datasets.muons.reader import Reader
from datasets.muons.recognize import recognize_hits
from datasets.muons.selection import Choice, Keep, Muons, OnInvalid, Selection
from datasets.muons.tracks import COLUMNS as TRACKS
from datasets.muons.tracks import NEEDED
from datasets.pipeline.event_keys import Duplicates
from datasets.pipeline.events import Column, Input, Source

EXTRAS = {
    "muon": Column("muon", "", "number of the muon in its event"),
    "muons": Column("muons", "", "muons in the event"),
    "n_hits": Column("n_hits", "", "hits of the sample"),
    "event": Column("event", "", "number of the event"),
    "run": Column("run", "", "number of the run"),
}

MASK = Input((Column("mask", "", "1: a hit, 0: padding"),), (None,))
ASSIGNED = Input((Column("assigned", "", "1: the hit is of the muon, 0: it is not, or padding"),), (None,))


@DATASETS("muon_hits", reads=(".root",), recognize=recognize_hits)
def muon_hits(
    files: Sequence[Path],
    *,
    tree: str = "MuonHitDump",
    hit_prefix: str = HIT_PREFIX,
    truth_prefix: str = TRUTH_PREFIX,
    hit_branches: dict[str, str] | None = None,
    truth_branches: dict[str, str] | None = None,
    features: Annotated[tuple[str, ...], Field(min_length=1)] = STANDARD,
    scales: dict[str, float] | None = None,
    standardize: bool = False,
    assignment: bool = False,
    tracks: bool = False,
    inputs: Literal["hits", "segments"] = "hits",
    muons: Muons = "each",
    other_muons: Keep = "drop",
    noise: Keep = "keep",
    min_pt: NonNegative = 5.0,
    max_abs_eta: Positive = 2.7,
    min_hits: Annotated[int, Field(ge=0)] = 3,
    max_hits: Count = 600,
    block_size: Count = 5000,
    key: Literal["event", "content"] = "event",
    on_invalid: OnInvalid = "stop",
    truth: bool = True,
) -> Source:
    """Hits of muons and their truth from jagged ROOT trees (TTree or RNTuple), unpadded until the batch.

    Inputs are `hits` (h, features), as they stand in the file, zero where padded, and `mask` (h,), 1 for a hit and 0
    for padding; h is the batch's longest event, rounded up to a multiple of 32. The model's first layer,
    `hit_features`, multiplies the scales. A feature is a branch of hits, or derived from the low edge of a hit:
    `r` = hypot(x, y), `s` = |(x, y, z)|, `theta`, `phi`, `eta` = asinh(z / r); a branch of that name goes first.

    Targets follow from pt, eta, phi or from px, py, pz of a muon, and its charge: pt, p, px, py, pz [GeV], eta, phi
    [rad], charge (+1 or -1), positive (class 1 or 0), q_over_pt [1/GeV], and the vertex vx, vy, vz where it is there.

    Args:
        files: ROOT files (`file.root:tree`); read in blocks.
        tree: name of the tree.
        hit_prefix: what the branches of hits begin with.
        truth_prefix: what the branches of muons begin with.
        hit_branches: whole names of branches of hits that are called otherwise, by feature; `truthLink` says which
            muon a hit is of: its number in the event, -1 for noise.
        truth_branches: whole names of branches of pt, eta, phi, charge, px, py, pz, vx, vy, vz of muons, of link, what
            truthLink says of the muon where that is not its number, and of event and run.
        features: the features of each hit that a network sees.
        scales: factors by feature, in place of the defaults.
        standardize: after that, bring each feature to mean 0 and standard deviation 1 over the hits in training.
        assignment: give for each hit whether the sample's muon made it, as `assigned` (h,), which no network sees.
        tracks: give the columns of a track fit without a network, for the baselines `inner_station`, `all_hits` and
            `sagitta_fit`: `line_eta`, `line_phi`, `mean_eta`, `curvature`, `stations`; for chambers as in the
            simulation. It takes 0.2 ms for each muon.
        inputs: "hits", or "segments": a row of numbers, standardised, in their place, from the straight segments in the
            stations and the circle of `tracks`, for networks of rows like `mlp`. A large angle is a small momentum, so
            that the bending is there as its logarithm and sign, and the angles of the segments in units of it.
        muons: every muon of an event is a sample ("each"), its muon of highest pt ("leading"), or only muons that are
            alone in their event ("single").
        other_muons: "drop" the hits of the other muons of an event, or "keep" them: then the hits do not show which of
            several muons is the target.
        noise: "keep" or "drop" hits that no muon made.
        min_pt: least transverse momentum [GeV].
        max_abs_eta: largest |eta|.
        min_hits: least number of hits.
        max_hits: largest number of hits; of more hits the first ones are taken.
        block_size: events that are read at a time.
        key: what identifies muons, for splits and the search for duplicates: "event", run and number of the event and
            the muon's number in it, or "content", a hash of truth and number of hits, also where no event is numbered.
        on_invalid: "stop" at truth or hits that are not finite, at pt 0 and at charges other than 1 and -1, or "drop"
            these muons. The log counts everything that is left out.
        truth: false for files without muons, which can only be predicted: an event with all of its hits is a sample.

    Raises:
        UserError: a damaged file, a missing tree or branch, branches of different lengths in an event, impossible
            values, no column that tells the hits of several muons apart, duplicates.
    """
    naming = Naming(hit_prefix, truth_prefix, hit_branches or {}, truth_branches or {})
    segments = inputs == "segments"
    check_names(naming, features, scales or {}, tracks or segments)
    if segments and assignment:
        raise UserError(
            Problem("segments have no hits to assign", ("dataset", "assignment"), expected="false", received=True)
        )
    assignment = assignment and truth
    trees = [open_muon_tree(path, tree, features, naming, assignment or noise == "drop", truth) for path in files]
    parts = tree_blocks(trees, block_size)
    rows = sum(part.rows for part in parts)
    selection = Selection(min_pt, max_abs_eta, min_hits, max_hits, on_invalid, len(parts))
    choice = Choice(muons, other_muons, noise) if truth else Choice("each", "keep", "keep")
    duplicates = Duplicates(rows, truth)
    reader = Reader(features, choice, selection, assignment, key == "content", duplicates, tracks, segments, truth)
    factors = [{**SCALES, **(scales or {})}.get(name, 1.0) for name in features]
    layer = {"name": "hit_features", "scales": factors, "standardize": standardize}
    columns = tuple(Column(name, UNITS.get(name, "")) for name in features)
    known = trees[0].truth
    targets = known_targets(known) if truth else {}
    of_hits = {"hits": Input(columns, (None, len(features)), layer=layer), "mask": MASK}
    return Source(
        inputs={"segments": Input(SEGMENTS, (len(SEGMENTS),))} if segments else of_hits,
        targets=targets,
        absent={name: naming.describe_absence(name) for name in COLUMNS if name not in targets} if truth else {},
        extras=known_extras(known, truth) | (TRACKS if tracks else {}),
        blocks=[partial(reader, number, part) for number, part in enumerate(parts)],
        files=[str(part.tree.path) for part in parts],
        rows=rows,
        fingerprint=root.fingerprint(files, tree, renamed_branches(naming)),
        description=f"{rows:,} events of hits, {len(features)} features, in {len(files)} file{'s' * (len(files) > 1)}",
        facts=root.read_metadata(files[0]),
        truth={"assigned": ASSIGNED} if assignment else {},
        selects=True,
    )


def known_extras(known: Mapping[str, str], truth: bool) -> dict[str, Column]:
    """Return what else is known of each sample."""
    names = {"n_hits", *known} | ({"muon", "muons"} if truth else set())
    return {name: column for name, column in EXTRAS.items() if name in names}


def check_names(naming: Naming, features: Sequence[str], scales: dict[str, float], tracks: bool) -> None:
    """Refuse names of columns that do not exist here, and lists of features that are incomplete."""
    missing = [name for name in NEEDED if tracks and name not in features]
    if missing:
        expected = f"all of [{', '.join(NEEDED)}], or no tracks"
        what = f"tracks need the feature {missing[0]!r}"
        raise UserError(Problem(what, ("dataset", "features"), expected=expected, received=list(features)))
    columns = list(dict.fromkeys([*features, *STANDARD, LINK]))
    for option, given, known in (
        ("hit_branches", naming.hit_branches, columns),
        ("truth_branches", naming.truth_branches, [*TRUTH, *EVENT]),
        ("scales", scales, list(features)),
    ):
        for name in given:
            if name not in known:
                raise UserError(unknown("column", name, known, ("dataset", option)))
    for position, name in enumerate(features):
        if name in features[:position]:
            where = ("dataset", "features", position)
            raise UserError(Problem("the feature is there twice", where, expected="every feature once", received=name))
