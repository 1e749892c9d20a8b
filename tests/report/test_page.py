"""The page: its content, what is left out, and that it loads nothing from elsewhere."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from untraced import process_environment
from written_page import Page, Words, report

from app.cli import main
from app.comparison.compared_run import best_runge_kutta, highest_throughput
from app.plots.drawing.thumbnails import embed_pictures
from app.report import leaderboard
from app.report.section import read_section
from registry import Record

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys
from app.cli import main
code = main(sys.argv[1:])
sys.exit(f"loaded: {loaded}" if (loaded := {"tensorflow.python", "keras.src"} & set(sys.modules)) else code)
"""


def test_the_page_is_whole(made_run, tmp_path, picture):
    folder = made_run("one")
    picture(folder / "plots" / "residuals.png")
    made_run("two", 4.0, rationale="<script>alert(1)</script> & more", seed=2)
    made_run("early", state="running", epoch=3, epochs=9)
    made_run("broken", state="failed", reason="no memory")
    text = report(tmp_path)
    page = Page(text)
    assert not page.outside
    assert not re.search(r"url\(|@import|https?://(?!github\.com/leeoniya)", text)
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert {"run-one", "run-two", "run-early", "run-broken", "track_extrapolation"} <= set(page.ids)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert "running 3/9" in text
    assert "no memory" in text
    assert "beats straight_line (3.00) by 2.4x" in text
    assert 'alt="residuals of one" src="data:image/png;base64,' in text
    assert "Copyright (c) 2022 Leon Sorokin" in text
    assert "RK4 <small>(reference)</small></td><td" in text


def test_one_application(made_run, tmp_path, capsys):
    made_run("one")
    made_run("other", application="photon_calorimeter")
    text = report(tmp_path, "--application", "photon_calorimeter")
    assert "run-other" in text
    assert "run-one" not in text
    assert "Track suite" not in text
    assert main(["report", "--application", "photon_calorimetry"]) == 2
    assert "--application: unknown application. Did you mean" in capsys.readouterr().err


def test_an_empty_registry(tmp_path, capsys):
    assert main(["report", "--out", str(tmp_path / "r.html")]) == 2
    assert "no run to report" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_damage_is_reported_and_hides_nothing_else(made_run, tmp_path):
    (made_run("one") / "metrics.json").write_text("{")
    (made_run("two") / "history.json").unlink()
    (made_run("three") / "plots" / "roc.png").write_bytes(b"no picture" * 9999)
    (tmp_path / "registry" / "runs" / "bad.json").write_text("{}")
    text = report(tmp_path)
    assert "metrics.json: cannot be read" in text
    assert "history.json: is missing" in text
    assert "runs/bad.json" in text
    assert "run-three" in text
    assert "<img" not in text


