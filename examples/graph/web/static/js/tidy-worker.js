import { Graph, layout } from "../vendor/dagre.esm.js";

const apart = 24; // between nodes of one layer
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
    const g = new Graph().setGraph({ rankdir: direction, nodesep: apart, edgesep: 12, ranksep: direction === "LR" ? 70 : 60, ranker: nodes.length > 150 ? "longest-path" : "network-simplex" });
    g.setDefaultEdgeLabel(() => ({}));
    for (const { id, width, height } of nodes) g.setNode(String(id), { width, height });
    for (const { from, to } of edges) g.setEdge(String(from), String(to));
    layout(g);
    const placed = nodes.map(({ id, width, height }) => ({ id, width, height, x: g.node(String(id)).x, y: g.node(String(id)).y }));
    if (direction === "LR") squeeze(placed, "x", "y", "height");
    else squeeze(placed, "y", "x", "width");
    const left = Math.min(...placed.map((n) => n.x - n.width / 2));
    const top = Math.min(...placed.map((n) => n.y - n.height / 2));
    const width = Math.max(...placed.map((n) => n.x + n.width / 2)) - left;
    const height = Math.max(...placed.map((n) => n.y + n.height / 2)) - top;
    const places = placed.map(({ id, x, y }) => ({ id, x: x - left, y: y - top }));
    return { width, height, places, size: Math.max(width / shape, height) };
  };
  if (nodes.length === 1) return { ...nodes[0], places: [{ id: nodes[0].id, x: nodes[0].width / 2, y: nodes[0].height / 2 }] };
  const [across, down] = [far("LR"), far("TB")];
  return across.size <= down.size ? across : down;
}

// squeeze takes out the room that dagre leaves beside long edges, which find their own way here: the nodes of each layer
// come together, as near to where they were in proportion as they can be.
function squeeze(nodes, along, across, extent) {
  const layers = Map.groupBy(nodes, (n) => Math.round(n[along]));
  const need = (layer) => layer.reduce((sum, n) => sum + n[extent] + apart, -apart);
  const has = Math.max(...nodes.map((n) => n[across] + n[extent] / 2)) - Math.min(...nodes.map((n) => n[across] - n[extent] / 2));
  const by = Math.min(1, (1.2 * Math.max(...[...layers.values()].map(need))) / has);
  for (const layer of layers.values()) {
    layer.sort((a, b) => a[across] - b[across]);
    // Those that would overlap stand side by side as a block, around the middle of where they belong.
    const blocks = [];
    for (const node of layer) {
      let block = { nodes: [node], size: node[extent], middle: node[across] * by };
      for (let before; (before = blocks.at(-1)) && before.middle + before.size / 2 + apart > block.middle - block.size / 2; blocks.pop()) {
        const [m, n] = [before.nodes.length, block.nodes.length];
        block = { nodes: [...before.nodes, ...block.nodes], size: before.size + apart + block.size, middle: (before.middle * m + block.middle * n) / (m + n) };
      }
      blocks.push(block);
    }
    for (const { nodes: row, size, middle } of blocks) {
      let at = middle - size / 2;
      for (const node of row) {
        node[across] = at + node[extent] / 2;
        at += node[extent] + apart;
      }
    }
  }
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
