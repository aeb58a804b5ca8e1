// The drawing. It keeps an SVG element for each node and edge, so that focus stays where it is while
// the graph changes, and moves a dragged node before the server has heard of it. What comes fades in,
// what goes fades out, and what is elsewhere glides there.

import { listen } from "./gestures.js";
import { drawMarks } from "./marks.js";
import { boxes, passes, route, turns } from "./routes.js";
import { arrow, clearPlace, element, halfHeight, halfWidth, label, within } from "./shapes.js";
import { leadsTo, sameEdge } from "./view.js";
import { createViewport, glide, isCalm } from "./viewport.js";

const fade = 240; // milliseconds

export function createCanvas(svg, actions) {
  const layer = (name) => svg.querySelector(`#${name}`);
  const rubber = layer("rubber");
  const nodes = new Map(); // id → <g>
  const edges = new Map(); // "from-to" → <g>
  const held = new Map(); // id → where the person put it, until the server knows
  const drawn = new Map(); // id → where it is drawn just now, maybe on its way
  const routes = new Map(); // "from-to" → the way of the edge
  const moved = new Set(); // those to call when the view or a node has moved
  let state;
  let places = new Map(); // id → the node, where it belongs
  let stop = () => {};

  const tellMoved = () => {
    document.getElementById("lost").hidden = places.size === 0 || viewport.sees([...places.values()]);
    moved.forEach((f) => f());
  };
  const viewport = createViewport(svg, (view) => {
    document.getElementById("scale").textContent = `${Math.round(view.k * 100)} %`;
    tellMoved();
  });

  const canvas = {
    viewport,
    moved,
    render(newState) {
      const isFirst = !state;
      state = newState;
      draw();
      if (isFirst) viewport.begin(extent());
    },
    node: (id) => nodes.get(id),
    edge: ({ from, to }) => edges.get(`${from}-${to}`),
    place: (id) => places.get(id),
    fit: (smallest) => viewport.fit(extent(), smallest),
    reveal: (id) => viewport.reveal(places.get(id)),
    // clear returns a place near a point that no other node covers.
    clear: (point, name, own, more = []) => clearPlace(point, name, [...places.values(), ...more].filter((n) => n.id !== own)),
    // hold shows a node elsewhere; without a place it goes back to where the server says.
    hold(id, at) {
      if (at) held.set(id, within(at));
      else held.delete(id);
      draw();
    },
    // stretch draws the line of an edge that is about to be made.
    stretch(from, point) {
      rubber.toggleAttribute("hidden", !point);
      const node = point && places.get(from);
      if (node) rubber.setAttribute("d", `M${node.x} ${node.y}L${point.x} ${point.y}`);
    },
    // glow marks for a moment what others changed.
    glow({ nodes: ids, edges: ends }) {
      for (const g of [...ids.map((id) => nodes.get(id)), ...ends.map(canvas.edge)]) {
        if (!g) continue;
        g.classList.remove("is-new");
        g.getBoundingClientRect(); // begins the animation anew
        g.classList.add("is-new");
        g.addEventListener("animationend", () => g.classList.remove("is-new"), { once: true });
      }
    },
  };
  listen(svg, canvas, actions, () => state);

  function draw() {
    const { shown, selected, marked } = state;
    stop();
    svg.classList.toggle("is-past", state.isPast);
    svg.classList.toggle("is-connecting", state.connecting !== undefined);
    places = new Map(shown.nodes.map((n) => [n.id, { ...n, ...(state.isPast ? {} : held.get(n.id)) }]));
    const leads = leadsTo(shown);
    sync(layer("nodes"), nodes, places, newNode, (g, n) => {
      updateNode(g, n, leads.get(n.id), state);
      g.classList.toggle("is-selected", selected?.node === n.id);
      g.classList.toggle("is-changed", Boolean(marked?.nodes.includes(n.id)));
    });
    const arrows = new Map(shown.edges.map((e) => [`${e.from}-${e.to}`, e]));
    const all = boxes([...places.values()]);
    const old = new Map(routes);
    routes.clear();
    sync(layer("edges"), edges, arrows, newEdge, (g, e) => {
      const [from, to] = [places.get(e.from), places.get(e.to)];
      const key = `${e.from}-${e.to}`;
      // Beside what a hand holds, an edge keeps its way unless it has to give way.
      const isAside = held.size > 0 && old.has(key) && !held.has(e.from) && !held.has(e.to);
      const stays = isAside && passes(from, to, old.get(key), all.filter((b) => held.has(b.id)));
      routes.set(key, stays ? old.get(key) : route(from, to, all, arrows.has(`${e.to}-${e.from}`)));
      g.setAttribute("aria-label", `Edge from ${from.name} to ${to.name}`);
      g.classList.toggle("is-selected", sameEdge(selected?.edge, e));
      g.classList.toggle("is-changed", Boolean(marked?.edges.some((m) => sameEdge(m, e))));
    });
    bringForward(selected?.node);
    drawMarks(layer("marks"), marked, (from, to) => route(from, to, all, arrows.has(`${to.id}-${from.id}`)));
    arrive();
  }

  // bringForward shows a node once more, above all others.
  function bringForward(id) {
    const href = `#node-${id}`;
    if (layer("front").firstChild?.getAttribute("href") === href) return;
    layer("front").replaceChildren(...(id ? [element("use", { href })] : []));
  }

  // extent is what the graph takes up, with its edges.
  function extent() {
    const points = [...edges].flatMap(([key, { dataset }]) => turns(places.get(Number(dataset.from)), places.get(Number(dataset.to)), routes.get(key)));
    return [...boxes([...places.values()]), ...points.map(({ x, y }) => ({ left: x, right: x, top: y, bottom: y }))];
  }

  // arrive brings every node to where it belongs: at once what a hand holds, gliding what others moved.
  function arrive() {
    const from = new Map();
    for (const id of drawn.keys()) if (!places.has(id)) drawn.delete(id);
    for (const [id, place] of places) {
      const at = drawn.get(id);
      if (at && !held.has(id) && (at.x !== place.x || at.y !== place.y)) from.set(id, at);
      else drawn.set(id, place);
    }
    const step = (t) => {
      for (const [id, at] of from) {
        const to = places.get(id);
        drawn.set(id, { x: at.x + (to.x - at.x) * t, y: at.y + (to.y - at.y) * t });
      }
      paint();
    };
    if (from.size) stop = glide(fade, step);
    paint();
  }

  function paint() {
    const at = (id) => ({ ...places.get(id), ...drawn.get(id), id });
    for (const [id, g] of nodes) g.setAttribute("transform", `translate(${drawn.get(id).x} ${drawn.get(id).y})`);
    for (const [key, g] of edges) {
      const [from, to] = [at(Number(g.dataset.from)), at(Number(g.dataset.to))];
      const { line, head } = arrow(from, to, routes.get(key));
      g.querySelector(".reach").setAttribute("d", line);
      g.querySelector(".line").setAttribute("d", line);
      g.querySelector(".head").setAttribute("d", head);
    }
    tellMoved();
  }

  return canvas;
}

