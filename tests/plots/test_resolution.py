"""The figure of one task: its numbers are those of the metrics, for residuals, sizes and classes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from app.metrics.classification import classification
from app.metrics.direction import direction
from app.metrics.energy import energy
from app.metrics.position import position
from app.plots import PLOTS
from app.plots.drawing.draw import draw
from app.plots.drawing.inputs import PlotInputs
from app.plots.drawing.residuals import collect_residuals, find_reference
from app.plots.resolution import resolution
from app.predictions import Predictions

ROWS = 4000
UNITS = {"theta": "deg", "phi": "deg", "energy": "GeV", "u": "cm", "v": "cm", "w": "cm"}
TASKS = {"angle": ("theta", "phi"), "energy": ("energy",), "place": ("u", "v", "w"), "n_gamma": ("n_gamma",)}


@pytest.fixture(scope="module")
def photons():
    """Photons of 15 to 60 MeV, a model whose errors go with 1 / sqrt(E), and baselines that know less."""
    rng = np.random.default_rng(1)
    e = rng.uniform(0.015, 0.06, ROWS)
    spread = {"theta": 1.0, "phi": 1.5, "u": 0.3, "v": 0.4, "w": 0.5}
    true = {"theta": rng.uniform(60, 120, ROWS), "phi": rng.uniform(-180, 180, ROWS), "energy": e}
    true |= {axis: rng.uniform(5, 20, ROWS) for axis in "uvw"} | {"n_gamma": rng.integers(0, 3, ROWS).astype(float)}

    def off(factor):
        noise = {n: factor * s * np.sqrt(0.03 / e) * rng.normal(0.1, 1, ROWS) for n, s in spread.items()}
        found = {name: true[name] + noise[name] for name in spread}
        found["phi"] = (found["phi"] + 180) % 360 - 180  # predictions beyond the seam come out on its other side
        return found | {"energy": e * (1 + factor * 0.02 * rng.normal(0, 1, ROWS))}

    logits = rng.normal(0, 1, (ROWS, 3)) + 2 * np.eye(3)[true["n_gamma"].astype(int)]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = off(1) | {"n_gamma": p.argmax(axis=1).astype(float)}
    means = {name: np.full(ROWS, values.mean()) for name, values in true.items() if name != "n_gamma"}
    baselines = {"light_centroid": off(3), "mean": means, "most_frequent": {"n_gamma": np.ones(ROWS)}}
    of_class = {f"n_gamma_{k}": p[:, k] for k in range(3)}
    events = Predictions(np.arange(ROWS, dtype=np.uint64), true, predicted, baselines, {}, {}, of_class)
    return PlotInputs(events, {}, "run", UNITS, True, "4,000 photons", tasks=TASKS)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def numbers(text):
    return [float(word) for word in re.findall(r"[-\d.]+", text.replace("\N{MINUS SIGN}", "-"))]


def lines(axes):
    """The points of each curve by its name."""
    return dict(
        zip(axes.get_legend_handles_labels()[1], [c.lines[0].get_xydata() for c in axes.containers], strict=True)
    )


def test_the_legend_of_an_angle_says_what_the_metric_does(photons):
    figure = resolution(photons.of(["angle"]))
    found = direction(photons.events)
    theta, phi, angle = figure.axes[:3]
    for axes, name in ((theta, "theta"), (phi, "phi")):
        wanted = [found[f"{name}_{key}"] for key in ("bias", "68", "rms")]
        assert numbers(legend(axes)[0]) == pytest.approx(wanted, abs=0.006)
        assert axes.get_legend().get_title().get_text() == "bias, 68 % half width, RMS about the bias [°]"
    assert numbers(legend(angle)[0]) == pytest.approx([found["angle_resolution_68pct"]], abs=0.006)
    assert angle.get_xlabel() == "opening angle [°]"
    assert legend(phi)[1].startswith("light centroid: ")
    assert legend(phi)[2].startswith("mean (not drawn): 68 % half width")


def test_phi_is_wrapped_for_the_model_and_its_baselines(photons):
    """A tenth of them would otherwise be 360 degrees off."""
    (theta, phi, angle) = collect_residuals(photons.of(["angle"]))
    assert [one.name for one in (theta, phi, angle)] == [r"$\theta$", r"$\varphi$", "opening angle"]
    for values in phi.values.values():
        assert np.abs(values).max() <= 180
    assert np.abs(next(iter(phi.values.values()))).max() < 20


def test_the_energy_in_its_unit_and_relative_against_the_energy(photons):
    figure = resolution(photons.of(["energy"]), energy_bins=(0.015, 0.03, 0.06))
    absolute, relative, above, bias = figure.axes[:4]
    found = energy(photons.events, energy_bins=(0.015, 0.03, 0.06))
    assert numbers(legend(absolute)[0])[1] == pytest.approx(1e6 * found["energy_68"], rel=0.01)
    assert numbers(legend(relative)[0])[1] == pytest.approx(100 * found["energy_relative_68"], rel=0.01)
    points = lines(above)
    assert points["model"][:, 0].tolist() == pytest.approx([22.5, 45])
    wanted = [1e6 * one["energy_res_68pct"] for one in found["bins"]]
    assert points["model"][:, 1].tolist() == pytest.approx(wanted)
    assert (above.get_ylabel(), bias.get_xlabel()) == ("resolution [keV]", "true $E$ [MeV]")
    biases = [1e6 * one["energy_bias"] for one in found["bins"]]
    assert bias.containers[0].lines[0].get_ydata().tolist() == pytest.approx(biases)


def test_the_mean_is_not_sharp_in_a_bin(photons):
    """Its residuals in a bin are all alike, and all wrong: the percentile of |residual| sees that."""
    above = resolution(photons.of(["energy"])).axes[2]
    points = lines(above)
    assert points["mean"][0, 1] > 20 * points["model"][0, 1]
    assert above.get_yscale() == "log"


def test_a_position_has_a_distance(photons):
    figure = resolution(photons.of(["place"]))
    distance = figure.axes[3]
    found = position(photons.events)
    assert distance.get_xlabel() == "distance [mm]"
    assert numbers(legend(distance)[0]) == pytest.approx([10 * found["uvw_dist_68pct"]], rel=0.01)
    assert len(figure.axes) == 4 + 3 * 2 + 1


def test_classes_have_a_confusion_matrix_and_curves(photons):
    confusion, curve, accuracy = resolution(photons.of(["n_gamma"])).axes
    found = classification(photons.of(["n_gamma"]).events)
    counts = [int(text.get_text().split("\n")[1].replace(",", "")) for text in confusion.texts]
    assert np.reshape(counts, (3, 3)).tolist() == found["confusion"]
    areas = [float(text.split(": ")[1]) for text in legend(curve)]
    assert np.mean(areas) == pytest.approx(found["auc"], abs=1e-3)
    assert [text.split(": ")[0] for text in legend(curve)] == ["class 0", "class 1", "class 2"]
    assert legend(accuracy)[0] == f"model: {found['accuracy']:.3f}"
    assert legend(accuracy)[1].startswith("most frequent: 0.3")
    assert len(accuracy.containers[0].lines[0].get_ydata()) == 8


def test_a_probability_of_yes_is_two_classes(photons):
    rng = np.random.default_rng(1)
    true = rng.integers(0, 2, 500).astype(float)
    p = 1 / (1 + np.exp(-(4 * true - 2 + rng.normal(0, 1, 500))))
    events = Predictions(
        np.arange(500, dtype=np.uint64), {"is_es": true}, {"is_es": p}, {"mean": {"is_es": 0 * p + 0.6}}
    )
    confusion, curve = resolution(PlotInputs(events, tasks={"es": ("is_es",)})).axes
    assert len(confusion.texts) == 4
    assert [text.split(":")[0] for text in legend(curve)] == ["class 1"]


def test_classes_have_no_residuals(photons, tmp_path, caplog):
    caplog.set_level("INFO")
    assert photons.of(["n_gamma", "energy"]).numbers == ["energy"]
    assert draw(photons.of(["n_gamma"]), tmp_path, ["residuals", "truth_prediction"]) == []
    assert "plot residuals left out: it needs a target that is no class" in caplog.text
    assert len(PLOTS["residuals"].call(photons.of(["n_gamma", "energy"])).axes) == 1


def test_without_energy_or_momentum_there_are_distributions_only(photons):
    events = replace(photons.events, true={"u": photons.events.true["u"]})
    assert find_reference(replace(photons, predictions=events)) is None
    figure = resolution(replace(photons, predictions=events))
    assert len(figure.axes) == 1
    few = replace(photons, predictions=photons.events.select(np.arange(15))).of(["energy"])
    assert len(resolution(few).axes) == 2


def test_an_event_without_a_photon_has_no_energy(photons):
    """It counts in the confusion matrix, and lies in no bin."""
    energies = photons.events.true["energy"].copy()
    energies[:500] = np.nan
    some = photons.of(["n_gamma"])
    some = replace(some, predictions=replace(some.events, columns={"energy": energies}))
    confusion, _, accuracy = resolution(some).axes
    assert sum(int(t.get_text().split("\n")[1].replace(",", "")) for t in confusion.texts) == ROWS
    assert len(accuracy.containers[0].lines[0].get_ydata()) == 8
    nowhere = replace(some, predictions=replace(some.events, columns={"energy": np.full(ROWS, np.nan)}))
    assert find_reference(nowhere) is None
    assert len(resolution(nowhere).axes) == 2


def test_tracks_go_with_their_momentum(inputs):
    found = find_reference(inputs)
    assert (found.name, found.unit) == ("$p$", "GeV")
    figure = resolution(inputs)
    assert figure.axes[3].get_xscale() == "log"
    assert figure.axes[-1].get_xlabel() == "true $p$ [GeV]"
    assert figure.axes[3].get_title(loc="right") == "Simulation"
