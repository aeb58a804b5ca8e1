// The line below the canvas: what became of the last command, and what others did meanwhile.

const line = document.getElementById("status");

function say(text, kind = "") {
  line.className = `status ${kind}`;
  line.textContent = text;
}

// outcome tells how a command went. More than one attempt means that another process was first: the
// command was evaluated again on what that one left, and nothing of either is lost.
export function outcome({ events, attempts, view }, type) {
  line.dataset.attempts = attempts;
  if (attempts > 1) {
    say(`Another process was first: ${type} was evaluated ${attempts} times, the last time on the newest graph. Nothing was lost.`, "is-again");
  } else if (events.length === 0) {
    say("There was nothing to change.");
  } else {
    say(`${summary(events)} · event ${view.sequence} · evaluated once`);
  }
}

// news tells what others did, and lets the nodes they touched glow for a moment.
export function news(events, state, canvas) {
  const theirs = events.filter((e) => !state.isOwn(e));
  if (theirs.length === 0) return;
  say(`Another process: ${summary(theirs)}`, "is-theirs");
  if (state.isPast) return;
  requestAnimationFrame(() => {
    for (const e of theirs) glow(canvas.node(e.body.id));
  });
}

// trouble tells that nothing can be heard of others; without a message, that it is over.
news.trouble = (message) => {
  if (message) say(message, "is-trouble");
  else if (line.classList.contains("is-trouble")) say("");
};

function glow(node) {
  if (!node) return;
  node.classList.remove("is-new");
  node.getBoundingClientRect(); // begins the animation anew
  node.classList.add("is-new");
}

function summary(events) {
  const types = new Map();
  for (const { type } of events) types.set(type, (types.get(type) ?? 0) + 1);
  return [...types].map(([type, n]) => (n > 1 ? `${type} ×${n}` : type)).join(", ");
}
