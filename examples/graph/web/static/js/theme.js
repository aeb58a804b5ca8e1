// Light or dark: what the system says, until somebody presses the button. It is a plain script in the
// head, so that the page does not flash in the wrong colours.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme");
  const show = () => {
    const theme = chosen() ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    const other = theme === "dark" ? "light" : "dark";
    button?.querySelector("use").setAttribute("href", `/static/icons.svg#${other === "light" ? "sun" : "moon"}`);
    button?.setAttribute("aria-label", `Switch to ${other} colours`);
    button?.setAttribute("title", `Switch to ${other} colours`);
  };
  show();
  dark.addEventListener("change", show);
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      localStorage.setItem("theme", root.dataset.theme === "dark" ? "light" : "dark");
      show();
    });
  });
})();
