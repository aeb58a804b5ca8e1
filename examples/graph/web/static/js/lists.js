// The graph in words: tables of nodes and edges with a form each, and the fields of what is selected.

import { intoView, leadsTo, sameEdge } from "./view.js";

const id = (name) => document.getElementById(name);

export function createLists(actions) {
  const selection = id("selection");
  const addForm = id("add-form");
  const edgeForm = id("edge-form");
  let filled; // the node that the selection's fields were filled with: what was typed since is not overwritten
  let followed; // what was selected when the lists were last scrolled for it
  let state;

  selection.addEventListener("submit", async (e) => {
    e.preventDefault();
    const { name, x, y } = selection.elements;
    const sent = { id: filled.id, name: name.value, x: x.value, y: y.value };
    if (!await actions.change(sent.id, { name, x, y })) return;
    if (filled?.id === sent.id) filled = sent;
    showSelection(state);
  });
  addForm.addEventListener("submit", (e) => {
    e.preventDefault();
    actions.addNamed(addForm.elements.name);
  });
  edgeForm.addEventListener("submit", (e) => {
    e.preventDefault();
    const { from, to } = edgeForm.elements;
    actions.connect(Number(from.value), Number(to.value), to);
  });

  edgeForm.elements.from.addEventListener("change", () => ends(state));

  let offered; // the selected node that the form was given to begin at

  // ends offers two different nodes to connect, from the selected one on.
  function ends({ shown: { nodes }, selected, isPast }) {
    const { from, to } = edgeForm.elements;
    options(from, nodes);
    const isFree = !edgeForm.contains(document.activeElement);
    if (selected?.node && selected.node !== offered && isFree) from.value = selected.node;
    if (isFree) offered = selected?.node;
    options(to, nodes.filter((n) => String(n.id) !== from.value));
    for (const control of edgeForm.elements) control.disabled = isPast || nodes.length < 2;
  }

  return {
    render(newState) {
      state = newState;
      const { shown, isPast } = state;
      const names = new Map(shown.nodes.map((n) => [n.id, n.name]));
      const leads = leadsTo(shown);
      rows(id("node-rows"), shown.nodes, "No nodes yet.", (n) => [
        button(n.name, "link", () => actions.show({ node: n.id })),
        leads.get(n.id).join(", ") || "–",
        remove(`Remove node ${n.name}`, isPast, (from) => actions.remove({ node: n.id }, from)),
      ], (n) => state.selected?.node === n.id);
      rows(id("edge-rows"), shown.edges, "No edges yet.", (e) => [
        button(names.get(e.from), "link", () => actions.show({ edge: e })),
        names.get(e.to),
        remove(`Remove edge from ${names.get(e.from)} to ${names.get(e.to)}`, isPast, (from) => actions.remove({ edge: e }, from)),
      ], (e) => sameEdge(state.selected?.edge, e));
      id("node-count").textContent = shown.nodes.length;
      id("edge-count").textContent = shown.edges.length;
      for (const form of [selection, addForm]) for (const control of form.elements) control.disabled = isPast;
      ends(state);
      showSelection(state);
      follow(state);
    },
  };

  // follow brings the row of what was just selected into sight, in a list that is longer than its box.
  function follow({ selected }) {
    if (selected === followed) return;
    followed = selected;
    for (const row of document.querySelectorAll("#node-rows .is-selected, #edge-rows .is-selected")) intoView(row);
  }

  function showSelection({ shown, selected }) {
    const node = shown.nodes.find((n) => n.id === selected?.node);
    const edge = selected?.edge;
    id("nothing").hidden = Boolean(node || edge);
    selection.hidden = !node;
    id("selected-edge").hidden = !edge;
    if (edge) {
      const [from, to] = [edge.from, edge.to].map((end) => shown.nodes.find((n) => n.id === end).name);
      id("selected-edge").textContent = `The edge from ${from} to ${to}.`;
    }
    if (!node) return;
    const old = filled?.id === node.id ? filled : undefined;
    for (const key of ["name", "x", "y"]) {
      const field = selection.elements[key];
      if (!old || field.value === String(old[key])) field.value = node[key];
    }
    filled = node;
  }
}

// rows fills a table's body. It is left alone where nothing changed, and focus stays in it where
// something did.
function rows(body, items, none, cells, isSelected) {
  const made = items.map(cells);
  const text = JSON.stringify(made.map((row, i) => [isSelected(items[i]), row.map((c) => [c.textContent ?? c, c.disabled])]));
  if (body.dataset.shown === text) return;
  body.dataset.shown = text;
  const focused = [...body.querySelectorAll("button")].indexOf(document.activeElement);
  body.replaceChildren(...made.map((row, i) => {
    const tr = document.createElement("tr");
    tr.classList.toggle("is-selected", isSelected(items[i]));
    tr.append(...row.map((cell) => cellOf(cell)));
    return tr;
  }));
  if (items.length === 0) {
    const tr = document.createElement("tr");
    tr.append(Object.assign(cellOf(none), { colSpan: 3, className: "muted" }));
    body.append(tr);
  }
  if (focused >= 0) [...body.querySelectorAll("button")].slice(0, focused + 1).pop()?.focus();
}

function cellOf(content) {
  const td = document.createElement("td");
  td.append(content);
  if (typeof content === "string") td.title = content; // it may be too long for its column
  return td;
}

function button(text, className, press) {
  const b = Object.assign(document.createElement("button"), { type: "button", className, textContent: text });
  b.addEventListener("click", () => press(b));
  return b;
}

function remove(label, isPast, press) {
  const b = button("×", "quiet small", press);
  b.setAttribute("aria-label", label);
  b.title = label;
  b.disabled = isPast;
  return b;
}

function options(select, nodes) {
  const chosen = select.value;
  const text = JSON.stringify(nodes.map((n) => [n.id, n.name]));
  if (select.dataset.shown === text) return;
  select.dataset.shown = text;
  select.replaceChildren(...nodes.map((n) => new Option(n.name, n.id)));
  if (nodes.some((n) => String(n.id) === chosen)) select.value = chosen;
}
