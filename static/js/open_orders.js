// The account's open orders in this market: one row each, kept true by execution reports.

import { percent } from "./market.js";
import { formatText, parseUnits } from "./money.js";
import { AnswerLost, Refused } from "./socket.js";
import { stamp } from "./times.js";
import { toast } from "./toasts.js";

const ROWS_MAX = 200; // a bot may have thousands; the newest are shown (trading/page_selectors.py)
const IS_OPEN = new Set(["NEW", "PARTIALLY_FILLED"]);
const NAMES = ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"];
const TYPES = {
  LIMIT: "Limit",
  MARKET: "Market",
  LIMIT_MAKER: "Post only",
  STOP_LOSS: "Stop market",
  STOP_LOSS_LIMIT: "Stop limit",
  TAKE_PROFIT: "Profit market",
  TAKE_PROFIT_LIMIT: "Profit limit",
};

export class OpenOrders {
  /** `cancel(id)` cancels one order, `cancelAll()` all of this market. */
  constructor(market, { cancel, cancelAll }) {
    this.market = market;
    this.cancel = cancel;
    this.body = document.getElementById("orders");
    this.changedAt = new Map(); // order id -> time of its last report, so that an older list cannot undo it
    for (const row of [...this.body.rows]) this.put(fromMarkup(row), row);
    const button = document.getElementById("cancel-all");
    button.addEventListener("click", () => this.send(button, cancelAll));
    this.count();
  }

  /** A new connection: reports from before it prove nothing any more. */
  forgetReports() {
    this.changedAt.clear();
  }

  /** Show the list that the server gave; reports that came in the meantime are newer. */
  load(all) {
    const orders = all.slice(-ROWS_MAX); // the server lists the oldest first
    const listed = new Set(orders.map((order) => String(order.orderId)));
    for (const row of [...this.body.rows]) {
      if (!listed.has(row.dataset.order) && !this.changedAt.has(row.dataset.order)) row.remove();
    }
    for (const order of orders) {
      const id = String(order.orderId);
      if (!this.changedAt.has(id)) this.put(fromList(order), this.find(id));
    }
    this.count();
  }

  /** Take an execution report. */
  report(event) {
    if (event.s !== this.market.symbol) return;
    const id = String(event.i);
    this.changedAt.set(id, event.T);
    // What neither works nor waits any more is about to trade or to expire, which the next report tells.
    const isShown = IS_OPEN.has(event.X) && (event.w || event.W === undefined);
    if (isShown) this.put(fromReport(event), this.find(id));
    else this.find(id)?.remove();
    this.count();
  }

  find(id) {
    return this.body.querySelector(`[data-order="${id}"]`);
  }

  put(order, present) {
    const row = document.createElement("tr");
    row.dataset.order = order.id;
    const { priceDecimals, quantityDecimals } = this.market;
    cell(row, "Time", stamp(order.time), "muted");
    cell(row, "Side", order.isBuy ? "Buy" : "Sell", order.isBuy ? "buy" : "sell");
    const type = cell(row, "Type", "");
    type.append(words("", TYPES[order.type] ?? order.type));
    const condition = this.condition(order);
    if (condition) type.firstChild.append(words("cell-note", condition));
    cell(row, "Price", isNothing(order.price) ? "market" : formatText(order.price, priceDecimals), "num");
    cell(row, "Amount", formatText(order.quantity, quantityDecimals), "num");
    cell(row, "Filled", `${formatText(order.executed, quantityDecimals)} (${share(order)})`, "num");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-quiet";
    button.textContent = "Cancel";
    button.setAttribute("aria-label", `Cancel order ${order.id}`);
    button.addEventListener("click", () => this.send(button, () => this.cancel(order.id)));
    cell(row, "", "", "actions").append(button);
    if (present) present.replaceWith(row);
    else this.body.prepend(row);
  }

  /** What an order waits for ("triggered" once it works), hides, and belongs to. */
  condition(order) {
    const parts = [];
    const { priceDecimals, quantityDecimals } = this.market;
    if (order.isStop) {
      if (order.isWorking) parts.push("triggered");
      else if (order.delta) parts.push(`${percent(BigInt(order.delta))} back`);
      if (!order.isWorking && !isNothing(order.stop)) parts.push(`${order.rises ? "≥" : "≤"} ${formatText(order.stop, priceDecimals)}`);
    }
    if (!isNothing(order.iceberg)) parts.push(`shows ${formatText(order.iceberg, quantityDecimals)}`);
    if (order.list > 0) parts.push(`OCO ${order.list}`);
    return parts.join(", ");
  }

  async send(button, ask) {
    button.disabled = true;
    try {
      await ask();
    } catch (error) {
      if (error instanceof Refused) toast("bad", "Not canceled", error.message);
      else if (error instanceof AnswerLost) toast("bad", "No answer yet", "The list is read again with the connection.");
      else throw error;
    } finally {
      button.disabled = false;
    }
  }

  count() {
    while (this.body.rows.length > ROWS_MAX) this.body.deleteRow(-1);
    const count = this.body.rows.length;
    document.getElementById("orders-count").textContent = count ? `${count}${count === ROWS_MAX ? "+" : ""}` : "";
    document.getElementById("orders-empty").hidden = count > 0;
    document.getElementById("orders-table").hidden = document.getElementById("cancel-all").hidden = count === 0;
  }
}

function cell(row, label, text, className = "") {
  const node = row.insertCell();
  node.textContent = text;
  node.className = className;
  if (label) node.dataset.label = label;
  return node;
}

function words(className, text) {
  const node = document.createElement("span");
  node.className = className;
  node.textContent = text;
  return node;
}

function isNothing(text) {
  return /^[0.]*$/.test(text);
}

function share(order) {
  const quantity = parseUnits(order.quantity);
  return quantity ? `${(parseUnits(order.executed) * 100n) / quantity}%` : "–";
}

// What follows from type and side: whether it waits for a price, and whether for one at or above its stop price.
function withKind(order) {
  const isLoss = order.type.startsWith("STOP_LOSS");
  const isStop = isLoss || order.type.startsWith("TAKE_PROFIT");
  return { ...order, isStop, rises: isLoss === order.isBuy };
}

function fromMarkup(row) {
  const { order, time, side, type, price, quantity, executed, stop, delta, iceberg, list, working } = row.dataset;
  return withKind({
    id: order,
    time: Number(time),
    isBuy: side === "1",
    type: NAMES[Number(type) - 1],
    price,
    quantity,
    executed,
    stop: stop ?? "0",
    delta: Number(delta ?? 0),
    iceberg: iceberg ?? "0",
    list: Number(list ?? 0),
    isWorking: working !== "0",
  });
}

function fromList(order) {
  return withKind({
    id: String(order.orderId),
    time: order.time,
    isBuy: order.side === "BUY",
    type: order.type,
    price: order.price,
    quantity: order.origQty,
    executed: order.executedQty,
    stop: order.stopPrice,
    delta: order.trailingDelta ?? 0,
    iceberg: order.icebergQty,
    list: order.orderListId,
    isWorking: order.isWorking,
  });
}

function fromReport(event) {
  return withKind({
    id: String(event.i),
    time: event.O,
    isBuy: event.S === "BUY",
    type: event.o,
    price: event.p,
    quantity: event.q,
    executed: event.z,
    stop: event.P,
    delta: event.d ?? 0,
    iceberg: event.F,
    list: event.g,
    isWorking: event.w,
  });
}
