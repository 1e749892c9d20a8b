"""Momentum, direction and charge of muons: the shipped jobs compared with what takes no network.

`python benchmarks/muon_hits.py --runs FOLDER [--parts omtf simulated spinquest] [--events 20000] [--epochs 9]` runs the
jobs of json/muon_hits: on simulated muons next to the circle through three stations, in bins of pT; on the muons of an
overlap trigger with several seeds, their mean, and gradient boosting (scikit-learn) on the same muons; on spinquest
split by momentum. A run that is there already is not done again. The last two need $WIRECHAMBER_EXTERNAL_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from _results import ROOT, report

from app.metrics import METRICS
from app.predictions import Predictions

JOBS = ROOT / "json" / "muon_hits"
BOTH = 'tasks.pt.metrics=["muon_pt", "muon_charge"]'
SIGNED = ['tasks.pt.targets="q_over_pt"', "tasks.pt.transform=standardize", BOTH]
SIMULATED: dict[str, tuple[str, list[str]]] = {
    "segments": ("segments.json", []),
    "segments, 1/pT": ("segments.json", ['tasks.pt.transform=["inverse", "standardize"]']),
    "segments, pT": ("segments.json", ["tasks.pt.transform=standardize"]),
    "segments, q/pT": ("segments.json", [*SIGNED, "tasks.charge.enabled=false"]),
    "segments, eta": ("segments_eta.json", []),
    "hits": ("eta_phi_pt.json", []),
    "hits, pT": ("without_inverse.json", []),
    "hits, q/pT": ("q_over_pt.json", []),
    "transformer, q/pT": ("transformer.json", []),
    "assignment, q/pT": ("assignment.json", []),
}
"""Jobs and settings; a loss is in log pT, 1/pT, pT or q/pT."""
WIDTHS = ("pt_relative_68", "eta_68", "phi_68", "px_68", "py_68", "pz_68")
CIRCLE = "circle"
OMTF = Path("muons") / "cms_omtf_train_valid.npz"
BENDING, STRAIGHT, CENTRE, FEWEST = (1, 3, 5), 600.0, 900.0, 3
"""Of the trigger's layers: those with angles, the angle of a straight muon, the middle, least number of hits."""


def run(name: str, job: str, settings: Sequence[str], chosen: argparse.Namespace) -> Path:
    """Train one job unless it is done, and return its folder."""
    name = name.replace(", ", "_").replace("/", "_over_")
    folder = Path(chosen.runs) / name
    if not (folder / "metrics.json").exists():
        settings = [*settings, "training.epochs=1"] if chosen.quick else settings
        words = [word for setting in (f"name={name}", "plots=[]", *settings) for word in ("--set", setting)]
        command = [sys.executable, str(ROOT / "app" / "run.py"), "--config", str(JOBS / job), "--overwrite", *words]
        roots = {"WIRECHAMBER_RUNS": str(chosen.runs), "WIRECHAMBER_REGISTRY": str(chosen.runs / "registry")}
        subprocess.run(command, check=True, env={**os.environ, **roots}, stdout=subprocess.DEVNULL)
        print(f"{name}: {training_seconds(folder):.0f} s of training", flush=True)
    return folder


def training_seconds(folder: Path) -> float:
    """Return how long the training took."""
    return float(json.loads((folder / "history.json").read_text())["training_time"])


def read_figures(folder: Path) -> dict[str, Any]:
    """Return metrics.json."""
    return dict(json.loads((folder / "metrics.json").read_text()))


