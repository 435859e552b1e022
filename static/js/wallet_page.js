// Pages about balances, deposits and withdrawals: patched by events, and read again whenever an event may have been lost.

import { Balances } from "./balances.js";
import { showLive } from "./live.js";
import { Api } from "./socket.js";
import { localizeTimes } from "./times.js";

const REREAD_MS = 15_000;
const WORDS = {
  seen: "Seen",
  confirming: "Confirming",
  collecting: "Below the minimum",
  credited: "Credited",
  orphaned: "Orphaned",
  expired: "Expired",
  reversed: "Reversed",
  requested: "Requested",
  email: "Waiting for your confirmation",
  approval: "Waiting for approval",
  held: "Waiting to be sent",
  signed: "Signed",
  broadcast: "Sent",
  confirmed: "Confirmed",
  ending: "Being given back",
  cancelled: "Cancelled",
  rejected: "Rejected",
};

const UNSIGNED = ["requested", "email", "approval", "held"]; // can still be cancelled
// A page that answers a form may have an address that cannot be read: it names the one that can.
const ownAddress = document.querySelector("[data-page]")?.dataset.page ?? location.href;

const balances = new Balances();
let rereadTimer = null;
let eventCount = 0;
const latest = new Map(); // row -> [event, its number], so that an older page cannot undo it

const api = new Api({
  async onReady() {
    balances.forgetEvents();
    balances.load(await api.request("account.status"));
    await reread();
  },
  onEvent(event) {
    if (event.e === "outboundAccountPosition") balances.take(event);
    else if (event.e === "depositUpdate") update(`deposit-${event.id}`, event);
    else if (event.e === "withdrawalUpdate") update(`withdrawal-${event.id}`, event);
  },
  onState: (isLive, reason) => showLive(isLive, reason),
});

// An event about a row that is shown changes it at once; everything else is read from the server.
function update(name, event) {
  eventCount += 1;
  latest.set(name, [event, eventCount]);
  show(name, event);
}

function show(name, event) {
  const row = document.querySelector(`[data-row="${CSS.escape(name)}"]`);
  if (!row) {
    soon();
    return;
  }
  const isNewStatus = row.dataset.status !== event.status;
  row.dataset.status = event.status;
  const status = row.querySelector("[data-status-text]");
  status.className = `status status-${event.status}`;
  status.textContent = WORDS[event.status] ?? event.status;
  if (event.confirmationsNeeded) {
    const count = Math.min(event.confirmations, event.confirmationsNeeded);
    row.querySelector("[data-confirmations]").textContent = `${count}/${event.confirmationsNeeded}`;
    const bar = row.querySelector("progress");
    if (bar) bar.value = count;
  }
  const acts = row.querySelector("[data-acts]");
  if (acts && isNewStatus) acts.hidden = !UNSIGNED.includes(event.status);
  const block = row.querySelector("[data-block]");
  if (block) block.textContent = event.blockHeight ?? "–";
  if (isNewStatus) soon(); // links and reasons come with the row
}

function soon() {
  clearTimeout(rereadTimer);
  rereadTimer = setTimeout(reread, 200);
}

/** Replace the live parts of the page by what the server shows now. */
async function reread() {
  const before = eventCount;
  let response;
  try {
    response = await fetch(ownAddress, { headers: { Accept: "text/html" } });
  } catch (error) {
    if (error instanceof TypeError) return; // offline: the next connection reads again
    throw error;
  }
  if (!response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const other = fresh.querySelector(`[data-refresh="${part.dataset.refresh}"]`);
    if (!other) continue;
    localizeTimes(other);
    if (part.innerHTML !== other.innerHTML) part.replaceChildren(...other.childNodes);
  }
  // What an event has told since the page was asked for is newer.
  for (const [name, [event, number]] of latest) if (number > before) show(name, event);
}

// Events are news, not the truth: one may be lost. While something is unfinished, look again now and then.
setInterval(() => {
  if (!document.hidden && document.querySelector("[data-unfinished]")) reread();
}, REREAD_MS);
