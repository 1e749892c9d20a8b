"""`wirechamber plots`: drawn again from the history and the saved predictions alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from untraced import process_environment

from app.cli import main

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys
from app.cli import main
code = main(sys.argv[1:])
sys.exit(f"loaded: {loaded}" if (loaded := {"tensorflow.python", "keras.src"} & set(sys.modules)) else code)
"""


@pytest.mark.slow
def test_plots_need_neither_model_nor_data_nor_tensorflow(copied):
    run = copied / "runs" / "trained"
    for name in ("checkpoints", "plots"):
        shutil.rmtree(run / name)
    for name in ("model.keras", "metrics.json", "normalization.json", "log.txt"):
        (run / name).unlink()
    (copied / "matplotlibrc").write_text("text.usetex: True\ntext.color: white\naxes.labelcolor: white\n")
    environment = process_environment() | {
        "WIRECHAMBER_DATA": str(copied / "nowhere"),
        "MATPLOTLIBRC": str(copied / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    command = [sys.executable, "-c", PROBE, "plots", "trained"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    drawn = sorted(path.name for path in (run / "plots").iterdir())
    assert drawn == [
        *("error_against_momentum.png", "loss_curves.png", "residuals.png"),
        *("resolution_state.pdf", "resolution_state.png", "truth_prediction.png"),
    ]
    assert sorted(done.stdout.splitlines()) == [f"plot: {run / 'plots' / name}" for name in drawn]


def test_resolutions_are_made_again_from_the_predictions_alone(copied, tmp_path, capsys):
    """Everything else of the run is gone; what cannot be known then is reported."""
    run = copied / "runs" / "trained"
    for path in run.iterdir():
        if path.name not in ("predictions.csv", "job.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert main(["plots", "trained", "--tasks", "state", "--output-dir", str(tmp_path / "plots")]) == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        *("resolution_state.pdf", "resolution_state.png"),
    ]
    captured = capsys.readouterr()
    assert "provenance.json is missing: units and whether the data are simulated" in captured.out + captured.err
    assert main(["plots", "trained", "--tasks", "stat"]) == 2
    assert "tasks: unknown task of this run. Did you mean 'state'? Expected one of [state]." in capsys.readouterr().err


def test_one_plot_into_another_folder(trained, tmp_path, capsys):
    run = trained / "runs" / "trained"
    before = (run / "plots" / "loss_curves.png").stat().st_mtime_ns
    assert main(["plots", str(run), "--names", "loss_curves", "--output-dir", str(tmp_path / "slides")]) == 0
    assert [path.name for path in (tmp_path / "slides").iterdir()] == ["loss_curves.png"]
    assert (run / "plots" / "loss_curves.png").stat().st_mtime_ns == before
    assert "slides" in capsys.readouterr().out


def test_runs_that_cannot_be_drawn(copied, capsys):
    run = copied / "runs" / "trained"
    assert main(["plots", "trained", "--names", "loss_curve"]) == 2
    assert "Did you mean 'loss_curves'?" in capsys.readouterr().err
    text = (run / "predictions.csv").read_text()
    (run / "predictions.csv").write_text(text[: len(text) // 2])
    assert main(["plots", "trained"]) == 2
    assert "cannot be read as predictions" in capsys.readouterr().err
    (run / "predictions.csv").unlink()
    assert main(["plots", "trained"]) == 2
    assert "the run has no predictions yet" in capsys.readouterr().err
    assert main(["plots", "traind"]) == 2
    assert "Did you mean 'trained'?" in capsys.readouterr().err
