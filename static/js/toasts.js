// Short messages in the corner, read out by screen readers.

const SHOWN_MS = { good: 5000, bad: 10_000, plain: 5000 };
const COUNT_MAX = 5;

/** Show a message: `kind` is "good", "bad" or "plain". */
export function toast(kind, title, text = "") {
  const box = document.getElementById("toasts");
  const item = document.createElement("div");
  item.className = `note-toast note-${kind}`;
  const strong = document.createElement("strong");
  strong.textContent = title;
  item.append(strong);
  if (text) {
    const span = document.createElement("span");
    span.textContent = text;
    item.append(span);
  }
  box.append(item);
  while (box.children.length > COUNT_MAX) box.firstElementChild.remove();
  setTimeout(() => item.remove(), SHOWN_MS[kind]);
}
