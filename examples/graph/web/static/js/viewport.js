// Which part of the canvas is seen, and how large: pan, zoom, fit. The page's layout never changes with it.

import { halfHeight, halfWidth, reach } from "./shapes.js";

const least = 0.08;
const most = 3;
const readable = 0.8; // below it the names are too small to read at arm's length
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// glide calls step with 0 to 1 for a moment, and at once with 1 where somebody wants no motion. It returns
// how to end it early. While something moves, the document says so.
const moving = new Set();
export function glide(milliseconds, step) {
  if (isCalm() || document.hidden) {
    step(1);
    return () => {};
  }
  const began = performance.now();
  const me = {};
  const stop = () => {
    moving.delete(me);
    document.documentElement.toggleAttribute("data-moving", moving.size > 0);
  };
  const frame = (now) => {
    if (!moving.has(me)) return;
    const t = clamp((now - began) / milliseconds, 0, 1);
    step(1 - (1 - t) ** 3);
    if (t < 1) requestAnimationFrame(frame);
    else stop();
  };
  moving.add(me);
  document.documentElement.toggleAttribute("data-moving", true);
  requestAnimationFrame(frame);
  return stop;
}

export function createViewport(svg, changed) {
  const world = svg.querySelector("#world");
  const dots = svg.querySelector("#dots");
  let view = { x: 0, y: 0, k: 1 }; // a point of the canvas is at x + k·px, y + k·py of the window
  let size = { width: svg.clientWidth, height: svg.clientHeight };
  let goal = view; // where a glide ends; what comes in between goes on from there
  let stop = () => {};

  const bounded = (next) => {
    const k = clamp(next.k, least, most);
    return {
      k,
      x: clamp(next.x, size.width / 2 - reach.x * k, size.width / 2 + reach.x * k),
      y: clamp(next.y, size.height / 2 - reach.y * k, size.height / 2 + reach.y * k),
    };
  };
  const apply = (next) => {
    view = bounded(next);
    const text = `translate(${view.x} ${view.y}) scale(${view.k})`;
    world.setAttribute("transform", text);
    dots.setAttribute("patternTransform", `translate(${view.x} ${view.y}) scale(${view.k < 0.5 ? view.k * 5 : view.k})`);
    changed(view);
  };
  const now = (next) => {
    stop();
    apply(next);
    goal = view;
  };
  const to = (next) => {
    stop();
    const from = view;
    const end = goal = bounded(next);
    stop = glide(220, (t) => apply({ x: from.x + (end.x - from.x) * t, y: from.y + (end.y - from.y) * t, k: from.k * (end.k / from.k) ** t }));
  };
  const zoomed = (from, factor, at) => {
    const k = clamp(from.k * factor, least, most);
    return { k, x: at.x - (at.x - from.x) * (k / from.k), y: at.y - (at.y - from.y) * (k / from.k) };
  };
  const middle = () => ({ x: size.width / 2, y: size.height / 2 });

  // frame is the view of some boxes: as a whole, or as much of them as is not too small.
  const frame = (boxes, smallest) => {
    if (boxes.length === 0) return { x: 0, y: 0, k: 1 };
    const left = Math.min(...boxes.map((b) => b.left));
    const right = Math.max(...boxes.map((b) => b.right));
    const top = Math.min(...boxes.map((b) => b.top));
    const bottom = Math.max(...boxes.map((b) => b.bottom));
    const edge = Math.min(32, size.width / 24);
    const fits = Math.min((size.width - 2 * edge) / (right - left), (size.height - 2 * edge) / (bottom - top));
    const k = clamp(fits, Math.max(least, smallest), 1);
    const x = fits < k && right - left > (size.width - 2 * edge) / k ? edge - left * k : size.width / 2 - ((left + right) / 2) * k;
    const y = fits < k && bottom - top > (size.height - 2 * edge) / k ? edge - top * k : size.height / 2 - ((top + bottom) / 2) * k;
    return { k, x, y };
  };

  new ResizeObserver(() => {
    const next = { width: svg.clientWidth, height: svg.clientHeight };
    if (!next.width || (next.width === size.width && next.height === size.height)) return;
    const shift = { x: (next.width - size.width) / 2, y: (next.height - size.height) / 2 };
    size = next;
    now({ ...goal, x: goal.x + shift.x, y: goal.y + shift.y });
  }).observe(svg);

  return {
    begin: (boxes) => now(frame(boxes, readable)),
    fit: (boxes, smallest = least) => to(frame(boxes, smallest)),
    pan: (dx, dy) => now({ ...view, x: view.x + dx, y: view.y + dy }),
    panSoftly: (dx, dy) => to({ ...goal, x: goal.x + dx, y: goal.y + dy }),
    zoom: (factor, at) => now(zoomed(view, factor, at)),
    zoomSoftly: (factor) => to(zoomed(goal, factor, middle())),
    // reveal brings a node into view, if it is not.
    reveal(node) {
      const w = Math.min(halfWidth(node.name) * goal.k + 24, size.width / 2);
      const h = Math.min(halfHeight * goal.k + 24, size.height / 2);
      const x = goal.x + node.x * goal.k;
      const y = goal.y + node.y * goal.k;
      const dx = clamp(x, w, size.width - w) - x;
      const dy = clamp(y, h, size.height - h) - y;
      if (dx || dy) to({ ...goal, x: goal.x + dx, y: goal.y + dy });
    },
    // sees reports whether any of some nodes is in sight, if only in part.
    sees: (nodes) => nodes.some(({ x, y, name }) =>
      Math.abs(view.x + x * view.k - size.width / 2) < size.width / 2 + halfWidth(name) * view.k &&
      Math.abs(view.y + y * view.k - size.height / 2) < size.height / 2 + halfHeight * view.k),
    // point is the place on the canvas that is at a place of the window.
    point(e) {
      const box = svg.getBoundingClientRect();
      return { x: (e.clientX - box.left - view.x) / view.k, y: (e.clientY - box.top - view.y) / view.k };
    },
    // box is where a node is in the window.
    box({ x, y, name }) {
      const box = svg.getBoundingClientRect();
      const w = halfWidth(name) * view.k;
      const h = halfHeight * view.k;
      return { left: box.left + view.x + x * view.k - w, top: box.top + view.y + y * view.k - h, width: 2 * w, height: 2 * h };
    },
    middle: () => ({ x: (size.width / 2 - view.x) / view.k, y: (size.height / 2 - view.y) / view.k }),
  };
}
