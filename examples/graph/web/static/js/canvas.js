// The drawing. It keeps an SVG element for each node and edge, so that focus stays where it is while
// the graph changes, and moves a dragged node before the server has heard of it.

import { arrow, element, halfHeight, halfWidth, label } from "./shapes.js";
import { listen } from "./gestures.js";
import { leadsTo, sameEdge } from "./view.js";

export function createCanvas(svg, actions) {
  const layers = { nodes: svg.querySelector("#nodes"), edges: svg.querySelector("#edges") };
  const rubber = svg.querySelector("#rubber");
  const nodes = new Map(); // id → <g>
  const edges = new Map(); // "from-to" → <g>
  const held = new Map(); // id → where the person put it, until the server knows
  let state;

  const canvas = {
    render(newState) {
      state = newState;
      draw();
    },
    node: (id) => nodes.get(id),
    edge: ({ from, to }) => edges.get(`${from}-${to}`),
    place,
    // hold shows a node elsewhere; without a place it goes back to where the server says.
    hold(id, at) {
      if (at) held.set(id, at);
      else held.delete(id);
      draw();
    },
    // stretch draws the line of an edge that is about to be made.
    stretch(from, point) {
      rubber.toggleAttribute("hidden", !point);
      const node = point && place(from);
      if (node) rubber.setAttribute("d", `M${node.x} ${node.y}L${point.x} ${point.y}`);
    },
  };
  listen(svg, canvas, actions, () => state);

  const placed = (node) => ({ ...node, ...(state.isPast ? {} : held.get(node.id)) });

  function place(id) {
    const node = state.shown.nodes.find((n) => n.id === id);
    return node && placed(node);
  }

  function draw() {
    const { shown, selected } = state;
    svg.classList.toggle("is-past", state.isPast);
    svg.classList.toggle("is-connecting", state.connecting !== undefined);
    const places = new Map(shown.nodes.map((n) => [n.id, placed(n)]));
    const leads = leadsTo(shown);
    sync(layers.nodes, nodes, places, newNode, (g, n) => {
      updateNode(g, n, leads.get(n.id), state);
      g.classList.toggle("is-selected", selected?.node === n.id);
    });
    const arrows = new Map(shown.edges.map((e) => [`${e.from}-${e.to}`, e]));
    sync(layers.edges, edges, arrows, newEdge, (g, e) => {
      updateEdge(g, places.get(e.from), places.get(e.to), arrows.has(`${e.to}-${e.from}`));
      g.classList.toggle("is-selected", sameEdge(selected?.edge, e));
    });
  }

  return canvas;
}

// sync makes a layer have one element for each item that is wanted, and keeps those that stay.
function sync(layer, kept, wanted, make, update) {
  for (const [key, g] of kept) {
    if (!wanted.has(key)) {
      g.remove();
      kept.delete(key);
    }
  }
  for (const [key, item] of wanted) {
    if (!kept.has(key)) {
      kept.set(key, make(item));
      layer.append(kept.get(key));
    }
    update(kept.get(key), item);
  }
}

function newNode(n) {
  const port = element("g", { class: "port" }, element("circle", { r: 11 }), element("path", { d: "M-4.500 0H4.500M0 -4.500V4.500" }));
  const g = element("g", { class: "node", tabindex: 0, role: "button" },
    element("title"), element("rect", { class: "body", height: 2 * halfHeight, y: -halfHeight, rx: halfHeight }),
    element("text", { dy: "0.350em" }), port);
  g.dataset.id = n.id;
  return g;
}

function updateNode(g, n, leads, state) {
  const half = halfWidth(n.name);
  g.setAttribute("transform", `translate(${n.x} ${n.y})`);
  g.querySelector("title").textContent = n.name;
  g.querySelector("text").textContent = label(n.name);
  const rect = g.querySelector("rect");
  rect.setAttribute("x", -half);
  rect.setAttribute("width", 2 * half);
  g.querySelector(".port").setAttribute("transform", `translate(${half + 3} 0)`);
  g.setAttribute("aria-label",
    `${n.name}, ${n.x} across, ${n.y} down, ${leads.length ? `leads to ${leads.join(", ")}` : "leads nowhere"}`);
  g.classList.toggle("is-source", state.connecting === n.id);
}

function newEdge(e) {
  const g = element("g", { class: "edge", tabindex: 0, role: "button" },
    element("path", { class: "reach" }), element("path", { class: "line" }), element("path", { class: "head" }));
  g.dataset.from = e.from;
  g.dataset.to = e.to;
  return g;
}

function updateEdge(g, from, to, bent) {
  const { line, head } = arrow(from, to, bent);
  g.querySelector(".reach").setAttribute("d", line);
  g.querySelector(".line").setAttribute("d", line);
  g.querySelector(".head").setAttribute("d", head);
  g.setAttribute("aria-label", `Edge from ${from.name} to ${to.name}`);
}
