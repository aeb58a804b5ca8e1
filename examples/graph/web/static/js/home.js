// The page with all graphs.

import * as api from "./api.js";
import { calm, complain } from "./complain.js";

const form = document.getElementById("create");
const field = document.getElementById("name");

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  calm();
  try {
    const created = await api.create(field.value);
    location.href = `/graphs/${created.view.id}`;
  } catch (refusal) {
    complain(field, refusal.message);
    field.focus();
  }
});

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
