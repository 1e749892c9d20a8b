"use strict";
// Tables are sorted by the button in a column's head, filtered by words and state; charts are drawn when a run is opened.

const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#5F6A72", "#56B4E9", "#B59A00"];

function valueOf(cell) {
  if (!cell) return null;
  if (!cell.classList.contains("number")) return cell.textContent.trim().toLowerCase();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function compare(one, other) {
  return typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
}

function sortBy(table, head) {
  const heads = [...head.parentElement.children];
  const column = heads.indexOf(head);
  const down = head.getAttribute("aria-sort") === "ascending";
  heads.forEach((one) => one.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null); // what is not known stands last
    return down ? compare(other, one) : compare(one, other);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function filterRows(form) {
  const board = document.getElementById(form.dataset.board);
  const words = form.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const state = form.querySelector("select").value;
  let shown = 0;
  let all = 0;
  for (const table of board.querySelectorAll("table.board")) {
    let here = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!state || row.dataset.state === state);
      row.hidden = !fits;
      here += fits;
      all += 1;
    }
    table.closest(".group").hidden = !here; // the data of other runs
    shown += here;
  }
  form.querySelector("output").textContent = shown === all ? `${all} run${all === 1 ? "" : "s"}` : `${shown} of ${all} runs`;
}

function short(value) {
  return value == null ? "" : value < 0.01 ? value.toExponential(0) : String(value);
}

function drawChart(run) {
  const place = run.querySelector(".chart");
  if (!place || place.firstChild) return;
  const { epochs, lines } = JSON.parse(run.querySelector(".curves").textContent);
  const names = Object.keys(lines);
  const series = names.map((label, i) => ({
    label, stroke: COLOURS[i % COLOURS.length], width: i < 2 ? 2 : 1, dash: i < 2 ? [] : [6, 4],
    value: (_, v) => (v == null ? "" : v.toPrecision(4)), points: { show: epochs.length < 30 },
  }));
  const options = {
    width: Math.min(900, run.clientWidth - 40), height: 320, scales: { x: { time: false }, y: { distr: 3 } },
    axes: [{ label: "epoch", incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] }, { label: "loss", size: 80, values: (_, ticks) => ticks.map(short) }], series: [{ label: "epoch" }, ...series],
  };
  new uPlot(options, [epochs, ...names.map((name) => lines[name])], place);
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

for (const head of document.querySelectorAll(".sortable th")) {
  head.querySelector("button").addEventListener("click", () => sortBy(head.closest("table"), head));
}
for (const form of document.querySelectorAll("form.filter")) {
  for (const event of ["input", "change"]) form.addEventListener(event, () => filterRows(form));
  form.addEventListener("submit", (event) => event.preventDefault());
}
for (const run of document.querySelectorAll("details.run")) {
  run.addEventListener("toggle", () => run.open && drawChart(run));
}
// A served page asks every few seconds what is going on; the tables stay as they are until it is loaded anew.
const POLL = 3000;
const shownAtFirst = document.getElementById("page:going-on").dataset.stamp;

function say(text, withButton) {
  const place = document.getElementById("page:changed");
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  place.textContent = text;
  if (!text || !withButton) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Reload the page";
  button.addEventListener("click", () => location.reload());
  place.append(" ", button);
}

async function follow() {
  if (document.hidden) return;
  const old = document.getElementById("page:going-on");
  try {
    const answer = await fetch("/now", { cache: "no-store" });
    if (!answer.ok) throw new Error(await answer.text());
    const content = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("page:going-on");
    say(content.dataset.stamp === shownAtFirst ? "" : "The registry has changed.", true);
    if (content.innerHTML === old.dataset.html || old.contains(document.activeElement)) return;
    content.dataset.html = content.innerHTML;
    old.replaceWith(content);
    content.querySelectorAll(".training").forEach(drawChart);
  } catch (error) {
    say("The server does not answer; this is what it said last.", false);
  }
}

document.querySelectorAll(".training").forEach(drawChart);
if ("served" in document.body.dataset) setInterval(follow, POLL);
let closed = []; // opened for the printer alone
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details.run:not([open])")];
  closed.forEach((run) => { run.open = true; drawChart(run); });
});
addEventListener("afterprint", () => closed.forEach((run) => { run.open = false; }));
addEventListener("hashchange", openTarget);
openTarget();
document.querySelectorAll("form.filter").forEach(filterRows); // a reloaded page keeps what was typed
