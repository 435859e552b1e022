// The small sign that says whether a page is live.

/** Show the state of the page's connection, with a reason when there is one. */
export function showLive(isLive, reason = "Reconnecting…") {
  for (const sign of document.querySelectorAll("[data-live]")) {
    sign.hidden = false;
    sign.classList.toggle("is-live", isLive);
    sign.querySelector("[data-live-text]").textContent = isLive ? "Live" : reason;
  }
}
