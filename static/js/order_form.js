// The order form: reads what was typed, says what is wrong beside the field, and sends one order or list.

import { icebergProblem, priceProblem, quantityProblem, totalProblem, trailProblem } from "./market.js";
import { feeOf, floorTo, formatUnits, NotAnAmount, notional, parseUnits } from "./money.js";
import { describe, requestOf, rowsOf, stopsLoss } from "./order_kinds.js";
import { newClientOrderId } from "./pending.js";
import { AnswerLost, Refused } from "./socket.js";
import { toast } from "./toasts.js";

const node = (id) => document.getElementById(id);
const OPTIONAL_ROWS = ["trigger-row", "stop-row", "trail-row", "then-row", "price-row", "stop-limit-row", "force-row", "iceberg-row"];
const ERRORS = ["price-error", "stop-error", "trail-error", "stop-limit-error", "quantity-error", "iceberg-error", "order-error"];
const MISSING = { price: "Write a price.", stop: "Write a stop price.", trail: "Write a distance.", quantity: "Write an amount." };
const BASIS_POINT = 1_000_000n; // a percent has 100 of them, and 10^8 units

export class OrderForm {
  /** `free(asset)` returns available units, `best()` the best [bid, ask] and `last()` the last price or null each,
   * `place(method, params)` sends, `settle()` finds out about orders that got no answer. */
  constructor(market, { free, best, last, place, pending, settle }) {
    Object.assign(this, { market, free, best, last, place, pending, settle });
    this.form = node("order-form");
    this.form.addEventListener("input", () => this.draw());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    for (const button of this.form.querySelectorAll("[data-share]")) {
      button.addEventListener("click", () => this.fill(BigInt(button.dataset.share)));
    }
    this.draw();
  }

  get isBuy() {
    return this.form.elements.side.value === "BUY";
  }

  get kind() {
    return this.form.elements.type.value;
  }

  get isMarket() {
    return this.kind === "MARKET";
  }

  get isInQuote() {
    return this.isMarket && node("quantity-unit").value === "quote";
  }

  /** Which rows are shown. */
  get rows() {
    return rowsOf(this.kind, { trigger: node("trigger").value, then: node("then").value, force: node("force").value });
  }

  /** Offer a price, picked in the book. */
  setPrice(price) {
    if (!this.rows.has("price-row")) return;
    node("price").value = formatUnits(price, this.market.priceDecimals);
    this.draw();
  }

  /** Suggest the price that trades at once, as long as nothing was typed. */
  suggestPrice() {
    if (this.kind !== "LIMIT" || node("price").value || this.wasSuggested || document.activeElement === node("price")) return;
    const [bid, ask] = this.best();
    const price = this.isBuy ? (ask ?? bid) : (bid ?? ask);
    if (price === null) return;
    this.wasSuggested = true;
    this.setPrice(price);
  }

  /** Draw everything that follows from the fields. */
  draw() {
    const { base, quote } = this.market;
    this.form.dataset.side = this.isBuy ? "BUY" : "SELL";
    const canPostOnly = this.kind === "LIMIT";
    node("force-maker").hidden = node("force-maker").disabled = !canPostOnly;
    if (!canPostOnly && node("force").value === "MAKER") node("force").value = "GTC";
    const rows = this.rows;
    for (const id of OPTIONAL_ROWS) node(id).hidden = !rows.has(id);
    node("price-label").textContent = this.kind === "LIMIT" ? "Price" : "Limit price";
    node("quantity-unit").hidden = !this.isMarket;
    node("quantity-asset").hidden = this.isMarket;
    this.drawAvailable();
    node("fee-asset").textContent = this.isBuy ? base : quote;
    if (!node("place").disabled) node("place").textContent = `${this.isBuy ? "Buy" : "Sell"} ${base}`;
    const isSet = node("stp").value !== "" || (rows.has("iceberg-row") && node("iceberg").value.trim() !== "");
    node("advanced-set").hidden = !isSet;
    for (const id of ERRORS) this.say(id, "");
    this.drawSums();
  }

