// The account's open orders in this market: one row each, kept true by execution reports.

import { formatText, parseUnits } from "./money.js";
import { AnswerLost, Refused } from "./socket.js";
import { stamp } from "./times.js";
import { toast } from "./toasts.js";

const ROWS_MAX = 200; // a bot may have thousands; the newest are shown (trading/page_selectors.py)
const IS_OPEN = new Set(["NEW", "PARTIALLY_FILLED"]);
const TYPES = { LIMIT: "Limit", LIMIT_MAKER: "Post only", MARKET: "Market", 1: "Limit", 2: "Market", 3: "Post only" };

export class OpenOrders {
  constructor(market, cancel) {
    this.market = market;
    this.cancel = cancel;
    this.body = document.getElementById("orders");
    this.changedAt = new Map(); // order id -> time of its last report, so that an older list cannot undo it
    for (const row of [...this.body.rows]) this.put(fromMarkup(row), row);
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
    if (IS_OPEN.has(event.X) && event.o !== "MARKET" && event.w) this.put(fromReport(event), this.find(id));
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
    cell(row, "Type", TYPES[order.type] ?? order.type);
    cell(row, "Price", formatText(order.price, priceDecimals), "num");
    cell(row, "Amount", formatText(order.quantity, quantityDecimals), "num");
    cell(row, "Filled", `${formatText(order.executed, quantityDecimals)} (${share(order)})`, "num");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-quiet";
    button.textContent = "Cancel";
    button.setAttribute("aria-label", `Cancel order ${order.id}`);
    button.addEventListener("click", () => this.send(order.id, button));
    cell(row, "", "", "actions").append(button);
    if (present) present.replaceWith(row);
    else this.body.prepend(row);
  }

  async send(id, button) {
    button.disabled = true;
    try {
      await this.cancel(id);
    } catch (error) {
      button.disabled = false;
      if (error instanceof Refused) toast("bad", "Not canceled", error.message);
      else if (error instanceof AnswerLost) toast("bad", "No answer yet", "The list is read again with the connection.");
      else throw error;
    }
  }

  count() {
    while (this.body.rows.length > ROWS_MAX) this.body.deleteRow(-1);
    const count = this.body.rows.length;
    document.getElementById("orders-count").textContent = count ? `${count}${count === ROWS_MAX ? "+" : ""}` : "";
    document.getElementById("orders-empty").hidden = count > 0;
    document.getElementById("orders-table").hidden = count === 0;
  }
}

function cell(row, label, text, className = "") {
  const node = row.insertCell();
  node.textContent = text;
  node.className = className;
  if (label) node.dataset.label = label;
  return node;
}

function share(order) {
  const quantity = parseUnits(order.quantity);
  return quantity ? `${(parseUnits(order.executed) * 100n) / quantity}%` : "–";
}

function fromMarkup(row) {
  const { order, time, side, type, price, quantity, executed } = row.dataset;
  return { id: order, time: Number(time), isBuy: side === "1", type, price, quantity, executed };
}

function fromList(order) {
  return {
    id: String(order.orderId),
    time: order.time,
    isBuy: order.side === "BUY",
    type: order.type,
    price: order.price,
    quantity: order.origQty,
    executed: order.executedQty,
  };
}

function fromReport(event) {
  return {
    id: String(event.i),
    time: event.O,
    isBuy: event.S === "BUY",
    type: event.o,
    price: event.p,
    quantity: event.q,
    executed: event.z,
  };
}
