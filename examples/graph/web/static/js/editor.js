// The editor: what is shown, and what happens when somebody wants something. Nothing is changed here: every
// wish goes to the server as a command, and what comes back is shown.

import * as api from "./api.js";
import { createCanvas } from "./canvas.js";
import { calm, complain } from "./complain.js";
import { renameInPlace } from "./inplace.js";
import { createLists } from "./lists.js";
import { outcome, news } from "./news.js";
import { createTimeline, showProcess } from "./timeline.js";
import { has } from "./view.js";

const id = (name) => document.getElementById(name);
const graph = decodeURIComponent(location.pathname.split("/").pop());

const state = {
  present: undefined, // the graph as it is, as far as this page knows
  shown: undefined, //   the present, or the graph at the slider's moment
  at: undefined, //      that moment, or undefined for the present
  events: [], //         the whole history
  selected: undefined, //   {node} or {edge}
  connecting: undefined, // the node that an edge is to begin at; null: it is still to be chosen
  get isPast() { return this.at !== undefined; },
  isOwn: (event) => event.node === state.process,
};

const wishes = actions();
const canvas = createCanvas(id("canvas"), wishes);
const lists = createLists(wishes);
const timeline = createTimeline(wishes);

function render() {
  const { present, shown, connecting, isPast } = state;
  if (state.selected && !has(shown, state.selected)) state.selected = undefined;
  document.title = `${present.name} · Maestro`;
  id("name").textContent = shown.name;
  id("name").disabled = isPast;
  id("undo").disabled = isPast || !present.undo;
  id("redo").disabled = isPast || !present.redo;
  id("add").disabled = isPast;
  id("connect").disabled = isPast || shown.nodes.length < 2;
  id("connect").setAttribute("aria-pressed", connecting !== undefined);
  id("rename").disabled = isPast || !state.selected?.node;
  id("remove").disabled = isPast || !state.selected;
  id("blank").hidden = isPast || shown.nodes.length > 0;
  id("hint").textContent = hint();
  canvas.render(state);
  lists.render(state);
  timeline.render(state);
}

function hint() {
  const from = state.shown.nodes.find((n) => n.id === state.connecting);
  if (state.connecting === null) return "Choose the node that the edge begins at. Esc cancels.";
  return from ? `From ${from.name}: choose the node that it leads to. Esc cancels.` : "";
}

// learn takes what the server says about the present. An older word may come after a newer one.
function learn(view) {
  for (const event of view.events ?? []) state.events[event.sequence - 1] = event;
  if (state.present && view.sequence < state.present.sequence) return;
  state.present = view;
  state.process = view.node;
  if (!state.isPast) state.shown = view;
}

// send evaluates a command. What is refused is shown beside an element, or thrown where there is none.
async function send(type, data, beside, expected) {
  calm();
  try {
    const answer = await api.command(graph, type, data, { expected, seen: () => state.events.length });
    learn(answer.view);
    outcome(answer, type);
    render();
    return answer;
  } catch (refusal) {
    if (!beside) throw refusal;
    if (refusal.code === "stale") await look();
    complain(beside, refusal.message);
  }
}

// look asks for the present, when it is certain that this page has an old one.
async function look() {
  learn(await api.show(graph));
  render();
}

let latest = 0; // so that a slow answer to an earlier step of the slider is passed over

async function travel(to) {
  const { present } = state;
  const step = ++latest;
  calm();
  if (to >= present.sequence || to < 1) {
    state.at = undefined;
    state.shown = present;
    return render();
  }
  state.at = to; // at once: the slider stays where it was put
  state.connecting = undefined;
  canvas.stretch();
  render();
  try {
    const past = await api.showPast(graph, to);
    if (step !== latest) return;
    state.shown = past;
    render();
  } catch (refusal) {
    if (step !== latest) return;
    travel(Infinity);
    complain(id("slider"), refusal.message);
  }
}

// goBack makes the present look like a moment of the past. The wish rests on what the person saw.
async function goBack(to, beside) {
  if (await send("revert_graph", { to }, beside, state.present.sequence)) travel(Infinity);
}

