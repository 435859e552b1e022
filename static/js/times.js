// Times as people read them: of their own clock, sortable, with UTC on hover.

const two = (number) => String(number).padStart(2, "0");

/** Return a time of day, "14:03:59". */
export function clock(ms) {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Return a date and time, "2026-09-21 14:03:59". */
export function stamp(ms) {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(ms)}`;
}

/** Turn the server's UTC times below a node into local ones. */
export function localizeTimes(node) {
  for (const time of node.querySelectorAll("time[data-local]")) {
    const date = new Date(time.getAttribute("datetime"));
    time.title = date.toISOString();
    const text = stamp(date.getTime());
    time.textContent = time.dataset.local === "date" ? text.slice(0, 10) : text;
    time.removeAttribute("data-local");
  }
}
