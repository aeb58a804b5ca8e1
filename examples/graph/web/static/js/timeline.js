// The history: a slider through all moments, and every event with its type, body, timestamp and node.

const id = (name) => document.getElementById(name);

export function createTimeline(actions) {
  const slider = id("slider");
  slider.addEventListener("input", () => actions.travel(Number(slider.value)));
  id("earlier").addEventListener("click", () => actions.travel(Number(slider.value) - 1));
  id("later").addEventListener("click", () => actions.travel(Number(slider.value) + 1));
  id("to-now").addEventListener("click", () => actions.travel(Infinity));
  id("bring-back").addEventListener("click", (e) => actions.bringBack(e.currentTarget));
  const rows = [];

  return {
    render({ present, events, at, isPast, isOwn }) {
      const moment = isPast ? at : present.sequence;
      slider.max = present.sequence;
      slider.value = moment;
      const event = events[moment - 1];
      slider.setAttribute("aria-valuetext", `event ${moment} of ${present.sequence}: ${event.type}`);
      id("moment").textContent = `${moment} of ${present.sequence}`;
      id("earlier").disabled = moment <= 1;
      id("later").disabled = moment >= present.sequence;
      id("past").hidden = !isPast;
      id("toolbar").hidden = isPast;
      id("past-text").textContent =
        `You are looking at event ${moment} of ${present.sequence}. The past can be looked at, not changed.`;
      detail(event, isOwn(event));
      while (rows.length < events.length) addRow(events[rows.length]);
      rows.forEach((row, i) => {
        row.classList.toggle("is-later", i + 1 > moment);
        if (i + 1 === moment) mark(row);
        else row.removeAttribute("aria-current");
      });
    },
  };

  function mark(row) {
    if (row.getAttribute("aria-current")) return;
    row.setAttribute("aria-current", "true");
    const box = row.closest(".scroll");
    box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }

  function addRow(event) {
    const row = document.createElement("tr");
    const jump = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: event.sequence });
    jump.setAttribute("aria-label", `Go to event ${event.sequence}`);
    jump.addEventListener("click", () => actions.travel(event.sequence));
    const node = document.createElement("span");
    showProcess(node, event.node);
    for (const content of [jump, event.type, code(JSON.stringify(event.body)), code(event.timestamp), node]) {
      const td = document.createElement("td");
      td.append(content);
      row.append(td);
    }
    rows.push(row);
    id("event-rows").append(row);
  }
}

function code(text) {
  return Object.assign(document.createElement("code"), { textContent: text });
}

function detail(event, isOwn) {
  const node = document.createElement("span");
  showProcess(node, event.node, true);
  const entries = [
    ["Event", `${event.sequence} · ${event.type}`],
    ["Body", code(JSON.stringify(event.body, null, 1).replace(/\n\s*/g, " "))],
    ["Time", code(`${event.time.replace("T", " ").replace(/(\.\d+)?Z$/, (_, f = "") => `.${f.slice(1).padEnd(3, "0")} UTC`)}`)],
    ["Counter", code(event.counter)],
    ["Node", node],
  ];
  if (isOwn) entries[4][1].append(" (this process)");
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
  element.textContent = whole ? node : `…${node.slice(-6)}`;
  element.title = node;
}