def measure_simulated(chosen: argparse.Namespace) -> None:
    """Simulated muons: momentum and charge in bins of pT, direction, assignment."""
    every = [f"dataset.simulate.events={chosen.events}"]
    lengths = [f"training.epochs={chosen.epochs}"] if chosen.epochs else []
    folders = {}
    for name in chosen.cases:
        job, own = SIMULATED[name]
        folders[name] = run(name, job, [*every, *own, *([] if job.startswith("segments") else lengths)], chosen)
    measured = {name: read_figures(folder) for name, folder in folders.items()}
    every_pt = {name: found.get("curvature") or found.get("pt") for name, found in measured.items()}
    momentum = {name: found for name, found in every_pt.items() if found}
    columns = {name: found["model"] for name, found in momentum.items()}
    first = next(iter(momentum))
    columns = {CIRCLE: momentum[first]["baselines"]["sagitta_fit"], **columns}
    note = f"{chosen.events:,} simulated events; {columns[first]['rows']:,} muons are tested."
    times = (
        "Training [s]: " + ", ".join(f"{name} {training_seconds(folder):.0f}" for name, folder in folders.items()) + "."
    )
    for key, what in (
        ("q_over_pt_relative_68", "Muon hits: 68 % half width of the relative residual of q/pT [%]"),
        ("pt_relative_res_68pct", "Muon hits: |relative residual| of pT, 68th percentile [%]"),
    ):
        report(what, select_bins(columns, key, 100.0), chosen, [note, times])
    report(
        "Muon hits: wrong charges [%]", select_bins(charges(measured), "charge_misidentification", 100), chosen, [note]
    )
    report("Muon hits: direction and assignment", others(measured), chosen, [note])


def select_bins(columns: dict[str, Any], key: str, factor: float) -> list[dict[str, Any]]:
    """Return one row for all events and one for each bin of pT."""
    rows = [{"pT [GeV]": "all", **{name: factor * found[key] for name, found in columns.items() if key in found}}]
    for number, place in enumerate(next(iter(columns.values()))["bins"]):
        cells = {name: factor * found["bins"][number][key] for name, found in columns.items() if key in found}
        rows.append({"pT [GeV]": f"{place['low']:g} to {place['high']:g}", "muons": place["rows"], **cells})
    return rows