// sync makes a layer have one element for each item that is wanted, and keeps those that stay.
function sync(layer, kept, wanted, make, update) {
  for (const [key, g] of kept) {
    if (wanted.has(key)) continue;
    kept.delete(key);
    leave(g);
  }
  for (const [key, item] of wanted) {
    if (!kept.has(key)) {
      kept.set(key, make(item));
      layer.append(kept.get(key));
    }
    update(kept.get(key), item);
  }
}

// leave fades an element out. It is no node or edge any more, for nobody but the eye.
function leave(g) {
  if (g.contains(document.activeElement)) g.ownerSVGElement.focus({ preventScroll: true });
  if (isCalm() || document.hidden) return g.remove();
  g.setAttribute("class", `gone ${g.classList[0]}-gone`);
  g.setAttribute("aria-hidden", "true");
  for (const attribute of ["tabindex", "role", "aria-label", "id"]) g.removeAttribute(attribute);
  setTimeout(() => g.remove(), fade);
}

function newNode(n) {
  const port = element("g", { class: "port" }, element("circle", { class: "reach", r: 20 }),
    element("circle", { class: "knob", r: 11 }), element("path", { d: "M-4.5 0H4.5M0 -4.5V4.5" }));
  const g = element("g", { class: "node", id: `node-${n.id}`, tabindex: 0, role: "button" },
    element("title"), element("rect", { class: "body", height: 2 * halfHeight, y: -halfHeight, rx: halfHeight }),
    element("text", { dy: "0.35em" }), port);
  g.dataset.id = n.id;
  return g;
}

function updateNode(g, n, leads, state) {
  const half = halfWidth(n.name);
  g.dataset.at = `${n.x} ${n.y}`;
  g.querySelector("title").textContent = n.name;
  g.querySelector("text").textContent = label(n.name);
  const rect = g.querySelector("rect");
  rect.setAttribute("x", -half);
  rect.setAttribute("width", 2 * half);
  g.querySelector(".port").setAttribute("transform", `translate(${half + 3} 0)`);
  g.setAttribute("aria-label",
    `${n.name}, ${n.x} across, ${n.y} down, ${leads.length ? `leads to ${leads.join(", ")}` : "leads nowhere"}`);
  g.classList.toggle("is-source", state.connecting === n.id);
  g.classList.toggle("is-past", state.isPast);
}

function newEdge(e) {
  const g = element("g", { class: "edge", tabindex: 0, role: "button" },
    element("path", { class: "reach" }), element("path", { class: "line" }), element("path", { class: "head" }));
  g.dataset.from = e.from;
  g.dataset.to = e.to;
  return g;
}
