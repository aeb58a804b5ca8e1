// What an event changed, drawn over the graph as it was then: an outline where something went, and the way that a
// node came. What is still there is marked by its own element.

import { arrow, element, halfHeight, halfWidth, label } from "./shapes.js";

// way returns the route of an edge that is not there any more.
export function drawMarks(layer, marked, way) {
  const marks = [];
  if (marked?.trail) {
    const { from, to } = marked.trail;
    marks.push(element("path", { class: "trail", d: `M${from.x} ${from.y}L${to.x} ${to.y}` }), element("circle", { class: "origin", cx: from.x, cy: from.y, r: 4 }));
  }
  for (const { x, y, name } of marked?.gone.nodes ?? []) {
    const half = halfWidth(name);
    const text = element("text", { dy: "0.35em" });
    text.textContent = label(name);
    marks.push(element("g", { class: "was", transform: `translate(${x} ${y})` },
      element("rect", { x: -half, y: -halfHeight, width: 2 * half, height: 2 * halfHeight, rx: halfHeight }), text));
  }
  for (const { from, to } of marked?.gone.edges ?? []) {
    const { line, head } = arrow(from, to, way(from, to));
    marks.push(element("g", { class: "was" }, element("path", { d: line }), element("path", { d: head })));
  }
  layer.replaceChildren(...marks);
}