def test_a_run_of_elsewhere_and_one_of_another_version(made_run, tmp_path):
    shutil.rmtree(made_run("elsewhere"))
    folder = made_run("older")
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["state"]["binned_in"], metrics["state"]["descriptions"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    text = report(tmp_path)
    assert text.count("its directory is not on this machine") == 1
    assert "is missing" not in text
    assert '<th scope="col">events</th>' in text


def test_the_track_suite_holds_the_benchmark(made_run, tmp_path):
    row = {"steps": 10, "pos_mean_mm": 0.001, "pos_95_mm": 0.002}
    benchmark = {
        "batch_sizes": {
            "1": {"inference_time_cpu": 5e-4, "throughput_cpu": 2e3},
            "256": {"inference_time_cpu": 0.00471, "throughput_cpu": 54321},
        },
        "runge_kutta": [
            {**row, "engine": "rk4_xla_float64", "throughput": 765},
            {**row, "engine": "rk4_cpp_1_thread", "throughput": 98765},
        ],
        "verdict": "Runge-Kutta WINS",
    }
    (made_run("one") / "benchmark.json").write_text(json.dumps(benchmark))
    text = report(tmp_path)
    suite = text[text.index("Track suite") : text.index("Accuracy against speed")]
    assert "54,321" in suite
    assert "RK4, 10 steps (cpp 1 thread)" in suite
    assert "98,765" in suite
    assert "xla" not in suite
    assert "not measured" not in suite
    assert "4.71 ms, 54,321 events/s" in text
    assert "Runge-Kutta WINS" in text
    assert "Accuracy against speed" in text


def test_a_picture_of_speed_has_room_for_the_best_runs(made_run, tmp_path, monkeypatch):
    drawn = []
    original = leaderboard.speed_and_accuracy
    monkeypatch.setattr(
        leaderboard, "speed_and_accuracy", lambda points, *rest: drawn.append(points) or original(points, *rest)
    )
    monkeypatch.setattr(leaderboard, "MOST", 2)
    for name, error in (("worst", 3.0), ("best", 1.0), ("good", 2.0)):
        benchmark = {"batch_sizes": {"1": {"throughput_cpu": 1e3}}}
        (made_run(name, error) / "benchmark.json").write_text(json.dumps(benchmark))
    assert "Accuracy against speed of the best benchmarked runs" in report(tmp_path)
    assert [[point.run for point in points] for points in drawn] == [["best", "good"]]


def test_the_rows_of_runge_kutta_that_no_other_one_beats():
    def row(steps, mean, throughput):
        return {"engine": "e", "steps": steps, "pos_mean_mm": mean, "pos_95_mm": mean, "throughput": throughput}

    one = {"runge_kutta": [row(5, 0.0138, 100), row(10, 0.001, 50), row(20, 0.002, 40), "damaged"]}
    other = {"runge_kutta": [row(5, 0.01379, 90), row(40, 1e-5, 30), {"steps": 3}]}
    assert [row.steps for row in best_runge_kutta([one, other, {}])] == [5, 10, 40]
    assert [row.throughput for row in best_runge_kutta([one, other, {}])] == [100, 50, 30]


@pytest.mark.parametrize("content", [{}, {"batch_sizes": []}, {"batch_sizes": {"1": 3}}, {"batch_sizes": {"1": {}}}])
def test_a_benchmark_without_figures_has_no_throughput(content):
    assert highest_throughput(content) is None


def test_plots_of_the_best_runs_only(made_run, tmp_path, picture):
    for name, error in (("worse", 2.0), ("best", 1.0)):
        picture(made_run(name, error) / "plots" / "roc.png", 200, 100)
    text = report(tmp_path, "--pictures", "1")
    assert 'alt="roc of best"' in text
    assert 'alt="roc of worse"' not in text
    assert re.search(r"1 plot is in .*worse/plots", text)


def test_a_large_picture_is_reduced(tmp_path, picture):
    plots = tmp_path / "one" / "plots"
    plots.mkdir(parents=True)
    large, small = plots / "large.png", plots / "small.png"
    picture(large)
    picture(small, 60, 40)
    addresses = embed_pictures([large, small])
    content = base64.b64decode(addresses[large].partition(",")[2])
    assert Image.open(io.BytesIO(content)).size == (800, 600)
    assert len(content) < large.stat().st_size / 2
    assert base64.b64decode(addresses[small].partition(",")[2]) == small.read_bytes()


def test_the_small_picture_is_kept_until_the_large_one_changes(tmp_path, picture):
    large, kept = tmp_path / "one" / "plots" / "roc.png", tmp_path / ".report" / "one" / "roc.png"
    large.parent.mkdir(parents=True)
    picture(large)
    before = embed_pictures([large])[large]
    kept.write_bytes(b"kept")
    assert embed_pictures([large])[large].endswith(base64.b64encode(b"kept").decode())
    os.utime(large, ns=(large.stat().st_atime_ns, kept.stat().st_mtime_ns + 1))
    assert embed_pictures([large])[large] == before


def test_curves_leave_gaps_where_a_logarithm_has_no_value(made_run, tmp_path):
    folder = made_run("one")
    history = json.loads((folder / "history.json").read_text())
    history["train"][1]["loss"] = 0.0
    (folder / "history.json").write_text(json.dumps(history))
    section = read_section(Record(run="one", application="track_extrapolation", state="done"), tmp_path / "runs")
    assert section.curves["lines"]["training"] == [1.0, None, 0.3333, 0.25, 0.2]
    assert section.curves["epochs"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("arguments", [["report"], ["compare", "one", "two", "--output-dir", "plots", "--draws", "5"]])
def test_no_tensorflow_is_needed(made_run, tmp_path, arguments):
    made_run("one")
    made_run("two")
    environment = process_environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_text_of_any_kind_is_shown_as_it_is(made_run, tmp_path):
    """Read by another parser than a browser's: nothing becomes an element, an attribute or code of the page."""
    odd = "<script>x()</script> \"'`&amp; {{ y }} </pre> ]]> größe 😀 --> <img src=z onerror=w>"
    folder = made_run("one", rationale=odd, reason=odd, dataset=odd, verdict=odd, hyperparameters=odd, model=odd)
    metrics = json.loads((folder / "metrics.json").read_text())
    task = metrics["state"]
    task |= {"binned_in": odd, "metric": odd}
    task["model"] = {odd: 0.5, "bins": [{"low": 0, "high": 1, odd: 0.25}]}
    task["baselines"] = {odd: {odd: 0.75, "bins": []}}
    (folder / "metrics.json").write_text(json.dumps({odd: task}))
    job = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**job, "rationale": odd}))
    history = json.loads((folder / "history.json").read_text())
    history["train"] = [{**row, f"{odd}_loss": 1.0, "b_loss": 2.0} for row in history["train"]]
    (folder / "history.json").write_text(json.dumps(history))
    text = report(tmp_path)
    page = Words(text)
    assert set(page.kinds).isdisjoint({"img", "iframe", "object", "base"})
    assert page.kinds["script"] == 3  # uPlot, the page's own, and the data of one chart
    assert not page.outside
    assert page.words.count(odd) >= 8
    (curves,) = re.findall(r'<script type="application/json" class="curves">(.*?)</script>', text)
    assert set(json.loads(curves)["lines"]) == {"training", "validation", odd, "b"}
    (shown,) = [word for word in page.parts if word.startswith("{") and '"tasks"' in word]
    assert json.loads(shown)["rationale"] == odd
