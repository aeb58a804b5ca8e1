// The way of an edge past the nodes that it does not end at: a curve, if one gets by, or else a line around corners.

import { ends, halfHeight, halfWidth } from "./shapes.js";

const margin = 8; // what an edge keeps between itself and a node that it passes
const detours = [0, 44, -44, 76, -76, 120, -120, 170, -170, 230, -230, 300, -300];

// boxes are what edges keep out of: the nodes and a margin.
export function boxes(nodes) {
  return nodes.map(({ id, x, y, name }) => {
    const w = halfWidth(name) + margin;
    const h = halfHeight + margin;
    return { id, left: x - w, right: x + w, top: y - h, bottom: y + h };
  });
}

// route returns how an edge passes all boxes but those at its ends: {bend}, as little as possible, or {corners}. Two
// edges between the same two nodes begin a little apart.
export function route(from, to, all, isDouble) {
  const others = all.filter((b) => b.id !== from.id && b.id !== to.id);
  const base = isDouble ? Math.min(36, Math.hypot(to.x - from.x, to.y - from.y) / 5) : 0;
  let best = base;
  let fewest = Infinity;
  for (const detour of detours) {
    const hits = crossed(from, to, base + detour, others, fewest);
    if (hits < fewest) [best, fewest] = [base + detour, hits];
    if (hits === 0) return { bend: best };
  }
  const corners = wayAround(from, to, others);
  return corners?.length ? { corners } : { bend: best };
}

// passes reports whether a route meets none of some boxes.
export function passes(from, to, { bend, corners }, others) {
  if (!corners) return crossed(from, to, bend, others, 1) === 0;
  const points = [from, ...corners, to];
  return corners.every((corner, i) => !firstHit(points[i], corner, others)) && !firstHit(corners.at(-1), to, others);
}

// turns returns the points of a route that are farthest from the straight line.
export function turns(from, to, { bend, corners }) {
  if (corners) return corners;
  const { start, pull, tip } = ends(from, to, bend);
  return [{ x: (start.x + 2 * pull.x + tip.x) / 4, y: (start.y + 2 * pull.y + tip.y) / 4 }];
}

// crossed counts the boxes that a curve runs through, up to a number that is too many.
function crossed(from, to, bend, others, most) {
  const { start, pull, tip } = ends(from, to, bend);
  const left = Math.min(start.x, tip.x, pull.x);
  const right = Math.max(start.x, tip.x, pull.x);
  const top = Math.min(start.y, tip.y, pull.y);
  const bottom = Math.max(start.y, tip.y, pull.y);
  let hits = 0;
  for (const box of others) {
    if (box.right < left || box.left > right || box.bottom < top || box.top > bottom) continue;
    if (meets(start, pull, tip, box) && ++hits >= most) return hits;
  }
  return hits;
}

// meets reports whether a curve comes into a box.
function meets(start, pull, tip, box) {
  const steps = Math.ceil(Math.hypot(tip.x - start.x, tip.y - start.y) / 12) + 4;
  for (let i = 0; i <= steps; i++) {
    const t = i / steps;
    const a = (1 - t) * (1 - t);
    const b = 2 * t * (1 - t);
    const c = t * t;
    const x = a * start.x + b * pull.x + c * tip.x;
    const y = a * start.y + b * pull.y + c * tip.y;
    if (x > box.left && x < box.right && y > box.top && y < box.bottom) return true;
  }
  return false;
}

const patience = 80; // corners that are looked at before an edge gives up

// wayAround returns the corners of a short way that meets no box, or undefined. It goes straight until a box is in the
// way, then by way of that one's corners, and follows first what looks shortest.
function wayAround(from, to, others) {
  const far = (a, b) => Math.hypot(b.x - a.x, b.y - a.y);
  const seen = new Map(); // corner → how far it is to there
  const open = [{ at: from, went: 0, total: far(from, to), corners: [] }];
  for (let i = 0; i < patience && open.length; i++) {
    const next = open.reduce((a, b) => (b.total < a.total ? b : a));
    open.splice(open.indexOf(next), 1);
    const wall = firstHit(next.at, to, others);
    if (!wall) return next.corners;
    for (const corner of reachable(next.at, wall, others)) {
      const went = next.went + far(next.at, corner);
      const key = `${corner.x} ${corner.y}`;
      if (went >= (seen.get(key) ?? Infinity)) continue;
      seen.set(key, went);
      open.push({ at: corner, went, total: went + far(corner, to), corners: [...next.corners, corner] });
    }
  }
  return undefined;
}

// reachable returns corners around a box, and around what hides them.
function reachable(at, box, others, isHidden) {
  return cornersOf(box).flatMap((corner) => {
    if (corner.x === at.x && corner.y === at.y) return [];
    const wall = firstHit(at, corner, others);
    if (!wall) return others.some((b) => isIn(corner, b)) ? [] : [corner];
    return isHidden || wall === box ? [] : reachable(at, wall, others, true);
  });
}

const cornersOf = ({ left, right, top, bottom }) =>
  [{ x: left, y: top }, { x: right, y: top }, { x: right, y: bottom }, { x: left, y: bottom }];
const isIn = ({ x, y }, { left, right, top, bottom }) => x > left && x < right && y > top && y < bottom;

// firstHit returns the box that a straight line comes into first.
function firstHit(a, b, others) {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  let first;
  let soonest = 1;
  for (const box of others) {
    let enter = 0;
    let exit = 1;
    if (dx === 0 && (a.x <= box.left || a.x >= box.right)) continue;
    if (dy === 0 && (a.y <= box.top || a.y >= box.bottom)) continue;
    if (dx !== 0) {
      const [t, u] = [(box.left - a.x) / dx, (box.right - a.x) / dx];
      enter = Math.max(enter, Math.min(t, u));
      exit = Math.min(exit, Math.max(t, u));
    }
    if (dy !== 0) {
      const [t, u] = [(box.top - a.y) / dy, (box.bottom - a.y) / dy];
      enter = Math.max(enter, Math.min(t, u));
      exit = Math.min(exit, Math.max(t, u));
    }
    if (exit - enter > 1e-9 && enter < soonest) [first, soonest] = [box, enter];
  }
  return first;
}
