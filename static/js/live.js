// The small sign that says whether a page is live.

/** Show the state of the page's connection, with a reason when there is one: a text, or a node such as a link. */
export function showLive(isLive, reason = "Reconnecting…") {
  for (const sign of document.querySelectorAll("[data-live]")) {
    sign.hidden = false;
    sign.classList.toggle("is-live", isLive);
    const why = reason instanceof Node ? reason.cloneNode(true) : reason;
    sign.querySelector("[data-live-text]").replaceChildren(isLive ? "Live" : why);
  }
}

/** Return what is shown to somebody whose session is over: a link to the log-in, and back to this page. */
export function loggedOut(text) {
  const link = document.createElement("a");
  link.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = text;
  return link;
}
