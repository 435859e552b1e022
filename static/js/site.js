// What every page has: copy buttons, local times, menus, the theme switch.

import { localizeTimes } from "./times.js";

localizeTimes(document);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) await copy(button);
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = (button.dataset.label ??= button.textContent);
  let isCopied;
  if (navigator.clipboard) {
    isCopied = await navigator.clipboard.writeText(source.textContent).then(
      () => true,
      () => false,
    );
  }
  if (!isCopied) {
    // Without https there is no clipboard: select the text, so that one key press copies it.
    getSelection().selectAllChildren(source);
    isCopied = document.execCommand("copy");
  }
  button.textContent = isCopied ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (button.textContent = label), 2000);
}

const themeSwitch = document.querySelector("[data-theme-switch]");
if (themeSwitch) {
  const root = document.documentElement;
  const draw = () => (themeSwitch.textContent = root.dataset.bsTheme === "dark" ? "Light theme" : "Dark theme");
  themeSwitch.hidden = false;
  themeSwitch.addEventListener("click", () => {
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("mex.theme", root.dataset.bsTheme);
    } catch {
      // Storage is blocked: the choice holds for this page only.
    }
    draw();
  });
  draw();
}
