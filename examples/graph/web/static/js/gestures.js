// What hands do on the canvas, with a mouse, one or two fingers or a keyboard, as wishes: select, move, connect,
// add, rename, remove, and look around. In the past one can select and look around.

import { grid, onGrid } from "./shapes.js";

export function listen(svg, canvas, actions, state) {
  const { viewport } = canvas;
  const fingers = new Map(); // pointer → where it is
  let drag; // {id, dx, dy, moved}: a node under the pointer
  let cast; // {from}: an edge that is being pulled out of a node
  let pan; //  {x, y, moved}: the paper under the pointer

  const nodeAt = (target) => {
    const id = target?.closest?.(".node")?.dataset.id;
    return id === undefined ? undefined : Number(id);
  };
  const edgeAt = (target) => {
    const edge = target?.closest?.(".edge");
    return edge && { from: Number(edge.dataset.from), to: Number(edge.dataset.to) };
  };
  // A finger is not as steady as a mouse.
  const isFar = (e, at) => Math.hypot(e.clientX - at.x, e.clientY - at.y) > (e.pointerType === "touch" ? 9 : 4);
  const letGo = () => {
    if (drag) canvas.hold(drag.id);
    if (cast) actions.connectFrom(undefined);
    drag = cast = pan = undefined;
  };

  svg.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (fingers.size > 1) return letGo(); // a second finger: it is the view that is meant
    const id = nodeAt(e.target);
    const { isPast, connecting } = state();
    if (id === undefined) {
      const edge = edgeAt(e.target);
      if (edge) actions.select({ edge });
      else pan = { x: e.clientX, y: e.clientY, moved: false };
      svg.setPointerCapture(e.pointerId);
    } else if (!isPast && e.target.closest(".port")) {
      cast = { from: id };
      svg.setPointerCapture(e.pointerId);
      actions.connectFrom(id);
    } else if (!isPast && connecting !== undefined) {
      actions.connectTo(id);
    } else {
      actions.select({ node: id });
      svg.setPointerCapture(e.pointerId);
      if (isPast) return;
      const at = viewport.point(e);
      const node = canvas.place(id);
      drag = { id, dx: node.x - at.x, dy: node.y - at.y, x: e.clientX, y: e.clientY, moved: false };
    }
  });

  svg.addEventListener("pointermove", (e) => {
    const before = fingers.get(e.pointerId);
    if (fingers.size === 2 && before) return pinch(e, before);
    if (before) fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (pan && before) {
      pan.moved ||= isFar(e, pan);
      if (pan.moved) viewport.pan(e.clientX - before.x, e.clientY - before.y);
    }
    if (drag) {
      drag.moved ||= isFar(e, drag);
      const at = viewport.point(e);
      if (drag.moved) canvas.hold(drag.id, onGrid({ x: at.x + drag.dx, y: at.y + drag.dy }));
    }
    const from = cast?.from ?? state().connecting;
    canvas.stretch(from, typeof from === "number" ? viewport.point(e) : undefined);
  });

  // pinch keeps what is between two fingers between them.
  function pinch(e, before) {
    const after = { x: e.clientX, y: e.clientY };
    const [, other] = [...fingers].find(([id]) => id !== e.pointerId);
    const box = svg.getBoundingClientRect();
    const apart = (p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
    fingers.set(e.pointerId, after);
    viewport.pan((after.x - before.x) / 2, (after.y - before.y) / 2);
    viewport.zoom(apart(after) / apart(before), { x: (after.x + other.x) / 2 - box.left, y: (after.y + other.y) / 2 - box.top });
  }

  // lift forgets a finger, wherever it was lifted. The one that stays goes on moving the paper.
  const lift = (e) => {
    const wasPinch = fingers.size === 2 && fingers.delete(e.pointerId);
    fingers.delete(e.pointerId);
    if (wasPinch) pan = { ...[...fingers.values()][0], moved: true };
  };
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, lift);

  svg.addEventListener("pointerup", (e) => {
    if (fingers.size > 1) return;
    if (drag?.moved) {
      const node = canvas.place(drag.id);
      const { x, y } = canvas.clear(node, node.name, drag.id);
      canvas.hold(drag.id, { x, y });
      actions.move(drag.id, x, y);
    }
    if (cast) {
      // Let go over another node: connected. Over its own port: it was a click, the other end comes next.
      const over = nodeAt(document.elementFromPoint(e.clientX, e.clientY));
      if (over !== undefined && over !== cast.from) actions.connectTo(over);
      else if (over === undefined) actions.connectFrom(undefined);
    }
    if (pan && !pan.moved) {
      actions.select(undefined);
      actions.connectFrom(undefined);
    }
    drag = cast = pan = undefined;
  });
  svg.addEventListener("pointercancel", letGo);

  // Two fingers on a trackpad move the paper, or pinch it, which browsers tell as a wheel with Ctrl.
  svg.addEventListener("wheel", (e) => {
    e.preventDefault();
    const unit = e.deltaMode === 1 ? 16 : 1; // lines or pixels
    if (e.ctrlKey || e.metaKey) viewport.zoom(Math.exp(-e.deltaY * unit * 0.0025), { x: e.offsetX, y: e.offsetY });
    else if (e.shiftKey && !e.deltaX) viewport.pan(-e.deltaY * unit, 0);
    else viewport.pan(-e.deltaX * unit, -e.deltaY * unit);
  }, { passive: false });

  svg.addEventListener("dblclick", (e) => {
    if (state().isPast) return;
    const under = document.elementFromPoint(e.clientX, e.clientY); // the target is whoever had captured the pointer
    const id = nodeAt(under);
    if (id !== undefined) actions.rename(id);
    else if (!edgeAt(under)) actions.add(viewport.point(e));
  });

  svg.addEventListener("focusin", (e) => {
    const node = nodeAt(e.target);
    if (node !== undefined) actions.select({ node });
    else if (edgeAt(e.target)) actions.select({ edge: edgeAt(e.target) });
    if (node !== undefined && !fingers.size) canvas.reveal(node);
  });

  svg.addEventListener("keydown", (e) => {
    const { isPast, selected, connecting } = state();
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const id = nodeAt(e.target);
    const key = e.target === svg ? looking[e.key] ?? (isPast ? undefined : drawing[e.key.toLowerCase()]) : undefined;
    const wish = key ?? (isPast ? undefined : keys[e.key]);
    if (wish) {
      e.preventDefault();
      wish({ actions, canvas, svg, id, connecting, selected, step: e.shiftKey ? 1 : grid });
    } else if (id !== undefined && !isPast && connecting === undefined && /^\S$/u.test(e.key)) {
      // On a node, letters are its name, as in the cells of a spreadsheet.
      e.preventDefault();
      actions.rename(id, e.key);
    }
  });
}

