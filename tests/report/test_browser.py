"""The report in a real browser: sorting, filtering, links, charts, the keyboard, accessible names, print."""

import base64
import shutil
import time

import pytest

from app.cli import main

pytestmark = pytest.mark.browser
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
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


def shown(page, table="#track_extrapolation-table"):
    return [row.find_element("css selector", "a").text for row in css(page, f"{table} tbody tr") if row.is_displayed()]


def head(page, name, table="#track_extrapolation-table"):
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
    assert shown(page, "#photon_calorimeter-table") == ["other"]
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
    css(page, "#track_extrapolation-table a[href='#run-better']")[0].click()
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
    for one in css(page, "a, button, input, select, summary, table.sortable, .chart"):
        if one.is_displayed():
            assert one.accessible_name.strip(), one.get_attribute("outerHTML")[:120]
    assert css(page, "#track_extrapolation-words")[0].accessible_name == "Filter track extrapolation"
    assert css(page, "#track_extrapolation-table")[0].accessible_name == "Leaderboard"
    assert css(page, "html")[0].get_attribute("lang") == "en"


def test_all_runs_are_printed(page):
    before = page.execute_script("return document.querySelectorAll('details.run[open]').length")
    pdf = base64.b64decode(page.print_page())
    assert pdf.startswith(b"%PDF")
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert len(css(page, "details.run[open]")) == 5
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert len(css(page, "details.run[open]")) == before == 0
