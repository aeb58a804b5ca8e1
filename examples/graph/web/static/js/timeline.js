// The history: a slider through all moments, every event in words, and the machine's own words for the one at
// the slider, for whoever asks.

import { count } from "./story.js";
import { intoView } from "./view.js";

const id = (name) => document.getElementById(name);

export function createTimeline(actions) {
  const slider = id("slider");
  slider.addEventListener("input", () => actions.travel(Number(slider.value)));
  id("earlier").addEventListener("click", () => actions.travel(Number(slider.value) - 1));
  id("later").addEventListener("click", () => actions.travel(Number(slider.value) + 1));
  id("to-now").addEventListener("click", () => {
    actions.travel(Infinity);
    slider.focus();
  });
  id("bring-back").addEventListener("click", async (e) => {
    await actions.bringBack(e.currentTarget);
    if (document.activeElement === document.body) slider.focus();
  });
  id("details").addEventListener("click", () => toggle(id("machine").hidden));
  id("machine").addEventListener("keydown", (e) => e.key === "Escape" && toggle(false));
  id("close-machine").addEventListener("click", () => toggle(false));
  const rows = [];

  function toggle(isOpen) {
    if (isOpen) actions.closeLists();
    id("machine").hidden = !isOpen;
    id("details").setAttribute("aria-expanded", isOpen);
    document.body.classList.toggle("is-machine", isOpen);
    reveal(); // the rows have grown
    if (!isOpen) id("details").focus();
  }

  const reveal = () => {
    const row = rows.find((r) => r.getAttribute("aria-current"));
    if (row) intoView(row);
  };

  return {
    reveal,
    render({ present, story, at, isPast, who, attempts, process }) {
      const { told } = story;
      const moment = isPast ? at : present.sequence;
      const { event, did } = told[moment - 1];
      slider.max = present.sequence;
      slider.value = moment;
      slider.setAttribute("aria-valuetext", `moment ${moment} of ${present.sequence}: ${who(event)} ${did}`);
      id("moment").textContent = `${moment} of ${present.sequence}`;
      id("moment").style.minWidth = `${2 * String(present.sequence).length + 3}ch`; // as wide at every moment
      id("earlier").disabled = moment <= 1;
      id("later").disabled = moment >= present.sequence;
      document.body.classList.toggle("is-past", isPast);
      for (const name of ["bring-back", "to-now"]) id(name).disabled = !isPast;
      // Said once, not again at each step of the slider.
      if (isPast !== id("past-text").hasChildNodes()) id("past-text").replaceChildren(...(isPast ? ["You are looking at the past.", aside(" It can't be changed.")] : []));
      detail(event, event.node === process, attempts.get(event.command));
      while (rows.length < told.length) addRow(told[rows.length], who);
      id("event-count").textContent = rows.length;
      rows.forEach((row, i) => {
        row.classList.toggle("is-later", i + 1 > moment);
        if (i + 1 !== moment) return row.removeAttribute("aria-current");
        if (row.getAttribute("aria-current")) return;
        row.setAttribute("aria-current", "true");
        reveal();
      });
    },
  };

  function addRow({ event, did }, who) {
    const row = document.createElement("tr");
    const jump = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: event.sequence });
    jump.setAttribute("aria-label", `Go to moment ${event.sequence}`);
    jump.addEventListener("click", () => actions.travel(event.sequence));
    const words = document.createElement("span");
    const short = who(event).replace(/ in .*/, ""); // where is in the last column
    words.append(`${short} ${did}`, Object.assign(code(event.type), { className: "machine" }));
    const node = document.createElement("span");
    showProcess(node, event.node);
    for (const content of [jump, words, node]) {
      const td = document.createElement("td");
      td.append(content);
      row.append(td);
    }
    rows.push(row);
    id("event-rows").append(row);
  }
}

// aside is what a narrow screen has no room for.
function aside(text) {
  return Object.assign(document.createElement("span"), { className: "aside", textContent: text });
}

function code(text) {
  return Object.assign(document.createElement("code"), { textContent: text });
}

function detail(event, isOwn, command) {
  const node = document.createElement("span");
  showProcess(node, event.node, true);
  const entries = [
    ["Event", `${event.sequence} · ${event.type}`],
    ["Body", code(JSON.stringify(event.body, null, 1).replace(/\n\s*/g, " "))],
    ["Timestamp", code(event.timestamp)],
    ["Time", code(`${event.time.replace("T", " ").replace(/(\.\d+)?Z$/, (_, f = "") => `.${f.slice(1).padEnd(3, "0")} UTC`)}`)],
    ["Counter", code(event.counter)],
    ["Node", node],
    ["Command", command ? `${command.type}, evaluated ${command.attempts === 1 ? "once" : count(command.attempts, "time")}` : code(event.command ?? "unknown")],
  ];
  if (isOwn) node.append(" (this process)");
  id("detail").replaceChildren(...entries.flatMap(([term, value]) => {
    const dt = Object.assign(document.createElement("dt"), { textContent: term });
    const dd = document.createElement("dd");
    dd.append(value);
    return [dt, dd];
  }));
}

// Each process has a colour, by the order in which its node id was met.
const colours = new Map();

// showProcess fills an element with a process' node id and colour.
export function showProcess(element, node, whole) {
  if (!colours.has(node)) colours.set(node, colours.size % 6);
  element.className = `process colour-${colours.get(node)}`;
  element.textContent = whole ? node : `…${node.slice(-4)}`;
  element.title = node;
}
