// "Tidy up": where the nodes of a graph would best lie. dagre lays out what hangs together, in layers along the
// arrows; the parts are put side by side. It is worked out beside the page, which goes on answering.

import { halfHeight, halfWidth, onGrid } from "./shapes.js";

let worker;

// tidied returns a place for each node that is not there yet. The drawing keeps its middle.
export async function tidied({ nodes, edges }, shape) {
  worker ??= new Worker("/static/js/tidy-worker.js", { type: "module" });
  const asked = {
    shape, // width to height of what it is to fill
    nodes: nodes.map((n) => ({ id: n.id, width: 2 * halfWidth(n.name), height: 2 * halfHeight })),
    edges,
  };
  const laid = await new Promise((resolve, reject) => {
    worker.onmessage = (e) => resolve(e.data);
    worker.onerror = () => {
      worker = undefined;
      reject(new Error("The layout could not be worked out."));
    };
    worker.postMessage(asked);
  });
  const middle = (all, key) => (Math.min(...all.map((n) => n[key])) + Math.max(...all.map((n) => n[key]))) / 2;
  const shift = Object.fromEntries(["x", "y"].map((key) => [key, middle(nodes, key) - middle(laid, key)]));
  return laid.map(({ id, x, y }) => ({ id, ...onGrid({ x: x + shift.x, y: y + shift.y }) }));
}
