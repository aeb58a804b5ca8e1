// The line below the canvas: the newest change in a person's words, whoever made it, or the moment that
// somebody looks at. The machine's words for it are behind the button beside it.

import { summary } from "./story.js";

const line = document.getElementById("status");
const again = " Another process was first, so it was decided again; nothing was lost.";

// What overrides the newest change, the first that there is.
let trouble = ""; // nothing can be heard of others
let isSaving = false; // an answer takes long
let note = ""; //   about the last wish: there was nothing to change

// showStatus tells the newest change, or that of the moment.
export function showStatus({ story, isPast, at, who, attempts }) {
  const tales = isPast ? [story.told[at - 1]] : story.last();
  const { event } = tales[0];
  const tries = isPast ? 1 : attempts.get(event.command)?.attempts ?? 1;
  const text = `${who(event)} ${summary(tales)}.`;
  if (trouble) say(trouble, "is-trouble");
  else if (isSaving) say("Saving …", "");
  else if (isPast) say(`Moment ${at}: ${text}`, "is-past");
  else if (note) say(note, "");
  else if (tries > 1) say(text + again, "is-again");
  else say(text, who(event) === "You" ? "" : "is-theirs");
  line.dataset.attempts = tries;
}

function say(text, kind) {
  line.className = `status ${kind}`;
  if (line.textContent !== text) line.textContent = text; // said once, also to who listens
}

export const setTrouble = (message) => { trouble = message; };
export const setSaving = (is) => { isSaving = is; };
export const setNote = (message) => { note = message; };