const push = (dx, dy) => ({ actions, canvas, id, step }) => {
  if (id === undefined) return;
  const { x, y } = canvas.place(id);
  actions.nudge(id, x + dx * step, y + dy * step);
};

const enter = ({ actions, id, connecting }) => {
  if (id === undefined) return;
  if (connecting !== undefined) actions.connectTo(id);
  else actions.rename(id);
};

// On a node or an edge.
const keys = {
  ArrowLeft: push(-1, 0),
  ArrowRight: push(1, 0),
  ArrowUp: push(0, -1),
  ArrowDown: push(0, 1),
  Enter: enter,
  F2: enter,
  " ": enter,
  Delete: ({ actions }) => actions.remove(),
  Backspace: ({ actions }) => actions.remove(),
  Escape: ({ actions, connecting, svg }) => (connecting === undefined ? svg.focus({ preventScroll: true }) : actions.connectFrom(undefined)),
};

// On the canvas itself, also in the past.
const look = (dx, dy) => ({ canvas }) => canvas.viewport.panSoftly(dx * 80, dy * 80);
const looking = {
  ArrowLeft: look(1, 0),
  ArrowRight: look(-1, 0),
  ArrowUp: look(0, 1),
  ArrowDown: look(0, -1),
  "+": ({ canvas }) => canvas.viewport.zoomSoftly(1.25),
  "=": ({ canvas }) => canvas.viewport.zoomSoftly(1.25),
  "-": ({ canvas }) => canvas.viewport.zoomSoftly(0.8),
  "0": ({ canvas }) => canvas.fit(),
};

// On the canvas itself, in the present.
const drawing = {
  n: ({ actions }) => actions.add(),
  c: ({ actions, selected }) => actions.connectFrom(selected?.node ?? null),
  t: ({ actions }) => actions.tidy(),
};
