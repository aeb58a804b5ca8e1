// Questions about a graph, as the server sends it, and about what of it is in sight.

// intoView scrolls a row's list by as little as brings it into sight, and nothing else.
export function intoView(row) {
  const box = row.closest(".scroll");
  const head = box.querySelector("thead").offsetHeight;
  const above = row.offsetTop - head - box.scrollTop;
  const below = row.offsetTop + row.offsetHeight - box.clientHeight - box.scrollTop;
  if (above < 0) box.scrollTop += above;
  else if (below > 0) box.scrollTop += below;
}

// leadsTo returns, for each node's id, the names of the nodes that its edges lead to.
export function leadsTo({ nodes, edges }) {
  const names = new Map(nodes.map((n) => [n.id, n.name]));
  const leads = new Map(nodes.map((n) => [n.id, []]));
  for (const { from, to } of edges) leads.get(from).push(names.get(to));
  return leads;
}

export const sameEdge = (a, b) => a?.from === b?.from && a?.to === b?.to;

// has reports whether the graph has what is selected.
export function has({ nodes, edges }, { node, edge }) {
  return node ? nodes.some((n) => n.id === node) : edges.some((e) => sameEdge(e, edge));
}
