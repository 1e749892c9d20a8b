"""The report of 200 runs: how long it takes to write, how large it is, how long a browser takes to open it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _results import ROOT, report

CALL = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
FILES = ("job.json", "provenance.json", "metrics.json", "history.json", "model_config.json", "plots")


def copy_runs(run: Path, record: Path, folder: Path, count: int) -> None:
    """Write `count` copies of a run and its record, each a little worse than the one before."""
    content = json.loads(record.read_text())
    (folder / "registry" / "runs").mkdir(parents=True)
    for number in range(count):
        name = f"{run.name}_{number:03d}"
        (folder / "runs" / name).mkdir(parents=True)
        for file in FILES:
            source, target = run / file, folder / "runs" / name / file
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        shutil.copytree(run.parent / ".report" / run.name, folder / "runs" / ".report" / name)
        changed = {**content, "run": name, "value": content["value"] * (1 + number / 100)}
        (folder / "registry" / "runs" / f"{name}.json").write_text(json.dumps(changed))


def build_report(folder: Path, pictured: int) -> tuple[float, float, Path]:
    """Return the wall time of the command as a process [s], its processor time [s], and the page."""
    out = folder / f"report_{pictured}.html"
    words = ["report", "--out", str(out), "--pictures", str(pictured)]
    folders = {"WIRECHAMBER_RUNS": str(folder / "runs"), "WIRECHAMBER_REGISTRY": str(folder / "registry")}
    begin, before = time.perf_counter(), os.times()
    subprocess.run(
        [sys.executable, "-c", CALL, *words], cwd=ROOT, env={**os.environ, **folders}, check=True, capture_output=True
    )
    used, after = time.perf_counter() - begin, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return used, busy, out


def open_page(page: Path) -> float | str:
    """Return the seconds from navigation to the end of the load event in a headless Chromium."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        return "no Chromium"
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(word)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        seconds = []
        for _ in range(3):
            browser.get("about:blank")
            browser.get(page.as_uri())
            script = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
            seconds.append(browser.execute_script(script) / 1000)
        return sorted(seconds)[1]
    finally:
        browser.quit()


def main() -> None:
    """Measure pages with the plots of all runs, of the 20 best and of none."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="20 runs; nothing is recorded")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object on the last line")
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("record", type=Path, help="its record, registry/runs/<run>.json")
    chosen = parser.parse_args()
    count, rows = 20 if chosen.quick else 200, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_runs(chosen.run, chosen.record, folder, count)
        for pictured, what in ((count, "all"), (20, "20 best"), (0, "none")):
            seconds, busy, page = build_report(folder, pictured)
            figures = {"built [s]": seconds, "processor [s]": busy, "MB": page.stat().st_size / 1e6}
            rows.append({"runs": count, "with plots": what, **figures, "opened [s]": open_page(page)})
    plots = len(list((chosen.run / "plots").glob("*.png")))
    report(
        "Report", rows, chosen, [f"Copies of one run with {plots} plots; opened: median of three, to the load event."]
    )


if __name__ == "__main__":
    main()
