// An error is shown beside what the person did: beside a field, a button or a node.

let bubble;
let anchor;
let timer;

// complain shows a message beside an element until the next complaint, calm() or some time later.
export function complain(beside, message) {
  calm();
  anchor = beside;
  bubble = document.createElement("div");
  bubble.className = "complaint";
  bubble.id = "complaint";
  bubble.setAttribute("role", "alert");
  bubble.textContent = message;
  document.body.append(bubble);
  place();
  if (anchor.matches("input, select")) {
    anchor.setAttribute("aria-invalid", "true");
    anchor.setAttribute("aria-describedby", bubble.id);
    anchor.addEventListener("input", calm, { once: true });
  }
  timer = setTimeout(calm, 12_000);
}

// calm takes the message away.
export function calm() {
  clearTimeout(timer);
  bubble?.remove();
  anchor?.removeAttribute("aria-invalid");
  anchor?.removeAttribute("aria-describedby");
  bubble = anchor = undefined;
}

function place() {
  const at = anchor.getBoundingClientRect();
  const own = bubble.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left), document.documentElement.clientWidth - own.width - 8);
  bubble.style.left = `${left + scrollX}px`;
  bubble.style.top = `${at.bottom + 8 + scrollY}px`;
  bubble.style.setProperty("--tip", `${Math.max(12, Math.min(at.left + at.width / 2 - left, own.width - 12))}px`);
}

addEventListener("resize", () => bubble && place());
