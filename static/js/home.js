// The table of markets: last price, best bid and best ask, live.

import { read } from "./feed.js";
import { showLive } from "./live.js";
import { decimalsOf, formatText } from "./money.js";
import { Socket } from "./socket.js";

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
  showLive(true);
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

if (rows.size) {
  const names = [...rows.keys()].flatMap((symbol) => [`${symbol.toLowerCase()}@trade`, `${symbol.toLowerCase()}@bookTicker`]);
  new Socket(`/stream?streams=${names.join("/")}`, {
    onOpen: () => readAll().catch(() => showLive(false)),
    onFrame: take,
    onState: (isOpen) => isOpen || showLive(false),
    heartbeat: () => ({ method: "LIST_SUBSCRIPTIONS", params: [], id: 1 }),
  }).connect();
}
