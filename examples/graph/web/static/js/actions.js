// What a person can wish for, whichever way: by the canvas, the buttons, the lists or the keyboard.

import { complain } from "./complain.js";
import { nameInPlace } from "./inplace.js";
import { tidied } from "./tidy.js";

const id = (name) => document.getElementById(name);
const unnamed = "Node 100"; // as wide as a node that is not named yet

export function createActions({ state, render, send, look, travel, canvas }) {
  const nudged = new Map(); // node → timer: a row of key presses is one move
  const drafts = new Set(); // nodes that are being named, before the server knows of them
  let naming; // the field that is open

  const actions = {
    travel,
    bringBack: (beside) => goBack(state.at, beside),

    select(what) {
      state.selected = what;
      render();
    },
    show(what) {
      actions.select(what);
      (what.node ? canvas().node(what.node) : canvas().edge(what.edge))?.focus({ preventScroll: true });
      if (what.node) canvas().reveal(what.node);
    },
    // add opens a field for the name of a new node, at once. Whoever goes on without a name gets one.
    add(point) {
      naming?.leave();
      const draft = { ...canvas().clear(point ?? canvas().viewport.middle(), unnamed, undefined, [...drafts]), name: unnamed };
      let added;
      drafts.add(draft);
      canvas().viewport.reveal(draft);
      naming = nameInPlace({
        box: () => canvas().viewport.box(draft),
        value: "",
        placeholder: "Name",
        label: "Name of the new node",
        className: "is-draft",
        async save(text) {
          const name = text.trim();
          const { x, y } = canvas().clear(draft, name || unnamed, undefined, [...drafts].filter((d) => d !== draft));
          added = (await send("add_node", { name, x, y })).events[0]?.body.id;
        },
        onClose(isLeaving, isSaved) {
          drafts.delete(draft);
          if (isLeaving) return;
          if (isSaved) actions.show({ node: added });
          else id("canvas").focus();
        },
        after: () => id("add"),
        moved: canvas().moved,
      });
    },
    // addNamed is for the field below the list.
    async addNamed(field) {
      const name = field.value;
      const { x, y } = canvas().clear(canvas().viewport.middle(), name.trim() || unnamed);
      const answer = await send("add_node", { name, x, y }, field);
      if (answer && field.value === name) field.value = "";
    },
    async move(node, x, y) {
      await send("move_node", { id: node, x, y }, canvas().node(node));
      canvas().hold(node);
    },
    nudge(node, x, y) {
      canvas().hold(node, { x, y });
      canvas().reveal(node);
      clearTimeout(nudged.get(node));
      const held = canvas().place(node);
      nudged.set(node, setTimeout(() => actions.move(node, held.x, held.y), 400));
    },
    // rename opens a field over a node; typed is what was pressed on it.
    rename(node, typed) {
      const { name } = canvas().place(node);
      let box;
      naming = nameInPlace({
        box: () => (box = canvas().place(node) ? canvas().viewport.box(canvas().place(node)) : box),
        value: name,
        typed,
        label: `New name of ${name}`,
        save: (to) => send("rename_node", { id: node, name: to }),
        isSame: (text) => text.trim() === name,
        onClose: (isLeaving) => isLeaving || canvas().node(node)?.focus({ preventScroll: true }),
        after: () => canvas().node(node) ?? id("rename"),
        moved: canvas().moved,
      });
    },
    renameGraph() {
      const { name } = state.present;
      naming = nameInPlace({
        box: () => id("name").getBoundingClientRect(),
        value: name,
        label: "New name of the graph",
        save: (to) => send("rename_graph", { name: to }),
        isSame: (text) => text.trim() === name,
        onClose: (isLeaving) => isLeaving || id("name").focus(),
        after: () => id("name"),
      });
    },
    async change(node, { name, x, y }) {
      for (const field of [x, y]) if (!field.value) return complain(field, "Please give a number.");
      const place = { id: node, x: Math.round(x.value), y: Math.round(y.value) }; // before somebody types on
      return await send("rename_node", { id: node, name: name.value }, name) && await send("move_node", place, x);
    },
    connectFrom(node) {
      if (state.connecting === node) return;
      state.connecting = node;
      canvas().stretch();
      render();
    },
    connectTo(node) {
      const from = state.connecting;
      if (from === null) return actions.connectFrom(node);
      actions.connectFrom(undefined);
      actions.connect(from, node, canvas().node(node));
    },
    connect: (from, to, beside) => send("add_edge", { from, to }, beside),
    async remove(what = state.selected, beside) {
      if (what?.node) await send("remove_node", { id: what.node }, beside ?? canvas().node(what.node));
      else if (what?.edge) await send("remove_edge", what.edge, beside ?? canvas().edge(what.edge));
      if (document.activeElement === document.body) id("canvas").focus(); // what had it is gone
    },
    // tidy lays all nodes out anew, by one command. It rests on the graph that was laid out: where somebody was
    // first, it is laid out again.
    async tidy() {
      if (state.present.nodes.length < 2 || id("tidy").getAttribute("aria-busy")) return;
      id("tidy").setAttribute("aria-busy", "true");
      try {
        for (let attempt = 1; ; attempt++) {
          const { present } = state;
          const shape = id("canvas").clientWidth / id("canvas").clientHeight;
          try {
            await send("move_nodes", { places: await tidied(present, shape) }, undefined, present.sequence);
            return canvas().fit(0.5); // what is smaller can't be read
          } catch (refusal) {
            if (refusal.code !== "stale" || attempt === 4) return complain(id("tidy"), refusal.message);
            await look();
          }
        }
      } finally {
        id("tidy").removeAttribute("aria-busy");
      }
    },
    listen,
  };

  // goBack makes the present look like a moment of the past. The wish rests on what the person saw.
  async function goBack(to, beside) {
    if (await send("revert_graph", { to }, beside, state.present.sequence)) travel(Infinity);
  }

  function listen() {
    const connect = () => actions.connectFrom(state.connecting === undefined ? state.selected?.node ?? null : undefined);
    id("add").addEventListener("click", () => actions.add());
    id("connect").addEventListener("click", connect);
    id("rename").addEventListener("click", () => actions.rename(state.selected.node));
    id("remove").addEventListener("click", (e) => actions.remove(undefined, e.currentTarget));
    id("tidy").addEventListener("click", actions.tidy);
    id("undo").addEventListener("click", () => goBack(state.present.undo, id("undo")));
    id("redo").addEventListener("click", () => goBack(state.present.redo, id("redo")));
    id("name").addEventListener("click", actions.renameGraph);
    id("fit").addEventListener("click", () => canvas().fit());
    id("lost").addEventListener("click", () => {
      canvas().fit();
      id("canvas").focus({ preventScroll: true });
    });
    id("in").addEventListener("click", () => canvas().viewport.zoomSoftly(1.25));
    id("out").addEventListener("click", () => canvas().viewport.zoomSoftly(0.8));
    id("skip").addEventListener("click", () => document.querySelector("[role=tab][tabindex='0']").focus());
    id("help").addEventListener("click", () => id("keys").showModal());
    id("close-keys").addEventListener("click", () => id("keys").close());
    // Anywhere, with a modifier: letters alone belong to whoever types.
    addEventListener("keydown", (e) => {
      if (e.target.matches("input:not([type=range])") || document.querySelector("dialog[open]")) return;
      const isUndo = e.key.toLowerCase() === "z" && (e.ctrlKey || e.metaKey);
      const isRedo = (isUndo && e.shiftKey) || (e.key.toLowerCase() === "y" && (e.ctrlKey || e.metaKey));
      const byAlt = e.altKey && !e.ctrlKey && !e.metaKey && { KeyN: "add", KeyC: "connect", KeyT: "tidy" }[e.code];
      const button = id(isRedo ? "redo" : isUndo ? "undo" : byAlt);
      if (!button) return;
      e.preventDefault();
      button.click();
    });
  }

  return actions;
}
