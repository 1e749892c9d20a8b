"""A run told to a real MLflow: on a file store, on a server, and on a server that dies in the middle."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from app.checks.jobs import check_jobs
from app.cli import main
from app.config.job_file import parse
from app.core.errors import UserError
from app.execution.session import Options
from app.execution.single import train_job
from app.execution.tracking import epoch_metrics
from app.runs.directory import of

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
    pytest.mark.slow,
]
SECRET = "s3cretword"


@contextlib.contextmanager
def server(folder, port=None):
    """A real server on loopback with a sqlite store; yields (uri, process)."""
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder / "artefacts"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen([*command, "--workers", "1"], stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, folder)
        yield f"http://127.0.0.1:{port}", process
    finally:
        stop(process)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(url, process, folder):
    for _ in range(600):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=1).read()
            return
        time.sleep(0.1)
    pytest.fail(f"the MLflow server did not start: {(folder / 'server.log').read_text()[-2000:]}")


def stop(process):
    """Also its worker, which would keep the port."""
    subprocess.run(["pkill", "-P", str(process.pid)], check=False)
    process.terminate()
    process.wait(20)


def tracked_job(small_job, uri, **changes):
    return parse({**small_job, "tracking": {"mlflow": {"uri": uri, "experiment": "tests"}}, **changes})


def found(uri):
    """The one run of the experiment, and the client that knows it."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name("tests").experiment_id])
    return client, run


def assert_complete(uri, ran):
    client, run = found(uri)
    history = json.loads(ran.history.read_text())
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset.simulate.tracks"] == "600"
    assert run.data.params["tasks.state.transform.0.name"] == "kick"
    for key, values in {
        "pos_mean_mm": [epoch["pos_mean_mm"] for epoch in history["val"]],
        "val_loss": [epoch["loss"] for epoch in history["val"]],
        "train_loss": [epoch["loss"] for epoch in history["train"]],
    }.items():
        points = sorted(client.get_metric_history(run.info.run_id, key), key=lambda point: point.step)
        assert [point.step for point in points] == list(range(1, len(values) + 1))
        assert [point.value for point in points] == pytest.approx(values)
    assert run.data.metrics["test_pos_mean_mm"] == pytest.approx(history["test_final"]["pos_mean_mm"])
    names = {artefact.path for artefact in client.list_artifacts(run.info.run_id)}
    assert {"job.json", "history.json", "metrics.json", "predictions.csv", "model.keras", "log.txt"} <= names
    assert "checkpoints" not in names


def test_a_file_store_gets_everything_and_stays_one_run(small_job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/store.db"
    ran = train_job(tracked_job(small_job, uri), Options(config=tmp_path / "job.json"))
    assert_complete(uri, ran)
    assert main(["track", "small"]) == 0  # again: nothing is sent twice
    assert_complete(uri, ran)
    assert (tmp_path / "store.db.artefacts").is_dir()
    assert not (tmp_path / "mlruns").exists()


def test_a_server_that_is_stopped_in_mid_run_costs_nothing_and_is_told_later(small_job, tmp_path, caplog, capfd):
    port = free_port()
    epochs = {**small_job["training"], "epochs": 6}
    with server(tmp_path, port) as (uri, process):
        told = []

        def progress(state):
            told.append(state.epoch)
            if state.epoch == 3:
                stop(process)

        job = tracked_job(small_job, uri, training=epochs)
        ran = train_job(job, Options(config=tmp_path / "job.json"), progress)
    assert told == [1, 2, 3, 4, 5, 6]
    assert len(json.loads(ran.history.read_text())["train"]) == 6
    assert caplog.text.count("does not answer") == 1
    assert "wirechamber track small" in caplog.text
    assert main(["track", "small"]) == 1  # still down
    with server(tmp_path, port) as (uri, _):
        _, half = found(uri)
        assert half.data.metrics["train_loss"] == pytest.approx(json.loads(ran.history.read_text())["train"][2]["loss"])
        assert main(["track", "small"]) == 0
        assert_complete(uri, ran)
        named = uri.replace("//", f"//ada:{SECRET}@")
        assert main(["track", "small", "--uri", named]) == 0  # MLflow itself prints this address
        shown = "".join(capfd.readouterr())
        assert f"View run small at: {named.replace(SECRET, '***')}/#/experiments/" in shown
        assert SECRET not in shown + ran.mlflow.read_text()


def test_a_server_that_is_not_there_costs_nothing(small_job, tmp_path, caplog):
    uri = f"http://127.0.0.1:{free_port()}"
    ran = train_job(tracked_job(small_job, uri), Options(config=tmp_path / "job.json"))
    assert ran.metrics.exists()
    assert f"MLflow at {uri} does not answer" in caplog.text


def test_what_cannot_be_sent(small_job, tmp_path, capsys):
    train_job(parse(small_job), Options(config=tmp_path / "job.json"))
    assert main(["track", "small"]) == 2
    assert "track: the job names no MLflow server. Expected --uri http://host:port." in capsys.readouterr().err
    of("small").metrics.unlink()
    assert main(["track", "small", "--uri", "sqlite:///x.db"]) == 2
    assert "the run is not finished" in capsys.readouterr().err


def test_a_job_that_needs_mlflow_where_it_is_not_installed(small_job, monkeypatch):
    import importlib.util

    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else known(name))
    with pytest.raises(UserError, match=r"tracking\.mlflow: mlflow is not installed"):
        check_jobs([tracked_job(small_job, "sqlite:///x.db")])


