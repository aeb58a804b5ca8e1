// The editor: what is shown, and how the page learns of it. Nothing is changed here: every wish goes to the
// server as a command, and what comes back is shown. Go on with actions.js for the wishes.

import { createActions } from "./actions.js";
import * as api from "./api.js";
import { createCanvas } from "./canvas.js";
import { calm, complain } from "./complain.js";
import { createLists } from "./lists.js";
import { createPanel } from "./panel.js";
import { setNote, setSaving, setTrouble, showStatus } from "./status.js";
import { createStory } from "./story.js";
import { createTimeline, showProcess } from "./timeline.js";
import { has } from "./view.js";

const id = (name) => document.getElementById(name);
const graph = decodeURIComponent(location.pathname.split("/").pop());

const state = {
  present: undefined, // the graph as it is, as far as this page knows
  shown: undefined, //   the present, or the graph at the slider's moment
  at: undefined, //      that moment, or undefined for the present
  marked: undefined, //  what the slider's event changed, as the story tells it
  events: [], //         the whole history
  story: createStory(), // and in words
  attempts: new Map(), //  this page's commands → {type, attempts}
  selected: undefined, //   {node} or {edge}
  connecting: undefined, // the node that an edge is to begin at; null: it is still to be chosen
  get isPast() { return this.at !== undefined; },
  who(event) {
    if (api.isOwn(event.command)) return "You";
    if (!event.command) return "Somebody";
    return event.node === this.process ? "Somebody in another window" : "Somebody in another process";
  },
};
state.who = state.who.bind(state);

const actions = createActions({ state, render, send, look, travel, canvas: () => canvas });
const canvas = createCanvas(id("canvas"), actions);
const lists = createLists(actions);
const timeline = createTimeline(actions);
const panel = createPanel(timeline.reveal);
actions.closeLists = panel.close;

function render() {
  const { present, shown, connecting, isPast, selected } = state;
  if (selected && !has(shown, selected)) state.selected = undefined;
  document.title = `${present.name} · Maestro`;
  id("name").textContent = shown.name;
  id("name").disabled = isPast;
  id("name").classList.toggle("is-changed", Boolean(state.marked?.graph));
  id("undo").disabled = isPast || !present.undo;
  id("redo").disabled = isPast || !present.redo;
  id("add").disabled = isPast;
  id("connect").disabled = isPast || shown.nodes.length < 2;
  id("connect").setAttribute("aria-pressed", connecting !== undefined);
  id("rename").disabled = isPast || !state.selected?.node;
  id("remove").disabled = isPast || !state.selected;
  id("tidy").disabled = isPast || shown.nodes.length < 2;
  id("blank").hidden = isPast || shown.nodes.length > 0;
  const hint = hintOf(connecting, shown);
  id("hint").textContent = hint;
  id("hint").hidden = !hint;
  canvas.render(state);
  lists.render(state);
  timeline.render(state);
  showStatus(state);
}

function hintOf(connecting, { nodes }) {
  const from = nodes.find((n) => n.id === connecting);
  if (connecting === null) return "Choose the node that the edge begins at. Esc cancels.";
  return from ? `From ${from.name}: choose the node that it leads to. Esc cancels.` : "";
}

// learn takes what the server says about the present. An older word may come after a newer one.
function learn(view) {
  const isFirst = !state.present;
  for (const event of view.events ?? []) state.events[event.sequence - 1] = event;
  const { told, tell } = state.story;
  const fresh = state.events.slice(told.length);
  fresh.forEach(tell);
  if (fresh.length) setNote("");
  if (state.present && view.sequence < state.present.sequence) return;
  state.present = view;
  state.process = view.node;
  if (state.isPast) return;
  state.shown = view;
  if (fresh.length) state.marked = undefined;
  const theirs = told.slice(told.length - fresh.length).filter(({ event }) => !api.isOwn(event.command));
  if (!isFirst) requestAnimationFrame(() => theirs.forEach(canvas.glow));
}

let waiting = 0;

// send evaluates a command. What is refused is shown beside an element, or thrown where there is none.
async function send(type, data, beside, expected) {
  calm();
  waiting++;
  const slow = setTimeout(() => saving(true), 400);
  try {
    const answer = await api.command(graph, type, data, { expected, seen: () => state.events.length });
    state.attempts.set(answer.command, { type, attempts: answer.attempts });
    learn(answer.view);
    if (answer.events.length === 0) setNote("There was nothing to change.");
    return answer;
  } catch (refusal) {
    if (!beside) throw refusal;
    if (refusal.code === "stale") await look();
    complain(beside, refusal.message);
  } finally {
    clearTimeout(slow);
    waiting--;
    saving(false);
    render();
  }
}

// saving says that an answer takes its time, until the last one is there.
function saving(is) {
  if (!is && waiting > 0) return;
  setSaving(is);
  id("busy").hidden = !is;
  showStatus(state);
}

// look asks for the present, when it is certain that this page has an old one.
async function look() {
  learn(await api.show(graph));
  render();
}

const seen = new Map(); // moments of the past, which don't change
let latest = 0; // so that a slow answer to an earlier step of the slider is passed over

async function travel(to) {
  const { present, story } = state;
  const step = ++latest;
  calm();
  const show = (view, moment) => {
    state.shown = view;
    state.marked = story.told[moment - 1];
    render();
  };
  if (to >= present.sequence || to < 1) {
    state.at = undefined;
    return show(present, to === Infinity ? 0 : present.sequence);
  }
  state.at = to; // at once: the slider stays where it was put
  state.connecting = undefined;
  canvas.stretch();
  if (seen.has(to)) return show(seen.get(to), to);
  timeline.render(state);
  showStatus(state);
  try {
    seen.set(to, await api.showPast(graph, to));
    if (step === latest) show(seen.get(to), to);
  } catch (refusal) {
    if (step !== latest) return;
    travel(Infinity);
    complain(id("slider"), refusal.message);
  }
}

try {
  await look();
  actions.listen();
  showProcess(id("process"), state.process);
  api.stream(graph, () => state.events.length, {
    change(view) {
      learn(view);
      render();
    },
    trouble(message) {
      setTrouble(message);
      showStatus(state);
    },
  });
} catch (refusal) {
  if (!refusal.code) throw refusal;
  id("editor").hidden = true;
  id("missing").hidden = false;
  id("missing-text").textContent = refusal.message;
}
