// What hands do on the canvas, with a mouse, a finger or a keyboard, as wishes: select, move, connect, add,
// rename, remove. In the past only select is left.

const width = 1200;
const height = 680;
const clamp = (v, most) => Math.min(Math.max(v, 0), most);
const grid = 10; // what a hand puts down lies on it; keys with Shift go in between
const snap = (v, most) => clamp(Math.round(v / grid) * grid, most);

export function listen(svg, canvas, actions, state) {
  let drag; // {id, dx, dy, moved}: a node under the pointer
  let cast; // {from}: an edge that is being pulled out of a node

  const point = (e) => {
    const p = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return { x: p.x, y: p.y };
  };
  const nodeAt = (target) => {
    const id = target?.closest?.(".node")?.dataset.id;
    return id === undefined ? undefined : Number(id);
  };
  const edgeAt = (target) => {
    const edge = target?.closest?.(".edge");
    return edge && { from: Number(edge.dataset.from), to: Number(edge.dataset.to) };
  };

  svg.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    const id = nodeAt(e.target);
    const { isPast, connecting } = state();
    if (id === undefined) {
      const edge = edgeAt(e.target);
      actions.select(edge && { edge });
      actions.connectFrom(undefined);
    } else if (!isPast && e.target.closest(".port")) {
      cast = { from: id };
      svg.setPointerCapture(e.pointerId);
      actions.connectFrom(id);
    } else if (!isPast && connecting !== undefined) {
      actions.connectTo(id);
    } else {
      actions.select({ node: id });
      if (isPast) return;
      const at = point(e);
      const node = canvas.place(id);
      drag = { id, dx: node.x - at.x, dy: node.y - at.y, x: e.clientX, y: e.clientY, moved: false };
      svg.setPointerCapture(e.pointerId);
    }
  });

  svg.addEventListener("pointermove", (e) => {
    if (drag) {
      drag.moved ||= Math.hypot(e.clientX - drag.x, e.clientY - drag.y) > 3;
      const at = point(e);
      if (drag.moved) canvas.hold(drag.id, { x: snap(at.x + drag.dx, width), y: snap(at.y + drag.dy, height) });
    }
    const from = cast?.from ?? state().connecting;
    canvas.stretch(from, typeof from === "number" ? point(e) : undefined);
  });

  svg.addEventListener("pointerup", (e) => {
    if (drag?.moved) {
      const { x, y } = canvas.place(drag.id);
      actions.move(drag.id, x, y);
    }
    if (cast) {
      // Let go over another node: connected. Over its own port: it was a click, the other end comes next.
      const over = nodeAt(document.elementFromPoint(e.clientX, e.clientY));
      if (over !== undefined && over !== cast.from) actions.connectTo(over);
      else if (over === undefined) actions.connectFrom(undefined);
    }
    drag = cast = undefined;
  });
  svg.addEventListener("pointercancel", () => {
    if (drag) canvas.hold(drag.id);
    drag = cast = undefined;
  });

  svg.addEventListener("dblclick", (e) => {
    if (state().isPast) return;
    const under = document.elementFromPoint(e.clientX, e.clientY); // the target is whoever had captured the pointer
    const id = nodeAt(under);
    if (id !== undefined) actions.rename(id);
    else if (!edgeAt(under)) actions.add({ x: snap(point(e).x, width), y: snap(point(e).y, height) });
  });

  svg.addEventListener("focusin", (e) => {
    const node = nodeAt(e.target);
    if (node !== undefined) actions.select({ node });
    else if (edgeAt(e.target)) actions.select({ edge: edgeAt(e.target) });
  });

  svg.addEventListener("keydown", (e) => {
    const { isPast, selected, connecting } = state();
    if (isPast || e.ctrlKey || e.metaKey || e.altKey) return;
    const id = selected?.node;
    const key = keys[e.key] ?? keys[e.key.toLowerCase()];
    if (!key) return;
    e.preventDefault();
    key({ actions, canvas, id, connecting, selected, step: e.shiftKey ? 1 : grid });
  });
}

const push = (dx, dy) => ({ actions, canvas, id, step }) => {
  if (id === undefined) return;
  const { x, y } = canvas.place(id);
  actions.nudge(id, clamp(x + dx * step, width), clamp(y + dy * step, height));
};

const enter = ({ actions, id, connecting }) => {
  if (id === undefined) return;
  if (connecting !== undefined) actions.connectTo(id);
  else actions.rename(id);
};

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
  Escape: ({ actions }) => actions.connectFrom(undefined),
  c: ({ actions, id }) => actions.connectFrom(id ?? null),
  n: ({ actions }) => actions.add(),
};
