"""The report in a real browser: sorting, filtering, links, charts, the keyboard, accessible names, print."""

import base64
import json
import shutil
import threading
import time

import pytest

import registry
from app.cli import main
from app.report.page import Page
from app.report.server import make_server
from app.runs.directory import runs_root

pytestmark = pytest.mark.browser
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
TRACKS = "[id='track_extrapolation:1:table']"
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM or not DRIVER:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, made_run, tmp_path):
    """Return the browser with a report of four runs in it; nothing may stand in its console afterwards."""
    made_run("good", 1.0, parameters=900, loss="mse")
    made_run("better", 0.5, parameters=20_000, loss="huber")
    made_run("bad", 4.0, parameters=100_000, loss="mse")
    made_run("early", state="running", parameters=None, value=None, training_time=None)
    made_run("other", application="photon_calorimeter", seed=2)
    out = tmp_path / "report.html"
    assert main(["report", "--out", str(out)]) == 0
    browser.get(out.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def css(page, selector):
    return page.find_elements("css selector", selector)


def shown(page, table=TRACKS):
    return [row.find_element("css selector", "a").text for row in css(page, f"{table} tbody tr") if row.is_displayed()]


def head(page, name, table=TRACKS):
    return next(one for one in css(page, f"{table} th button") if one.text == name)


def sort_of(button):
    return button.find_element("xpath", "..").get_attribute("aria-sort")


def test_a_column_is_sorted_up_and_down(page):
    assert shown(page) == ["better", "good", "bad", "early"]
    button = head(page, "parameters")
    button.click()
    assert shown(page) == ["good", "better", "bad", "early"]
    assert sort_of(button) == "ascending"
    button.click()
    assert shown(page) == ["bad", "better", "good", "early"]  # as numbers; what is not known stays last
    assert sort_of(button) == "descending"
    head(page, "run").click()
    assert shown(page) == ["bad", "better", "early", "good"]
    assert sort_of(button) == "none"


def test_the_keyboard_sorts_too(page):
    button = head(page, "pos_mean_mm")
    page.execute_script("arguments[0].focus()", button)
    page.switch_to.active_element.send_keys("\n")
    assert shown(page) == ["better", "good", "bad", "early"]
    page.switch_to.active_element.send_keys(" ")
    assert shown(page) == ["bad", "good", "better", "early"]


def test_words_and_state_filter(page):
    from selenium.webdriver.support.ui import Select

    field = css(page, "#track_extrapolation-words")[0]
    field.send_keys("mse done")
    assert shown(page) == ["good", "bad"]
    assert css(page, "#track_extrapolation output")[0].text == "2 of 4 runs"
    assert shown(page, "[id='photon_calorimeter:1:table']") == ["other"]
    field.clear()
    field.send_keys("nothing like that")
    assert shown(page) == []
    field.clear()
    field.send_keys(" ")
    state = Select(css(page, "#track_extrapolation-state")[0])
    state.select_by_visible_text("running")
    assert shown(page) == ["early"]
    state.select_by_visible_text("all")
    assert len(shown(page)) == 4
    assert css(page, "#track_extrapolation output")[0].text == "4 runs"


def test_a_link_opens_its_run_and_draws_the_chart(page):
    run = css(page, "#run-better")[0]
    assert run.get_attribute("open") is None
    css(page, f"{TRACKS} a[href='#run-better']")[0].click()
    deadline = time.monotonic() + 5
    while not css(page, "#run-better canvas") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.get_attribute("open") is not None
    canvas = css(page, "#run-better canvas")[0]
    assert canvas.size["height"] > 200
    legend = css(page, "#run-better .u-legend")[0].text
    assert "training" in legend
    assert "validation" in legend
    assert abs(run.rect["y"] - page.execute_script("return scrollY")) < 900


def test_every_link_has_a_target(page):
    missing = page.execute_script(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        ".filter(h => !h.startsWith('#') || !document.getElementById(h.slice(1)))"
    )
    assert missing == []


def test_what_is_used_has_a_name(page):
    used = "a, button, input, select, summary, table.sortable, .chart, .wide, section, article, progress"
    for one in css(page, used):
        if one.is_displayed():
            assert one.accessible_name.strip(), one.get_attribute("outerHTML")[:120]
    assert css(page, "#track_extrapolation-words")[0].accessible_name == "Filter track extrapolation"
    assert css(page, TRACKS)[0].accessible_name == "data not named (data1)"
    assert css(page, "[id='page:new']")[0].accessible_name == "New in the last 7 days"
    assert css(page, "html")[0].get_attribute("lang") == "en"


def test_all_runs_are_printed(page):
    before = page.execute_script("return document.querySelectorAll('details.run[open]').length")
    pdf = base64.b64decode(page.print_page())
    assert pdf.startswith(b"%PDF")
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert len(css(page, "details.run[open]")) == 5
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert len(css(page, "details.run[open]")) == before == 0


BROKEN_WORDS = """
const broken = [];
for (const cell of document.querySelectorAll("td, th")) {
  if (!cell.offsetParent) continue;
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const word of walker.currentNode.textContent.matchAll(/[A-Za-z0-9.]+/g)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) broken.push(word[0]);
    }
  }
}
return broken;
"""


@pytest.fixture
def resize(browser):
    """Return a function that gives the window a width in pixels; afterwards it has its own again."""
    command = "Emulation.setDeviceMetricsOverride"
    facts = {"height": 1000, "deviceScaleFactor": 1, "mobile": False}
    yield lambda width: browser.execute_cdp_cmd(command, {"width": width, **facts})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", [1400, 900, 500])
def test_no_column_breaks_a_word_and_the_page_needs_no_scrolling_sideways(page, made_run, tmp_path, resize, width):
    made_run("mlp_medium_kick_folded_learning_rate_0.001_seed42", 2.0, model="mlp 64-64-64-64", loss="smooth_l1")
    assert main(["report", "--out", str(tmp_path / "report.html")]) == 0
    resize(width)
    page.refresh()
    assert page.execute_script(BROKEN_WORDS) == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    whole = "return [...document.querySelectorAll('.wide')].every((one) => one.scrollWidth <= one.clientWidth)"
    assert page.execute_script(whole) or width < 1400  # with this width of a screen nothing is scrolled sideways


def test_a_wide_table_is_scrolled_by_the_keyboard(page, resize):
    resize(500)
    place = next(one for one in css(page, "#track_extrapolation .wide") if one.is_displayed())
    page.execute_script("arguments[0].focus()", place)
    page.switch_to.active_element.send_keys("\ue014" * 3)  # arrow to the right
    wait_for(lambda: page.execute_script("return arguments[0].scrollLeft", place) > 0)


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def write_checkpoint(folder, epoch):
    rows = [{"epoch": number, "loss": 1 / number} for number in range(1, epoch + 1)]
    place = folder / "checkpoints" / f"epoch_{epoch:06d}"
    place.mkdir(parents=True)
    (place / "progress.json").write_text(json.dumps({"train": rows, "val": rows}))


def test_a_served_page_follows_the_training_and_says_when_it_is_old(browser, made_run):
    folder = made_run("early", state="running", epoch=2, epochs=9, value=None)
    (folder / "history.json").unlink()
    write_checkpoint(folder, 2)
    server = make_server(0, lambda: Page(registry.root(), runs_root(), served=True))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser.get(f"http://127.0.0.1:{server.server_port}/")
    going_on = "[id='page:going-on']"
    assert css(browser, f"{going_on} canvas")[0].size["height"] > 200
    assert css(browser, f"{going_on} .chart")[0].accessible_name == "Loss against epoch of early"
    assert css(browser, f"{going_on} progress")[0].accessible_name == "Epochs of early"
    changed = css(browser, "[id='page:changed']")[0]
    assert changed.text == ""
    write_checkpoint(folder, 5)
    registry.update(registry.root(), "early", epoch=5)
    wait_for(lambda: "running 5/9" in css(browser, going_on)[0].text)
    assert css(browser, f"{going_on} canvas")[0].size["height"] > 200
    made_run("other")
    wait_for(lambda: "The registry has changed." in changed.text)
    button = changed.find_element("css selector", "button")
    assert button.accessible_name == "Reload the page"
    browser.execute_script("arguments[0].focus()", button)
    browser.switch_to.active_element.send_keys("\n")
    wait_for(lambda: css(browser, "#run-other"))
    assert browser.get_log("browser") == []
    server.shutdown()
    server.server_close()
    wait_for(lambda: "The server does not answer" in css(browser, "[id='page:changed']")[0].text)
    browser.get("about:blank")
    browser.get_log("browser")
