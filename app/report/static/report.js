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
  const table = document.getElementById(form.dataset.table);
  const words = form.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const state = form.querySelector("select").value;
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    const fits = words.every((word) => text.includes(word)) && (!state || row.dataset.state === state);
    row.hidden = !fits;
    shown += fits;
  }
  const all = table.tBodies[0].rows.length;
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
let closed = []; // opened for the printer alone
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details.run:not([open])")];
  closed.forEach((run) => { run.open = true; drawChart(run); });
});
addEventListener("afterprint", () => closed.forEach((run) => { run.open = false; }));
addEventListener("hashchange", openTarget);
openTarget();
document.querySelectorAll("form.filter").forEach(filterRows); // a reloaded page keeps what was typed
