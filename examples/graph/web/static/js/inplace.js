// Renaming in place: a field over the thing that has the name. Enter or leaving it saves, Esc does not. A
// refusal keeps it open with the reason beside it.

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
    over.focus();
  };
  const submit = async () => {
    if (isDone || field.disabled) return;
    if (field.value.trim() === name) return close();
    field.disabled = true;
    try {
      await save(field.value);
      close();
    } catch (refusal) {
      field.disabled = false;
      field.focus();
      complain(field, refusal.message);
    }
  };
  field.addEventListener("keydown", (e) => {
    e.stopPropagation();
    if (e.key === "Enter") submit();
    if (e.key === "Escape") close();
  });
  field.addEventListener("blur", () => document.hasFocus() && submit());
}
