"""Files of muons: trees with lists of hits and of true muons, and arrays of azimuths in layers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from datasets.files.contents import Contents, Recognized
from datasets.muons.columns import CARTESIAN, LOW_EDGE, POLAR, STANDARD
from datasets.muons.files import EVENT, HIT_PREFIX, LINK, TRUTH_PREFIX

TRUTH = re.compile(r"(.*(?:truth|true|gen|mc)[^.]*[_.]|g|mc|gen|true)(?:pt|px)", re.IGNORECASE)
"""A branch of momenta whose name says that they are true: its prefix, as `truthMuon_`, and the momentum."""
HIT = re.compile(r".*(hit|drift|wire|tdc|detector|element|layer|station|spacepoint|channel|edge).*", re.IGNORECASE)
IDENTITY = re.compile(r".*(hit|track|truth)_?(id|link|index)", re.IGNORECASE)
"""Branches that number hits and tracks: no measurements."""
WHOSE = re.compile(r".*(track_?id|truth_?link)", re.IGNORECASE)
MODEL = {"name": "deep_sets"}
TRAINING = {"epochs": 40, "batch_size": 128, "optimizer": {"name": "adamw", "learning_rate": 2e-3}}


def recognize_hits(contents: Contents) -> Recognized | None:
    """Recognise a tree with lists of hits and of muons, by the usual names, else by what the names say."""
    for tree, branches in contents.trees.items():
        keys = usual_names(branches) or guess_names(contents, tree)
        if keys is not None:
            why = keys.pop("why")
            named = {} if tree == "MuonHitDump" else {"tree": tree}
            return Recognized(
                f"the tree {tree!r} has {why}", {**named, **keys, "standardize": True}, hits_job(keys, branches)
            )
    return None


def usual_names(branches: Iterable[str]) -> dict[str, Any] | None:
    """Return the keys of the dataset for the names that a job need not say; None where the file has others."""
    known = set(branches)
    truth = any({TRUTH_PREFIX + name for name in names} <= known for names in (POLAR, CARTESIAN))
    hits = {name.removeprefix(HIT_PREFIX) for name in known if name.startswith(HIT_PREFIX)}
    if not hits:
        return None
    derived = set(LOW_EDGE) <= hits
    features = [name for name in STANDARD if name in hits or (derived and name in STANDARD[-4:])]
    features = features or sorted(name for name in hits if not IDENTITY.fullmatch(name))
    keys: dict[str, Any] = {} if features == list(STANDARD) else {"features": features}
    keys |= {} if EVENT["event"] in known else {"key": "content"}
    why = f"hits in {HIT_PREFIX}* and {'true' if truth else 'no true'} muons in {TRUTH_PREFIX}*"
    return {"why": why, **keys, **({"truth": False} if not truth else {} if LINK in hits else {"other_muons": "keep"})}


def guess_names(contents: Contents, tree: str) -> dict[str, Any] | None:
    """Return the keys of the dataset for lists of hits and of true momenta under other names; None without them.

    Lists belong together whose lengths are equal in every event.
    """
    prefixes = {match[1] for name in contents.trees[tree] if (match := TRUTH.fullmatch(name))}
    counts = contents.counts(tree) if prefixes else {}
    for prefix in sorted(prefixes):
        momenta = next((n for n in (POLAR, CARTESIAN) if {prefix + name for name in n} <= counts.keys()), None)
        if momenta is None:
            continue
        own = counts[prefix + momenta[0]]
        for hits in groups(counts):
            features = [n for n in hits if not IDENTITY.fullmatch(n) and not n.startswith(prefix)]
            few = (counts[hits[0]] == own).all() or counts[hits[0]].sum() <= own.sum()
            if few or 2 * sum(HIT.fullmatch(name) is not None for name in features) < max(4, len(features)):
                continue
            return {
                "why": f"hits in {', '.join(features[:3])}, ... and true muons in {prefix}*",
                **names_of(prefix, features, hits, counts, own),
            }
    return None


def groups(counts: Mapping[str, NDArray[Any]]) -> Iterator[list[str]]:
    """Yield the lists that have equal lengths in every event, by name."""
    found: dict[bytes, list[str]] = {}
    for name, number in counts.items():
        found.setdefault(number.tobytes(), []).append(name)
    yield from found.values()


def names_of(
    prefix: str, features: list[str], hits: list[str], counts: Mapping[str, NDArray[Any]], own: NDArray[Any]
) -> dict[str, Any]:
    """Return the keys that name the branches, without cuts: they are for the muons of another detector."""
    lower = {name.lower(): name for name, number in counts.items() if (number == own).all()}
    charge = next((lower[f"{prefix}{n}".lower()] for n in ("charge", "q") if f"{prefix}{n}".lower() in lower), None)
    link, number = (next((name for name in of if WHOSE.fullmatch(name)), None) for of in (hits, lower.values()))
    truth = {**({"charge": charge} if charge else {}), **({"link": number} if link and number else {})}
    whose = {"hit_branches": {LINK: link}} if link and number else {"other_muons": "keep"}
    cuts = {"min_pt": 0, "max_abs_eta": 20, "min_hits": 1, "key": "content"}
    return {"hit_prefix": "", "truth_prefix": prefix, **whose, "truth_branches": truth, "features": features, **cuts}


def hits_job(keys: Mapping[str, Any], branches: Iterable[str]) -> dict[str, Any]:
    """Return a first job for hits: the momentum, the direction and, where it is known, the charge; {} without truth."""
    if "truth" in keys:
        return {}
    direction = {"name": "circular", "columns": "phi"}
    tasks: dict[str, Any] = {
        "pt": {"targets": ["pt"], "transform": ["inverse", "standardize"], "loss": "l1", "metrics": "muon_pt"},
        "direction": {"targets": ["eta", "phi"], "transform": [direction, "standardize"], "metrics": "muon_direction"},
    }
    usual = TRUTH_PREFIX + "q" in set(branches) and "truth_prefix" not in keys
    if usual or "charge" in keys.get("truth_branches", {}):
        tasks["charge"] = {"targets": ["positive"], "loss": "binary_crossentropy", "metrics": "muon_charge"}
    return {"application": "muon_parameters", "model": MODEL, "tasks": tasks, "training": TRAINING}


ARRAYS = {"hits": ("HITS", "hits"), "pt": ("PT_VAL", "pt"), "charge": ("SIGN", "charge")}
"""Names of the arrays of layers, the first of them the usual ones."""


def recognize_layers(contents: Contents) -> Recognized | None:
    """Recognise arrays of azimuths in layers with momentum and charge, in one part or in several."""
    for number in (0, 1):
        hits, pt, charge = (names[number] for names in ARRAYS.values())
        ends = [name.removesuffix(hits) for name in contents.arrays if name.endswith(hits)]
        prefixes = [
            p for p in sorted(ends) if is_layered(*(contents.arrays.get(p + n, ()) for n in (hits, pt, charge)))
        ]
        if prefixes:
            named = {"hits": hits, "pt": pt, "charge": charge} if number else {}
            parts = prefixes == ["train_", "valid_"]
            share = {"train": "*:train_/[0-8]", "validation": "*:train_/9", "test": "*:valid_/*"}
            more = {"split": {"files": share}} if parts else {"prefixes": prefixes}
            array = prefixes[0] + hits
            why = f"azimuths in {contents.arrays[array][1]} layers ({array}), with {pt} and {charge}"
            return Recognized(why, {**named, **more, "min_hits": 3}, layers_job())
    return None


def is_layered(hits: tuple[int, ...], *others: tuple[int, ...]) -> bool:
    """Whether shapes are those of values of layers, and of one number per muon."""
    return len(hits) in (2, 3) and all(other == hits[:1] for other in others)


def layers_job() -> dict[str, Any]:
    """Return a first job for layers: momentum and charge."""
    pt = {"targets": ["pt"], "transform": ["log", "standardize"], "loss": "l1", "metrics": "muon_pt"}
    charge = {"targets": ["positive"], "loss": "binary_crossentropy", "weight": 0.1, "metrics": "muon_charge"}
    model = {"name": "mlp", "hidden": [256, 256, 128], "dropout": 0.2}
    tasks = {"pt": pt, "charge": charge}
    return {"application": "muon_parameters", "model": model, "tasks": tasks, "training": TRAINING}