  drawAvailable() {
    const paid = this.isBuy ? this.market.quote : this.market.base;
    node("available").textContent = formatUnits(this.free(paid));
    node("available-asset").textContent = paid;
  }

  drawSums() {
    const order = this.read({ isQuiet: true });
    this.drawHint(order);
    const price = this.expectedPrice(order);
    let { total, quantity } = order;
    if (total === null && price !== null && quantity !== null) total = notional(price, quantity);
    if (quantity === null && total !== null && price) quantity = (total * 10n ** 8n) / price;
    const about = order.price === null ? "≈ " : "";
    node("total").textContent = total === null ? "–" : about + formatUnits(total, this.market.priceDecimals);
    this.drawFee(order, this.isBuy ? quantity : this.mostReceived(order, total));
  }

  drawFee(order, received) {
    const isCertain = order.price !== null && order.stop === null && order.trail === null;
    const fee = received === null ? "–" : formatUnits(feeOf(received, this.market.feePpm), 0);
    node("fee").textContent = received === null || isCertain ? fee : `≈ ${fee}`;
  }

  /** What a sale may bring: buyers pay more than its limit if they bid more. */
  mostReceived(order, total) {
    const [bid] = this.best();
    const price = [order.price, order.stop, order.stopLimit, bid].reduce(larger);
    return order.quantity === null || price === null ? total : notional(price, order.quantity);
  }

  /** The price at which an order may trade, as far as that can be said now. */
  expectedPrice(order) {
    const [bid, ask] = this.best();
    return order.price ?? order.stop ?? (this.isBuy ? ask : bid);
  }

  drawHint({ stop }) {
    let hint = "";
    if (stop !== null && this.kind === "STOP" && this.last() !== null) {
      const falls = stop < this.last();
      const does = node("trigger").value === "BOTH" ? "It starts to follow" : "It is triggered";
      hint = `${does} when the price ${falls ? "falls" : "rises"} to it (${stopsLoss(this.isBuy, stop, this.last()) ? "stop loss" : "take profit"}).`;
    }
    node("stop-hint").textContent = hint;
  }

  /** Return what was typed, in units, null where there is none; and say what is wrong unless `isQuiet`. */
  read({ isQuiet = false } = {}) {
    const order = { price: null, stop: null, stopLimit: null, trail: null, quantity: null, total: null, iceberg: null };
    Object.assign(order, { symbol: this.market.symbol, isBuy: this.isBuy, last: this.last(), isGood: true });
    Object.assign(order, { force: node("force").value, stp: node("stp").value });
    const problem = (id, text) => {
      if (!text) return;
      order.isGood = false;
      if (!isQuiet) this.say(`${id}-error`, text);
    };
    const number = (id) => this.number(id, (text) => problem(id, text));
    this.readPrices(order, number, problem);
    const amount = number("quantity");
    if (this.isInQuote) {
      order.total = amount;
      if (amount !== null) problem("quantity", totalProblem(this.market, amount));
    } else {
      order.quantity = amount;
      if (amount !== null) problem("quantity", quantityProblem(this.market, amount, order.price ?? order.stop));
    }
    if (this.rows.has("iceberg-row") && node("iceberg").value.trim()) {
      order.iceberg = number("iceberg");
      if (order.iceberg !== null) problem("iceberg", icebergProblem(this.market, order.iceberg, order.quantity));
    }
    return order;
  }

  readPrices(order, number, problem) {
    const rows = this.rows;
    const names = { price: "price", stop: "stop", stopLimit: "stop-limit" };
    for (const [name, id] of Object.entries(names)) {
      const isAsked = rows.has(`${id}-row`) && (id !== "stop-limit" || node(id).value.trim() !== "");
      if (!isAsked) continue;
      order[name] = number(id);
      if (order[name] !== null) problem(id, priceProblem(this.market, order[name]));
    }
    if (rows.has("trail-row")) {
      const percent = number("trail");
      if (percent === null) return;
      order.trail = percent / BASIS_POINT;
      problem("trail", percent % BASIS_POINT ? "At most two decimals, please." : trailProblem(this.market, order.trail));
    }
  }