function actions() {
  const nudged = new Map(); // node → timer: a row of key presses is one move
  const actions = {
    travel,
    bringBack: (beside) => goBack(state.at, beside),

    select(what) {
      state.selected = what;
      render();
    },
    show(what) {
      actions.select(what);
      (what.node ? canvas.node(what.node) : canvas.edge(what.edge)).focus();
    },
    async add(place, field) {
      const at = place ?? freePlace();
      const answer = await send("add_node", { name: field?.value ?? "", ...at }, field ?? id("add"));
      const added = answer?.events[0]?.body.id;
      if (!added) return;
      if (field) field.value = "";
      else actions.show({ node: added });
    },
    async move(node, x, y) {
      await send("move_node", { id: node, x, y }, canvas.node(node));
      canvas.hold(node);
    },
    nudge(node, x, y) {
      canvas.hold(node, { x, y });
      clearTimeout(nudged.get(node));
      nudged.set(node, setTimeout(() => actions.move(node, x, y), 400));
    },
    rename(node) {
      const { name } = canvas.place(node);
      renameInPlace(canvas.node(node), name, `New name of ${name}`, (to) => send("rename_node", { id: node, name: to }));
    },
    async change(node, { name, x, y }) {
      for (const field of [x, y]) if (!field.value) return complain(field, "Please give a number.");
      const place = { id: node, x: Math.round(x.value), y: Math.round(y.value) }; // before somebody types on
      return await send("rename_node", { id: node, name: name.value }, name) && await send("move_node", place, x);
    },
    connectFrom(node) {
      state.connecting = node;
      canvas.stretch();
      render();
    },
    connectTo(node) {
      const from = state.connecting;
      if (from === null) return actions.connectFrom(node);
      actions.connectFrom(undefined);
      actions.connect(from, node, canvas.node(node));
    },
    connect: (from, to, beside) => send("add_edge", { from, to }, beside),
    async remove(what = state.selected, beside) {
      if (what?.node) await send("remove_node", { id: what.node }, beside ?? canvas.node(what.node));
      else if (what?.edge) await send("remove_edge", what.edge, beside ?? canvas.edge(what.edge));
      if (document.activeElement === document.body) id("canvas").focus(); // what had it is gone
    },
  };
  return actions;
}

// freePlace is a place for a node that nobody pointed at: the first of a grid with no node near.
function freePlace() {
  for (let y = 90; y < 660; y += 100) {
    for (let x = 130; x < 1150; x += 190) {
      if (!state.shown.nodes.some((n) => Math.abs(n.x - x) < 140 && Math.abs(n.y - y) < 60)) return { x, y };
    }
  }
  return { x: 600, y: 340 };
}

function listenToButtons() {
  id("add").addEventListener("click", () => wishes.add());
  id("connect").addEventListener("click", () => wishes.connectFrom(state.connecting === undefined ? state.selected?.node ?? null : undefined));
  id("rename").addEventListener("click", () => wishes.rename(state.selected.node));
  id("remove").addEventListener("click", (e) => wishes.remove(undefined, e.currentTarget));
  id("undo").addEventListener("click", () => goBack(state.present.undo, id("undo")));
  id("redo").addEventListener("click", () => goBack(state.present.redo, id("redo")));
  id("name").addEventListener("click", () =>
    renameInPlace(id("name"), state.present.name, "New name of the graph", (name) => send("rename_graph", { name })));
  addEventListener("keydown", (e) => {
    if (!(e.ctrlKey || e.metaKey) || e.target.matches("input:not([type=range])")) return;
    const key = e.key.toLowerCase();
    const button = key === "y" || key === "z" && e.shiftKey ? id("redo") : key === "z" ? id("undo") : undefined;
    if (!button) return;
    e.preventDefault();
    button.click();
  });
}

try {
  await look();
  listenToButtons();
  showProcess(id("process"), state.process);
  api.stream(graph, () => state.events.length, {
    change(view) {
      const known = state.events.length;
      learn(view);
      news(state.events.slice(known), state, canvas);
      render();
    },
    trouble: (message) => news.trouble(message),
  });
} catch (refusal) {
  id("editor").hidden = true;
  id("missing").hidden = false;
  id("missing-text").textContent = refusal.message;
}
