// The order form: reads what was typed, says what is wrong beside the field, and sends one order.

import { priceProblem, quantityProblem, totalProblem } from "./market.js";
import { feeOf, floorTo, formatUnits, NotAnAmount, notional, parseUnits } from "./money.js";
import { newClientOrderId } from "./pending.js";
import { AnswerLost, Refused } from "./socket.js";
import { toast } from "./toasts.js";

const node = (id) => document.getElementById(id);

export class OrderForm {
  /** `free(asset)` returns available units, `best()` the best [bid, ask] or null each, `place(params)` sends,
   * `settle()` finds out about orders that got no answer. */
  constructor(market, { free, best, place, pending, settle }) {
    Object.assign(this, { market, free, best, place, pending, settle });
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

  get isMarket() {
    return this.form.elements.type.value === "MARKET";
  }

  get isInQuote() {
    return this.isMarket && node("quantity-unit").value === "quote";
  }

  /** Offer a price, picked in the book. */
  setPrice(price) {
    if (this.isMarket) return;
    node("price").value = formatUnits(price, this.market.priceDecimals);
    this.draw();
  }

  /** Suggest the price that trades at once, as long as nothing was typed. */
  suggestPrice() {
    if (node("price").value || this.wasSuggested || document.activeElement === node("price")) return;
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
    node("price-row").hidden = node("force-row").hidden = this.isMarket;
    node("quantity-unit").hidden = !this.isMarket;
    node("quantity-asset").hidden = this.isMarket;
    this.drawAvailable();
    node("fee-asset").textContent = this.isBuy ? base : quote;
    if (!node("place").disabled) node("place").textContent = `${this.isBuy ? "Buy" : "Sell"} ${base}`;
    for (const id of ["price-error", "quantity-error", "order-error"]) this.say(id, "");
    this.drawSums();
  }

  drawAvailable() {
    const paid = this.isBuy ? this.market.quote : this.market.base;
    node("available").textContent = formatUnits(this.free(paid));
    node("available-asset").textContent = paid;
  }

  drawSums() {
    const order = this.read({ isQuiet: true });
    const [bid, ask] = this.best();
    const price = this.isMarket ? (this.isBuy ? ask : bid) : order.price;
    let total = order.total;
    let quantity = order.quantity;
    if (total === null && price !== null && quantity !== null) total = notional(price, quantity);
    if (quantity === null && total !== null && price) quantity = (total * 10n ** 8n) / price;
    const about = this.isMarket ? "≈ " : "";
    node("total").textContent = total === null ? "–" : about + formatUnits(total, this.market.priceDecimals);
    const received = this.isBuy ? quantity : total;
    node("fee").textContent = received === null ? "–" : about + formatUnits(feeOf(received, this.market.takerPpm), 0);
  }

  /** Return {price, quantity, total} in units, null where there is none; and say what is wrong unless `isQuiet`. */
  read({ isQuiet = false } = {}) {
    const order = { price: null, quantity: null, total: null, isGood: true };
    const problem = (id, text) => {
      if (!text) return;
      order.isGood = false;
      if (!isQuiet) this.say(id, text);
    };
    if (!this.isMarket) {
      order.price = this.number("price", (text) => problem("price-error", text));
      if (order.price !== null) problem("price-error", priceProblem(this.market, order.price));
    }
    const amount = this.number("quantity", (text) => problem("quantity-error", text));
    if (amount === null) return order;
    if (this.isInQuote) {
      order.total = amount;
      problem("quantity-error", totalProblem(this.market, amount));
    } else {
      order.quantity = amount;
      problem("quantity-error", quantityProblem(this.market, amount, order.price));
    }
    return order;
  }

  number(id, problem) {
    const text = node(id).value.trim();
    try {
      const units = parseUnits(text || "0");
      if (units > 0n) return units;
      problem(id === "price" ? "Write a price." : "Write an amount.");
    } catch (error) {
      if (!(error instanceof NotAnAmount)) throw error;
      problem(error.message);
    }
    return null;
  }

  say(id, text) {
    node(id).textContent = text;
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
      const price = this.read({ isQuiet: true }).price;
      if (price === null) {
        this.say("price-error", "Write a price first.");
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

  async submit() {
    const order = this.read();
    if (!order.isGood || node("place").disabled) return;
    const params = this.params(order);
    const text = this.describe(order);
    // Kept before it is sent: whatever happens to the connection, the order can be asked for by this name.
    this.pending.keep(params.newClientOrderId, { symbol: params.symbol, text });
    node("place").disabled = true;
    node("place").textContent = "Sending…";
    try {
      const result = await this.place(params);
      this.pending.drop(params.newClientOrderId);
      node("quantity").value = "";
      tellOutcome(text, result);
    } catch (error) {
      this.refuse(error, params, text);
    } finally {
      node("place").disabled = false;
      const message = node("order-error").textContent;
      this.draw();
      node("order-error").textContent = message;
    }
  }

  refuse(error, params, text) {
    if (error instanceof Refused) {
      this.pending.drop(params.newClientOrderId);
      node("order-error").textContent = error.message;
      toast("bad", "Order refused", error.message);
    } else if (error instanceof AnswerLost) {
      toast("bad", "No answer yet", `${text}: it may or may not be placed. It is looked up as soon as there is a connection.`);
      this.settle();
    } else {
      throw error;
    }
  }

  params(order) {
    const force = node("force").value;
    const params = {
      symbol: this.market.symbol,
      side: this.isBuy ? "BUY" : "SELL",
      newClientOrderId: newClientOrderId(),
      newOrderRespType: "RESULT",
    };
    if (order.quantity !== null) params.quantity = formatUnits(order.quantity);
    if (order.total !== null) params.quoteOrderQty = formatUnits(order.total);
    if (this.isMarket) return { ...params, type: "MARKET" };
    params.price = formatUnits(order.price);
    if (force === "MAKER") return { ...params, type: "LIMIT_MAKER" };
    return { ...params, type: "LIMIT", timeInForce: force };
  }

  describe(order) {
    const amount = order.quantity !== null ? `${formatUnits(order.quantity, 0)} ${this.market.base}` : `${formatUnits(order.total, 0)} ${this.market.quote}`;
    const price = order.price === null ? "at market" : `at ${formatUnits(order.price, 0)}`;
    return `${this.isBuy ? "Buy" : "Sell"} ${amount} ${price}`;
  }
}

const OUTCOMES = {
  NEW: ["good", "Order placed"],
  PARTIALLY_FILLED: ["good", "Order partly filled"],
  FILLED: ["good", "Order filled"],
  CANCELED: ["plain", "Order canceled"],
  EXPIRED: ["plain", "Order expired"],
};

/** Say what became of an order. */
export function tellOutcome(text, order) {
  const [kind, title] = OUTCOMES[order.status] ?? ["plain", order.status];
  const isNothing = order.status === "EXPIRED" && /^[0.]*$/.test(order.executedQty ?? "");
  toast(kind, title, isNothing ? `${text}: nothing matched, nothing was traded.` : text);
}
