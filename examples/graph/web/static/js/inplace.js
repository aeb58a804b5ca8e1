// Naming in place: a field over the thing that has the name, or is about to be there. Enter saves, and so does
// going elsewhere; Esc does not. A refusal keeps the field open with the reason beside it, unless one has
// left it.

import { calm, complain } from "./complain.js";

// nameInPlace opens a field. box() says where in the window; save(text) may be refused; onClose(isLeaving, isSaved)
// gets the focus back. after is where a complaint goes once the field is left.
export function nameInPlace({ box, value, typed, placeholder = "", label, className = "", save, isSame = () => false, onClose, after, moved }) {
  const field = Object.assign(document.createElement("input"), {
    className: `inplace ${className}`, value: typed ?? value, maxLength: 200, placeholder, autocomplete: "off", enterKeyHint: "done",
  });
  field.setAttribute("aria-label", label);
  const place = () => {
    const { left, top, width, height } = box();
    const w = Math.max(width + 8, 170);
    const h = Math.max(height, 36);
    const x = Math.min(Math.max(left + width / 2 - w / 2, 4), Math.max(4, innerWidth - w - 4));
    Object.assign(field.style, { left: `${x}px`, top: `${top + height / 2 - h / 2}px`, width: `${w}px`, height: `${h}px` });
  };
  place();
  moved?.add(place);
  addEventListener("resize", place);
  document.getElementById("editor").append(field); // so that it is part of what the page is about
  field.focus({ preventScroll: true });
  if (typed === undefined) field.select();

  let isDone = false;
  const close = (isLeaving, isSaved) => {
    if (isDone) return;
    isDone = true;
    moved?.delete(place);
    removeEventListener("resize", place);
    if (field.getAttribute("aria-invalid")) calm();
    field.remove();
    onClose?.(isLeaving, isSaved);
  };
  const submit = async (isLeaving) => {
    if (isDone || field.readOnly) return;
    if (isSame(field.value)) return close(isLeaving, false);
    field.readOnly = true; // it stays where it is until the answer comes
    field.classList.add("is-saving");
    try {
      await save(field.value);
      close(isLeaving || document.activeElement !== field, true);
    } catch (refusal) {
      field.readOnly = false;
      field.classList.remove("is-saving");
      if (!isLeaving && field.isConnected && document.activeElement === field) return complain(field, refusal.message);
      close(true, false);
      complain(after(), refusal.message);
    }
  };
  field.addEventListener("keydown", (e) => {
    e.stopPropagation();
    if (e.isComposing) return;
    if (e.key === "Enter") submit(false);
    if (e.key === "Escape") close(false, false);
  });
  field.addEventListener("blur", () => document.hasFocus() && submit(true));
  // leave is what going elsewhere does.
  return { leave: () => submit(true), field };
}
