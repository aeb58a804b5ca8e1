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

// control is the point that pulls an edge's curve aside, so that its middle is `bend` away from
// the straight line.
function control(from, to, bend) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy) || 1;
  return { x: (from.x + to.x) / 2 - (dy / length) * bend * 2, y: (from.y + to.y) / 2 + (dx / length) * bend * 2 };
}

// arrow returns the path of an edge and of its head. Both ends lie on the borders of the nodes.
export function arrow(from, to, bend) {
  const pull = control(from, to, bend);
  const start = border(from, pull, 2);
  const tip = border(to, pull, 4);
  const angle = Math.atan2(tip.y - pull.y, tip.x - pull.x);
  const corner = (turn) => `${tip.x - 13 * Math.cos(angle + turn)} ${tip.y - 13 * Math.sin(angle + turn)}`;
  const neck = { x: tip.x - 9 * Math.cos(angle), y: tip.y - 9 * Math.sin(angle) };
  return {
    line: `M${start.x} ${start.y}Q${pull.x} ${pull.y} ${neck.x} ${neck.y}`,
    head: `M${tip.x} ${tip.y}L${corner(0.44)}L${neck.x} ${neck.y}L${corner(-0.44)}Z`,
  };
}

const margin = 8; // what an edge keeps between itself and a node that it passes
const detours = [0, 44, -44, 76, -76, 120, -120, 170, -170, 230, -230, 300, -300];

// bend returns how far an edge bends so that it passes the nodes that it does not end at: as little as
// possible. Two edges between the same two nodes begin a little apart.
export function bend(from, to, others, isDouble) {
  const base = isDouble ? Math.min(36, Math.hypot(to.x - from.x, to.y - from.y) / 5) : 0;
  let best = base;
  let fewest = Infinity;
  for (const detour of detours) {
    const hits = crossed(from, to, base + detour, others, fewest);
    if (hits < fewest) [best, fewest] = [base + detour, hits];
    if (hits === 0) break;
  }
  return best;
}

// crossed counts the nodes that a curve runs through, up to a number that is too many.
function crossed(from, to, by, others, most) {
  const pull = control(from, to, by);
  const left = Math.min(from.x, to.x, pull.x);
  const right = Math.max(from.x, to.x, pull.x);
  const top = Math.min(from.y, to.y, pull.y);
  const bottom = Math.max(from.y, to.y, pull.y);
  let hits = 0;
  for (const node of others) {
    if (node.id === from.id || node.id === to.id) continue;
    const w = halfWidth(node.name) + margin;
    const h = halfHeight + margin;
    if (node.x + w < left || node.x - w > right || node.y + h < top || node.y - h > bottom) continue;
    if (meets(from, pull, to, node, w, h) && ++hits >= most) return hits;
  }
  return hits;
}

// meets reports whether a curve comes into a box around a node.
function meets(from, pull, to, node, w, h) {
  const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 12) + 4;
  for (let i = 1; i < steps; i++) {
    const t = i / steps;
    const a = (1 - t) * (1 - t);
    const b = 2 * t * (1 - t);
    const c = t * t;
    const x = a * from.x + b * pull.x + c * to.x;
    const y = a * from.y + b * pull.y + c * to.y;
    if (Math.abs(x - node.x) < w && Math.abs(y - node.y) < h) return true;
  }
  return false;
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