def charges(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the charge by job, and those of the circle."""
    found: dict[str, Any] = {}
    for name, tasks in measured.items():
        task = tasks.get("charge") or tasks.get("curvature") or tasks.get("pt")
        if task and "charge_misidentification" in task["model"]:
            found |= {CIRCLE: task["baselines"]["sagitta_fit"]} if CIRCLE not in found else {}
            found[name] = task["model"]
    return found


def others(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """Return direction [mrad and 1e-3] and assignment, of networks and of what takes none."""
    keys = {"eta_68": 1e3, "phi_68": 1e3, "delta_r_68pct": 1e3, "hit_purity": 1.0, "hit_efficiency": 1.0}
    rows = []
    for name, tasks in measured.items():
        for task, found in tasks.items():
            for who, values in {"network": found["model"], **found["baselines"]}.items():
                cells = {key: factor * values[key] for key, factor in keys.items() if key in values}
                rows += [{"job": name, "task": task, "who": who, **cells}] if cells else []
    return rows


def omtf(chosen: argparse.Namespace) -> None:
    """Muons of an overlap trigger: seeds of the shipped job, their mean, and gradient boosting."""
    runs = [run(f"omtf_{seed}", "omtf.json", [f"seed={seed}"], chosen) for seed in chosen.seeds]
    tests = [Predictions.read(folder / "predictions.csv") for folder in runs]
    rows = [trigger_row(f"omtf.json, seed {seed}", one) for seed, one in zip(chosen.seeds, tests, strict=True)]
    rows.append(trigger_row(f"mean of {len(tests)} seeds", average_predictions(tests)))
    for mirrored in (False, True):
        rows.append(
            trigger_row(f"gradient boosting{', with mirror images' * mirrored}", fit_boosted_trees(mirrored, chosen))
        )
    times = f"Training of one seed: {np.mean([training_seconds(folder) for folder in runs]):.0f} s."
    report("Muon hits: overlap trigger", rows, chosen, [f"Muons with hits in {FEWEST} layers and more. {times}"])


def average_predictions(tests: Sequence[Predictions]) -> Predictions:
    """Return the mean of log pT and of the probability over several trainings, on the same muons."""
    pt = np.exp(np.mean([np.log(one.predicted["pt"]) for one in tests], axis=0))
    positive = np.mean([one.predicted["positive"] for one in tests], axis=0)
    first = tests[0]
    return Predictions(first.key, first.true, {"pt": pt, "positive": positive})


def trigger_row(name: str, found: Predictions) -> dict[str, Any]:
    """Return what the literature gives: quantiles of |dpT/pT|, and how many charges are right."""
    momentum = METRICS.parse("muon_pt").build(Predictions(found.key, *measure_target(found, "pt")))
    charge = METRICS.parse("muon_charge").build(Predictions(found.key, *measure_target(found, "positive")))
    return {
        "case": name,
        "|dpT/pT| at 50 %": momentum["pt_relative_res_50pct"],
        "at 68 %": momentum["pt_relative_res_68pct"],
        "right charge [%]": f"{100 * (1 - charge['charge_misidentification']):.2f}",
        "muons": momentum["rows"],
    }


def measure_target(found: Predictions, target: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return truth and prediction of one target alone."""
    return {target: found.true[target]}, {target: found.predicted[target]}


def fit_boosted_trees(mirrored: bool, chosen: argparse.Namespace) -> Predictions:
    """Return the predictions of gradient boosting on azimuths, angles and differences of all pairs of azimuths."""
    kept = Path(chosen.runs) / f"boosting{'_mirrored' * mirrored}.csv"
    if not kept.exists():
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        (layers, pt, charge), (tested, true, positive) = (read_muons(part) for part in ("train_", "valid_"))
        images = np.concatenate([layers, mirror(layers)]) if mirrored else layers
        fold = 1 + mirrored
        signs = np.concatenate([charge, -charge])[: fold * len(charge)]
        size = {"max_iter": 300, "learning_rate": 0.05, "random_state": 1}
        regression = HistGradientBoostingRegressor(loss="absolute_error", **size)
        regression.fit(differences(images), np.log(np.tile(pt, fold)))
        classes = HistGradientBoostingClassifier(**size).fit(differences(images), signs > 0)
        seen = differences(tested)
        predicted = {"pt": np.exp(regression.predict(seen)), "positive": classes.predict_proba(seen)[:, 1]}
        key = np.arange(len(true), dtype=np.uint64)
        Predictions(key, {"pt": true, "positive": (positive > 0) * 1.0}, predicted).write(kept)
    return Predictions.read(kept)


def read_muons(part: str) -> tuple[Any, Any, Any]:
    """Return layers (N, 18), NaN without a hit, pT [GeV] and charge of the muons of one part of the file."""
    with np.load(Path(os.environ["WIRECHAMBER_EXTERNAL_DATA"]) / OMTF) as arrays:
        hits, pt, charge = (np.asarray(arrays[part + name], np.float64) for name in ("HITS", "PT_VAL", "SIGN"))
    layers = np.where(hits[..., 0] == 0, np.nan, hits[..., 0])
    enough = (~np.isnan(layers)).sum(axis=1) >= FEWEST
    return layers[enough], pt[enough], charge[enough]


def mirror(layers: Any) -> Any:
    """Return the muons of the opposite charge."""
    centre = np.full(layers.shape[1], CENTRE)
    centre[list(BENDING)] = STRAIGHT
    return 2 * centre - layers


def differences(layers: Any) -> Any:
    """Return layers and differences of all pairs, without those that no muon has."""
    first, second = np.triu_indices(layers.shape[1], 1)
    return np.concatenate([layers, np.nan_to_num(layers[:, second] - layers[:, first], nan=-9999.0)], axis=1)


def spinquest(chosen: argparse.Namespace) -> None:
    """Geant4 muons behind an iron magnet, tested on momenta that the training has not seen."""
    folder = run("spinquest", "spinquest.json", [], chosen)
    rows = []
    for task, found in read_figures(folder).items():
        for who, values in {"network": found["model"], **found["baselines"]}.items():
            rows.append({"task": task, "who": who, **{k: v for k, v in values.items() if k in WIDTHS}})
    title = "Muon hits: spinquest, 68 % half widths [GeV, rad]"
    report(title, rows, chosen, [f"Split by generated momentum. Training: {training_seconds(folder):.0f} s."])


PARTS = {"omtf": omtf, "simulated": measure_simulated, "spinquest": spinquest}


def main() -> None:
    """Run what is asked for and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument(
        "--cases", nargs="+", choices=list(SIMULATED), default=list(SIMULATED), help="on simulated muons"
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, help="of networks of hits; those of the jobs by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="on the overlap trigger")
    parser.add_argument("--quick", action="store_true", help="600 events, 1 epoch, one seed: do they run?")
    parser.add_argument("--json", action="store_true", help="one JSON object for each table")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.events, chosen.epochs, chosen.seeds = 600, 1, chosen.seeds[:1]
        chosen.runs = chosen.runs / "quick"
    for part in chosen.parts:
        PARTS[part](chosen)


if __name__ == "__main__":
    main()
