// How nodes and edges look, in the canvas' own units: geometry, and nothing that knows of events.

const SVG = "http://www.w3.org/2000/svg";
export const halfHeight = 20;

// element makes an SVG element.
export function element(name, attributes = {}, ...children) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...children);
  return e;
}

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map(); // half of a node's, by its name
const longest = 26; // characters of a name that are shown

// label is the part of a name that a node shows.
export function label(name) {
  const characters = [...name];
  return characters.length <= longest ? name : characters.slice(0, longest - 1).join("") + "…";
}

// halfWidth is that of the node with a name.
export function halfWidth(name) {
  if (!widths.has(name)) {
    pen.font = `600 16px ${getComputedStyle(document.body).fontFamily}`;
    widths.set(name, Math.max(34, Math.ceil(pen.measureText(label(name)).width / 2) + 20));
  }
  return widths.get(name);
}

// border is where a line from the middle of a node towards a point leaves it.
function border(node, towards, gap) {
  const dx = towards.x - node.x;
  const dy = towards.y - node.y;
  const length = Math.hypot(dx, dy) || 1;
  const w = halfWidth(node.name) - halfHeight; // the straight part of a pill
  const cross = Math.abs(dy) > 0 ? halfHeight / Math.abs(dy) : Infinity;
  if (Math.abs(dx) * cross <= w) {
    const t = cross + gap / length;
    return { x: node.x + dx * t, y: node.y + dy * t };
  }
  // It leaves through one of the round ends, a circle around (±w, 0).
  const a = length * length;
  const b = Math.abs(dx) * w;
  const t = (b + Math.sqrt(b * b - a * (w * w - halfHeight * halfHeight))) / a + gap / length;
  return { x: node.x + dx * t, y: node.y + dy * t };
}

// control is the point that pulls an edge's curve aside by a bend.
function control(from, to, bend) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy) || 1;
  return { x: (from.x + to.x) / 2 - (dy / length) * bend * 2, y: (from.y + to.y) / 2 + (dx / length) * bend * 2 };
}

// ends returns what an edge is drawn along: from the border of one node, past a point that pulls it, to that of
// the other.
export function ends(from, to, bend) {
  const pull = control(from, to, bend);
  return { start: border(from, pull, 2), pull, tip: border(to, pull, 4) };
}

const turn = 16; // how far from a corner an edge begins to turn

// arrow returns the path of an edge and of its head. Both ends lie on the borders of the nodes. A route is a
// bend, or the corners that the edge goes around.
export function arrow(from, to, { bend = 0, corners = [] }) {
  let { start, pull, tip } = ends(from, to, bend);
  if (corners.length) {
    start = border(from, corners[0], 2);
    pull = corners.at(-1);
    tip = border(to, pull, 4);
  }
  const angle = Math.atan2(tip.y - pull.y, tip.x - pull.x);
  const corner = (by) => `${tip.x - 13 * Math.cos(angle + by)} ${tip.y - 13 * Math.sin(angle + by)}`;
  const neck = { x: tip.x - 9 * Math.cos(angle), y: tip.y - 9 * Math.sin(angle) };
  const line = corners.length ? around([start, ...corners, neck]) : `Q${pull.x} ${pull.y} ${neck.x} ${neck.y}`;
  return {
    line: `M${start.x} ${start.y}${line}`,
    head: `M${tip.x} ${tip.y}L${corner(0.44)}L${neck.x} ${neck.y}L${corner(-0.44)}Z`,
  };
}

// around is a path along some points that turns softly at each.
function around(points) {
  const towards = (a, b) => {
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const t = Math.min(turn, length / 2) / length;
    return `${a.x + (b.x - a.x) * t} ${a.y + (b.y - a.y) * t}`;
  };
  const turns = points.slice(1, -1).map((p, i) => `L${towards(p, points[i])}Q${p.x} ${p.y} ${towards(p, points[i + 2])}`);
  return `${turns.join("")}L${points.at(-1).x} ${points.at(-1).y}`;
}

// clearPlace returns the place nearest to a point where a node covers no other.
export function clearPlace(point, name, others) {
  const half = halfWidth(name);
  const isFree = ({ x, y }) => others.every((n) =>
    Math.abs(n.x - x) >= half + halfWidth(n.name) + 10 || Math.abs(n.y - y) >= 2 * halfHeight + 10);
  const here = onGrid(point);
  if (isFree(here)) return here;
  for (let radius = 20; radius < 3000; radius += 20) {
    const steps = Math.max(8, Math.round(radius / 10));
    for (let i = 0; i < steps; i++) {
      const turn = (2 * Math.PI * i) / steps;
      const place = onGrid({ x: point.x + radius * Math.cos(turn), y: point.y + radius * Math.sin(turn) });
      if (isFree(place)) return place;
    }
  }
  return here;
}

// The canvas reaches as far to each side; what a hand puts down lies on a grid.
export const reach = { x: 6000, y: 4000 };
export const grid = 10;
export const within = ({ x, y }) => ({ x: Math.min(Math.max(x, -reach.x), reach.x), y: Math.min(Math.max(y, -reach.y), reach.y) });
export const onGrid = ({ x, y }) => within({ x: Math.round(x / grid) * grid, y: Math.round(y / grid) * grid });