def test_the_documented_keys():
    train = {"epoch": 1, "loss": 3.0, "data_loss": 2.0, "angle_loss": 1.0, "lr": 0.1, "stage_losses": [1, 2, 3, 4]}
    val = {"epoch": 1, "loss": 4.0, "angle_loss": 5.0, "val_cos": 0.25, "theta_bias": -0.5}
    assert dict(epoch_metrics(train, val)) == {
        "train_loss": 3.0,
        "train_data_loss": 2.0,
        "train_angle_loss": 1.0,
        "lr": 0.1,
        "val_loss": 4.0,
        "val_angle_loss": 5.0,
        "val_cos": 0.25,
        "theta_bias": -0.5,
    }


def test_a_password_in_an_old_job_file_is_not_sent(made_run, tmp_path, capsys):
    folder, uri = made_run("old"), f"sqlite:///{tmp_path}/store.db"
    job = json.loads((folder / "job.json").read_text())
    job |= {"rationale": f"http://ada:{SECRET}@host", "tracking": {"mlflow": {"uri": uri, "experiment": "tests"}}}
    history = json.loads((folder / "history.json").read_text())
    (folder / "history.json").write_text(json.dumps({**history, "test_final": {}}))
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "log.txt").write_text(f"MLflow at http://ada:{SECRET}@host does not answer")
    assert main(["track", "old"]) == 0
    assert SECRET not in "".join(capsys.readouterr())
    sent = [path for path in tmp_path.glob("store.db*/**/*") if path.is_file()]
    assert {"job.json", "log.txt"} <= {path.name for path in sent}
    assert not [path for path in [*sent, tmp_path / "store.db"] if SECRET.encode() in path.read_bytes()]
    assert found(uri)[1].data.tags["mlflow.note.content"] == "http://ada:***@host"


def test_user_and_password_come_from_the_environment(made_run, tmp_path, monkeypatch, capsys):
    """A server that only writes down who asks; the address in job.json has lost its password."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Authorization"))
            self.send_error(403)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        place, folder = f"127.0.0.1:{served.server_port}", made_run("old")
        job = json.loads((folder / "job.json").read_text())
        job["tracking"] = {"mlflow": {"uri": f"http://ada:***@{place}"}}
        (folder / "job.json").write_text(json.dumps(job))
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
        assert main(["track", "old"]) == 1
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
        assert main(["track", "old", "--uri", f"http://ada:{SECRET}@{place}"]) == 1
        served.shutdown()
    assert set(asked) == {f"Basic {base64.b64encode(f'ada:{SECRET}'.encode()).decode()}"}
    shown = "".join(capsys.readouterr())
    assert "old: MLflow did not take it" in shown
    assert SECRET not in shown
