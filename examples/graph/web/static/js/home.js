// The page with all graphs.

import * as api from "./api.js";
import { calm, complain } from "./complain.js";

const form = document.getElementById("create");
const field = document.getElementById("name");

const button = form.querySelector("button");
const progress = document.getElementById("progress");

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  if (form.getAttribute("aria-busy")) return;
  calm();
  busy(true);
  try {
    const created = await api.create(field.value);
    location.href = `/graphs/${created.view.id}`; // busy until the next page is there
  } catch (refusal) {
    busy(false);
    complain(field, refusal.message);
    field.focus();
  }
});
addEventListener("pageshow", () => busy(false)); // also when one comes back to it

let slow;

// busy shows that the graph is being created. A database that was asleep may take some seconds.
function busy(is) {
  form.toggleAttribute("aria-busy", is);
  if (is) form.setAttribute("aria-busy", "true");
  field.readOnly = is;
  button.textContent = is ? "Creating …" : "Create graph";
  progress.textContent = is ? `Creating ${field.value} …` : "";
  clearTimeout(slow);
  if (is) slow = setTimeout(() => { progress.textContent = "The database takes its time. Still creating …"; }, 3000);
}

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

try {
  const graphs = await api.list();
  document.getElementById("empty").hidden = graphs.length > 0;
  document.getElementById("list").replaceChildren(...graphs.map((graph) => {
    const link = document.createElement("a");
    link.href = `/graphs/${graph.id}`;
    link.textContent = graph.name;
    const made = document.createElement("time");
    made.dateTime = graph.created;
    made.textContent = when.format(new Date(graph.created));
    const item = document.createElement("li");
    item.append(link, made);
    return item;
  }));
} catch (refusal) {
  complain(field, refusal.message);
}
