// The history as people tell it. Each event is told in words, with the names that nodes had then, and with what
// it changed, so that the canvas can mark it.

export function createStory() {
  const nodes = new Map(); // id → {id, name, x, y} after the last event that was told
  const told = [];
  let at = 0; // which moment the graph looks like
  let step; //   the command that went there through time, if that was the last one

  // wentTo tells where a step through time leads: undone or done again, if it is about what one command did.
  function wentTo({ to }) {
    const between = told.slice(Math.min(at, to), Math.max(at, to));
    const { command } = between[0]?.event ?? {};
    if (!command || between.some(({ event }) => event.command !== command)) return { did: `went back to moment ${to}` };
    return { did: `${to < at ? "undid" : "redid"} “${summary(between)}”` };
  }

  return {
    told,
    // tell takes the next event.
    tell(event) {
      const isStep = event.type === "graph_reverted";
      const tale = isStep ? wentTo(event.body) : tales[event.type]?.(event.body, nodes);
      if (isStep) [at, step] = [event.body.to, event.command];
      else if (!step || event.command !== step) [at, step] = [event.sequence, undefined];
      told.push({ did: "did something", nodes: [], edges: [], gone: { nodes: [], edges: [] }, event, ...tale });
    },
    // last returns the newest command's events: what one person did at once.
    last() {
      const end = told.length;
      let first = end - 1;
      const { command } = told[first].event;
      while (command && first > 0 && told[first - 1].event.command === command) first--;
      return told.slice(first, end);
    },
  };
}

// Each type of event: what was done, in the past tense and without who did it.
const tales = {
  graph_created: ({ name }) => ({ did: `created the graph ${name}` }),
  graph_renamed: ({ name, was }) => ({ did: `renamed the graph from ${was} to ${name}`, graph: true }),
  node_added({ id, name, x, y }, nodes) {
    nodes.set(id, { id, name, x, y });
    return { did: `added ${name}`, nodes: [id] };
  },
  node_moved({ id, x, y }, nodes) {
    const { name, x: fromX, y: fromY } = nodes.get(id);
    nodes.set(id, { id, name, x, y });
    return { did: `moved ${name}`, nodes: [id], trail: { from: { x: fromX, y: fromY }, to: { x, y } } };
  },
  node_renamed({ id, name }, nodes) {
    const old = nodes.get(id);
    nodes.set(id, { ...old, name });
    return { did: `renamed ${old.name} to ${name}`, nodes: [id] };
  },
  node_removed({ id }, nodes) {
    const old = nodes.get(id);
    nodes.delete(id);
    return { did: `removed ${old.name}`, gone: { nodes: [old], edges: [] } };
  },
  edge_added({ from, to }, nodes) {
    return { did: `connected ${nodes.get(from).name} to ${nodes.get(to).name}`, edges: [{ from, to }] };
  },
  edge_removed({ from, to }, nodes) {
    const ends = [nodes.get(from), nodes.get(to)];
    return { did: `disconnected ${ends[0].name} from ${ends[1].name}`, gone: { nodes: [], edges: [{ from: ends[0], to: ends[1] }] } };
  },
};

// summary says what a command did, whose events they are.
export function summary(tales) {
  if (tales.length === 1) return tales[0].did;
  if (tales[0].event.type === "graph_reverted") return tales[0].did;
  const last = tales.at(-1);
  if (last.event.type === "node_removed") return `${last.did} and ${count(tales.length - 1, "edge")}`;
  if (last.event.type === "node_moved") return `moved ${count(tales.length, "node")}`;
  return `${tales[0].did}, and ${tales.length - 1} more`;
}

export const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