  number(id, problem) {
    const text = node(id).value.trim();
    try {
      const units = parseUnits(text || "0");
      if (units > 0n) return units;
      problem(MISSING[id] ?? "Write a number that is not zero.");
    } catch (error) {
      if (!(error instanceof NotAnAmount)) throw error;
      problem(error.message);
    }
    return null;
  }

  say(id, text) {
    node(id).textContent = text;
    const folded = node(id).closest("details");
    if (text && folded) folded.open = true;
    const field = node(id.replace("-error", ""));
    if (!field) return;
    if (text) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  /** Fill in a percentage of what is available. */
  fill(percent) {
    const { base, quote, lot } = this.market;
    const part = (this.free(this.isBuy ? quote : base) * percent) / 100n;
    let amount = part;
    if (this.isBuy && this.isMarket) {
      node("quantity-unit").value = "quote";
    } else if (this.isBuy) {
      const order = this.read({ isQuiet: true });
      // A list holds what the dearer of its orders needs.
      const price = [order.price, order.stop, order.stopLimit].reduce(larger);
      if (price === null) {
        this.askForPrice();
        return;
      }
      amount = floorTo((part * 10n ** 8n) / price, lot);
    } else {
      node("quantity-unit").value = "base";
      amount = floorTo(part, lot);
    }
    node("quantity").value = formatUnits(amount, 0);
    this.draw();
  }

  askForPrice() {
    const missing = ["price", "stop"].find((id) => this.rows.has(`${id}-row`));
    if (missing) this.say(`${missing}-error`, "Write a price first.");
    else this.say("quantity-error", "The price is not known yet: write an amount.");
  }

  async submit() {
    const order = this.read();
    if (!order.isGood || node("place").disabled) return;
    order.name = newClientOrderId();
    const [method, params] = requestOf(this.kind, order);
    const text = describe(this.kind, order, this.market);
    // Kept before it is sent: whatever happens to the connection, the order can be asked for by this name.
    this.pending.keep(order.name, { symbol: params.symbol, text });
    node("place").disabled = true;
    node("place").textContent = "Sending…";
    try {
      const result = await this.place(method, params);
      this.pending.drop(order.name);
      node("quantity").value = node("iceberg").value = "";
      tellOutcome(text, result);
    } catch (error) {
      this.refuse(error, order.name, text);
    } finally {
      node("place").disabled = false;
      const message = node("order-error").textContent;
      this.draw();
      node("order-error").textContent = message;
    }
  }

  refuse(error, name, text) {
    if (error instanceof Refused) {
      this.pending.drop(name);
      node("order-error").textContent = error.message;
      toast("bad", "Order refused", error.message);
    } else if (error instanceof AnswerLost) {
      toast("bad", "No answer yet", `${text}: it may or may not be placed. It is looked up as soon as there is a connection.`);
      this.settle();
    } else {
      throw error;
    }
  }
}

const OUTCOMES = {
  NEW: ["good", "Order placed"],
  EXECUTING: ["good", "Both orders placed"],
  PARTIALLY_FILLED: ["good", "Order partly filled"],
  FILLED: ["good", "Order filled"],
  CANCELED: ["plain", "Order canceled"],
  EXPIRED: ["plain", "Order expired"],
  EXPIRED_IN_MATCH: ["plain", "Order expired: it met an order of yours"],
};

/** The larger of two amounts, of which there may be none. */
function larger(one, other) {
  return one === null || (other !== null && other > one) ? other : one;
}

/** Say what became of an order or of a list. */
export function tellOutcome(text, order) {
  const status = order.status ?? order.listOrderStatus;
  const [kind, title] = OUTCOMES[status] ?? ["plain", status];
  const isNothing = status === "EXPIRED" && /^[0.]*$/.test(order.executedQty ?? "");
  toast(kind, title, isNothing ? `${text}: nothing matched, nothing was traded.` : text);
}
