// The panel with the lists: three tabs. Beside the canvas one of them is always open; on a narrow screen they open
// over it, and close again.

export function createPanel(shown) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const side = document.querySelector(".side");
  const narrow = matchMedia("(max-width: 760px)");
  let open = narrow.matches ? undefined : tabs[0];

  function show(tab) {
    open = tab;
    side.classList.toggle("is-open", Boolean(tab));
    for (const t of tabs) {
      t.setAttribute("aria-selected", t === tab);
      t.tabIndex = t === (tab ?? tabs[0]) ? 0 : -1;
      document.getElementById(t.getAttribute("aria-controls")).hidden = t !== tab;
    }
    shown();
  }

  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(narrow.matches && tab === open ? undefined : tab));
    tab.addEventListener("keydown", (e) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1 }[e.key];
      if (to === undefined) return;
      e.preventDefault();
      const next = tabs[(to + tabs.length) % tabs.length];
      show(next);
      next.focus();
    });
  }
  side.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !open) return;
    const left = open;
    if (narrow.matches) show(undefined);
    left.focus(); // a long list has many stops on the way back
  });
  narrow.addEventListener("change", () => show(narrow.matches ? undefined : open ?? tabs[0]));
  show(open);
  // What opens over the drawing takes the place of a list that does.
  return { close: () => narrow.matches && show(undefined) };
}
