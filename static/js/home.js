// The table of markets: last price, best bid and best ask, live.

import { read, Unavailable } from "./feed.js";
import { showLive } from "./live.js";
import { decimalsOf, formatText } from "./money.js";
import { Socket } from "./socket.js";

const RETRY_MS = 1000;

const rows = new Map();
for (const row of document.querySelectorAll("#markets [data-symbol]")) {
  rows.set(row.dataset.symbol, { row, decimals: decimalsOf(row.dataset.tick) });
}

function put(symbol, field, text) {
  const market = rows.get(symbol);
  if (!market) return;
  const cell = market.row.querySelector(`[data-${field}]`);
  cell.textContent = text ? formatText(text, market.decimals) : "–";
}

for (const { row, decimals } of rows.values()) {
  const last = row.querySelector("[data-last]");
  if (last.textContent !== "–") last.textContent = formatText(last.textContent, decimals);
}

let readings = 0;

/** Read everything, and again a moment later what is refused now. A lost connection reads again when it is back. */
async function start() {
  const number = (readings += 1);
  try {
    await readAll();
    showLive(socket.isOpen);
  } catch (error) {
    if (!(error instanceof Unavailable || error instanceof TypeError)) throw error; // fetch throws TypeError offline
    showLive(false);
    setTimeout(() => number === readings && socket.isOpen && start(), RETRY_MS);
  }
}

async function readAll() {
  for (const symbol of rows.keys()) {
    const [depth, trades] = await Promise.all([
      read(`/api/v3/depth?symbol=${symbol}&limit=5`),
      read(`/api/v3/trades?symbol=${symbol}&limit=1`),
    ]);
    put(symbol, "bid", depth.bids[0]?.[0]);
    put(symbol, "ask", depth.asks[0]?.[0]);
    if (trades.length) put(symbol, "last", trades[0].price);
  }
}

function take({ data }) {
  if (!data) return;
  if (data.e === "trade") {
    put(data.s, "last", data.p);
  } else if (data.u !== undefined && data.a !== undefined) {
    put(data.s, "bid", data.b && !isZero(data.b) ? data.b : "");
    put(data.s, "ask", data.a && !isZero(data.a) ? data.a : "");
  }
}

const isZero = (text) => /^[0.]*$/.test(text);

let socket;
if (rows.size) {
  const names = [...rows.keys()].flatMap((symbol) => [`${symbol.toLowerCase()}@trade`, `${symbol.toLowerCase()}@bookTicker`]);
  socket = new Socket(`/stream?streams=${names.join("/")}`, {
    onOpen: start,
    onFrame: take,
    onState: (isOpen) => isOpen || showLive(false),
    heartbeat: () => ({ method: "LIST_SUBSCRIPTIONS", params: [], id: 1 }),
  });
  socket.connect();
}
