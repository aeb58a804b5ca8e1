import { Graph, layout } from "../vendor/dagre.esm.js";

const gap = 40; // between parts that do not hang together

onmessage = ({ data }) => postMessage(pack(parts(data).map((part) => lay(part, data.shape)), data.shape));

// parts splits a graph into what hangs together, the largest first.
function parts({ nodes, edges }) {
  const near = new Map(nodes.map((n) => [n.id, []]));
  for (const { from, to } of edges) {
    near.get(from).push(to);
    near.get(to).push(from);
  }
  const part = new Map(); // id → number of its part
  const found = [];
  for (const { id } of nodes) {
    if (part.has(id)) continue;
    const ids = [id];
    part.set(id, found.length);
    for (const at of ids) {
      for (const next of near.get(at)) {
        if (!part.has(next)) {
          part.set(next, found.length);
          ids.push(next);
        }
      }
    }
    found.push({ nodes: [], edges: [] });
  }
  for (const n of nodes) found[part.get(n.id)].nodes.push(n);
  for (const e of edges) found[part.get(e.from)].edges.push(e);
  return found.sort((a, b) => b.nodes.length - a.nodes.length);
}

// lay places the nodes of one part, in the direction that suits the window.
function lay({ nodes, edges }, shape) {
  const far = (direction) => {
    const g = new Graph().setGraph({ rankdir: direction, nodesep: 30, ranksep: direction === "LR" ? 70 : 60, ranker: nodes.length > 150 ? "longest-path" : "network-simplex" });
    g.setDefaultEdgeLabel(() => ({}));
    for (const { id, width, height } of nodes) g.setNode(String(id), { width, height });
    for (const { from, to } of edges) g.setEdge(String(from), String(to));
    layout(g);
    const { width, height } = g.graph();
    const places = nodes.map(({ id }) => ({ id, x: g.node(String(id)).x, y: g.node(String(id)).y }));
    return { width, height, places, off: Math.abs(Math.log(width / height / shape)) };
  };
  if (nodes.length === 1) return { ...nodes[0], places: [{ id: nodes[0].id, x: nodes[0].width / 2, y: nodes[0].height / 2 }] };
  const [across, down] = [far("LR"), far("TB")];
  return across.off <= down.off ? across : down;
}

// pack puts the parts into rows, as wide as makes the whole about the shape that is wanted.
function pack(boxes, shape) {
  const area = boxes.reduce((sum, b) => sum + (b.width + gap) * (b.height + gap), 0);
  const wide = Math.max(Math.sqrt(area * shape) * 1.1, ...boxes.map((b) => b.width));
  const places = [];
  let x = 0;
  let y = 0;
  let high = 0;
  for (const box of boxes) {
    if (x > 0 && x + box.width > wide) {
      y += high + gap;
      x = high = 0;
    }
    for (const p of box.places) places.push({ id: p.id, x: p.x + x, y: p.y + y });
    x += box.width + gap;
    high = Math.max(high, box.height);
  }
  return places;
}
