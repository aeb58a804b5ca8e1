// The server's API. Whatever goes wrong is a Refusal with a message for the person.

export class Refusal extends Error {
  constructor(status, { code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }

  // Whether the same request may succeed later. A command can be sent again without fear: it has an id.
  get isPassing() {
    return this.status === 0 || this.code === "outcome_unknown" || this.code === "unavailable";
  }
}

async function call(method, path, body) {
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    answer = await response.json();
  } catch {
    throw new Refusal(0, { code: "offline", message: "The program does not answer." });
  }
  if (!response.ok) throw new Refusal(response.status, answer.error);
  return answer;
}

const at = (graph) => `/api/graphs/${encodeURIComponent(graph)}`;

export const list = () => call("GET", "/api/graphs");
export const create = (name) => call("POST", "/api/graphs", { name, id: newID() });
export const show = (graph) => call("GET", at(graph));
export const showPast = (graph, sequence) => call("GET", `${at(graph)}/at/${sequence}`);

// The ids of this tab's commands begin with its own name, by which it knows them in the history again.
const tab = sessionStorage.getItem("tab") ?? random();
sessionStorage.setItem("tab", tab);
const newID = () => `${tab}.${random()}`;
export const isOwn = (command) => Boolean(command?.startsWith(`${tab}.`));

// Commands go one after the other, in the order in which they were given.
let before = Promise.resolve();

// command sends a command, again if its answer gets lost. expected is the sequence that the wish
// rests on, if it rests on one; seen is the last one the page has.
export function command(graph, type, data, { expected, seen }) {
  const body = { type, data, expected, id: newID() };
  const sent = before.then(() => repeat(() => call("POST", `${at(graph)}/commands`, { ...body, seen: seen() })));
  before = sent.catch(() => {});
  return sent.then((answer) => ({ ...answer, command: body.id }));
}

async function repeat(send) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send();
    } catch (refusal) {
      if (!refusal.isPassing || attempt === 12) throw refusal; // after some 20 seconds
      await new Promise((resolve) => setTimeout(resolve, Math.min(2000, 200 * 2 ** attempt)));
    }
  }
}

// crypto.randomUUID would need HTTPS on any host but localhost.
function random() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");
}

// stream follows a graph from the sequence that seen() returns on, as long as the tab can be seen: a
// browser keeps six connections to a server, and tabs in the background need none.
export function stream(graph, seen, { change, trouble }) {
  let source;
  const open = () => {
    source?.close();
    source = undefined;
    if (document.hidden) return;
    source = new EventSource(`${at(graph)}/stream?after=${seen()}`);
    source.addEventListener("change", (e) => change(JSON.parse(e.data)));
    source.addEventListener("trouble", (e) => trouble(JSON.parse(e.data).message));
    source.addEventListener("open", () => trouble(""));
    source.addEventListener("error", () => {
      trouble("The program does not answer; trying again …");
      if (source?.readyState === EventSource.CLOSED) reopen(); // it was refused: the browser gives up
    });
  };
  const reopen = () => show(graph).then(open).catch((refusal) => {
    trouble(refusal.message);
    setTimeout(reopen, 2000);
  });
  document.addEventListener("visibilitychange", open);
  open();
}
