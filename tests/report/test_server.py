"""The page kept open: asked through real HTTP, while runs grow, vanish and break."""

import functools
import http.client
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

from untraced import process_environment

import registry
from app.cli import main
from app.report.page import Page
from app.report.server import LOOPBACK, make_server
from app.runs.directory import runs_root


@contextmanager
def serving(**options):
    """Serve the page of this test's runs in a thread, and yield a function that asks for a path."""
    server = make_server(0, lambda: Page(registry.root(), runs_root(), served=True, **options))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def ask(path, host=None, method="GET"):
        connection = http.client.HTTPConnection(LOOPBACK, server.server_port, timeout=20)
        connection.request(method, path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    try:
        yield ask
    finally:
        server.shutdown()
        server.server_close()


def test_the_page_follows_the_runs(made_run):
    folder = made_run("one", state="running", epoch=1, epochs=4, value=None)
    with serving() as ask:
        status, page = ask("/")
        assert status == 200
        assert "connect-src 'self'" in page
        assert "data-served" in page
        first = ask("/now")[1]
        assert "running 1/4" in first
        registry.update(registry.root(), "one", epoch=2)
        second = ask("/now")[1]
        assert "running 2/4" in second
        assert stamp(first) == stamp(second) == stamp(page)
        registry.update(registry.root(), "one", state="done", value=1.0)
        third = ask("/now")[1]
        assert "Nothing is running, nothing is held." in third
        assert stamp(third) != stamp(first)
        assert folder.exists()


def stamp(text):
    return text.partition('data-stamp="')[2].partition('"')[0]


def test_it_outlives_runs_that_vanish_and_break(made_run, tmp_path):
    gone, running = made_run("gone"), made_run("running", state="running", epoch=1, epochs=4, value=None)
    made_run("broken")
    with serving() as ask:
        assert "run-gone" in ask("/")[1]
        shutil.rmtree(gone)
        shutil.rmtree(running)
        (tmp_path / "registry" / "runs" / "broken.json").write_text("{")
        status, page = ask("/")
        assert status == 200
        assert "its directory is not on this machine" in page
        assert "runs/broken.json" in page
        assert ask("/now")[0] == 200
        shutil.rmtree(tmp_path / "registry")
        status, page = ask("/")
        assert status == 200
        assert "No run yet." in page


def test_a_page_that_fails_is_one_line_and_the_next_is_a_new_attempt(made_run, tmp_path):
    made_run("one")
    with serving() as ask:
        runs = tmp_path / "registry" / "runs"
        runs.rename(tmp_path / "kept")
        runs.write_text("no folder")
        for path in ("/", "/now"):
            status, text = ask(path)
            assert (status, "Traceback" in text) in ((200, False), (500, False))
        runs.unlink()
        (tmp_path / "kept").rename(runs)
        assert "run-one" in ask("/")[1]


def test_only_for_browsers_on_this_machine(made_run):
    made_run("one")
    with serving() as ask:
        assert ask("/now", host="localhost:1")[0] == 200
        assert ask("/", host="evil.example:8765") == (403, "only for browsers on this machine")
        assert ask("/../../etc/passwd")[0] == 404
        assert ask("/now", method="HEAD") == (200, "")
        assert ask("/", method="POST")[0] == 501


def test_another_application_is_left_out(made_run):
    made_run("one")
    made_run("other", application="photon_calorimeter")
    with serving(application="photon_calorimeter") as ask:
        page = ask("/")[1]
        assert "run-other" in page
        assert "run-one" not in page


def test_a_port_that_is_taken(tmp_path, capsys):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["report", "--serve", "--port", str(port)]) == 2
    what = "--port: cannot be listened on (Address already in use). Expected a free port; 0 takes any."
    assert capsys.readouterr().err == f"{what} Received {port}.\n"


def test_ctrl_c_ends_the_command_as_others(made_run):
    made_run("one")
    command = [sys.executable, "-m", "app", "report", "--serve", "--port", "0"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": process_environment()}
    heard = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
    with subprocess.Popen(command, **options, preexec_fn=heard) as process:
        line = process.stdout.readline()
        assert line.startswith(f"report: http://{LOOPBACK}:")
        port = int(line.rpartition(":")[2].partition("/")[0])
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=20)
        connection.request("GET", "/now")
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 128 + signal.SIGINT
        assert process.stderr.read() == "interrupted by SIGINT\n"
