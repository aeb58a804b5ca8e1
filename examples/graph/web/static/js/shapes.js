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
    widths.set(name, Math.max(34, pen.measureText(label(name)).width / 2 + 20));
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

// arrow returns the path of an edge and of its head. Two edges between the same two nodes bend apart.
export function arrow(from, to, bent) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy) || 1;
  const bend = bent ? Math.min(36, length / 5) : 0;
  const control = { x: (from.x + to.x) / 2 - (dy / length) * bend * 2, y: (from.y + to.y) / 2 + (dx / length) * bend * 2 };
  const start = border(from, control, 2);
  const tip = border(to, control, 4);
  const angle = Math.atan2(tip.y - control.y, tip.x - control.x);
  const corner = (turn) => `${tip.x - 13 * Math.cos(angle + turn)} ${tip.y - 13 * Math.sin(angle + turn)}`;
  const neck = { x: tip.x - 9 * Math.cos(angle), y: tip.y - 9 * Math.sin(angle) };
  return {
    line: `M${start.x} ${start.y}Q${control.x} ${control.y} ${neck.x} ${neck.y}`,
    head: `M${tip.x} ${tip.y}L${corner(0.44)}L${neck.x} ${neck.y}L${corner(-0.44)}Z`,
  };
}
