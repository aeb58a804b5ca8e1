// Renaming in place: a field over the thing that has the name. Enter saves, and so does going elsewhere; Esc
// does not. A refusal keeps the field open with the reason beside it, unless one has left it.

import { calm, complain } from "./complain.js";

export function renameInPlace(over, name, label, save) {
  document.querySelector(".inplace")?.remove();
  const box = over.getBoundingClientRect();
  const field = Object.assign(document.createElement("input"), { className: "inplace", value: name, maxLength: 200 });
  field.setAttribute("aria-label", label);
  field.style.left = `${box.left + scrollX - 4}px`;
  field.style.top = `${box.top + scrollY}px`;
  field.style.width = `${Math.max(box.width + 8, 180)}px`;
  field.style.height = `${Math.max(box.height, 32)}px`;
  document.body.append(field);
  field.select();
  field.focus();

  let isDone = false;
  const close = () => {
    isDone = true;
    calm();
    field.remove();
  };
  const submit = async (isLeaving) => {
    if (isDone || field.readOnly) return;
    if (field.value.trim() !== name) {
      field.readOnly = true;
      try {
        await save(field.value);
      } catch (refusal) {
        field.readOnly = false;
        if (isLeaving) close();
        return complain(isLeaving ? over : field, refusal.message);
      }
    }
    close();
    if (!isLeaving) over.focus();
  };
  field.addEventListener("keydown", (e) => {
    e.stopPropagation();
    if (e.key === "Enter") submit(false);
    if (e.key === "Escape") {
      close();
      over.focus();
    }
  });
  field.addEventListener("blur", () => document.hasFocus() && submit(true));
}
