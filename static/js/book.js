// An order book kept up to date by the depth stream: a snapshot, then differences with U (first) and u (last) numbers.

import { parseUnits } from "./money.js";

export class Book {
  constructor() {
    this.lastUpdateId = null;
    this.bids = new Map();
    this.asks = new Map();
  }

  get isLoaded() {
    return this.lastUpdateId !== null;
  }

  /** Forget everything, until the next snapshot. */
  clear() {
    this.lastUpdateId = null;
    this.bids.clear();
    this.asks.clear();
  }

  /** Start from a snapshot. */
  load(snapshot) {
    this.clear();
    for (const [price, quantity] of snapshot.bids) this.bids.set(parseUnits(price), parseUnits(quantity));
    for (const [price, quantity] of snapshot.asks) this.asks.set(parseUnits(price), parseUnits(quantity));
    this.lastUpdateId = snapshot.lastUpdateId;
  }

  /** Apply a difference. Return "applied", "old" when the book has it already, or "gap" when a snapshot is needed. */
  apply(difference) {
    if (difference.u <= this.lastUpdateId) return "old";
    if (difference.U > this.lastUpdateId + 1) return "gap";
    for (const [price, quantity] of difference.b) change(this.bids, price, quantity);
    for (const [price, quantity] of difference.a) change(this.asks, price, quantity);
    this.lastUpdateId = difference.u;
    return "applied";
  }

  /** Return up to `count` bids as [price, quantity], the best first. */
  topBids(count) {
    return sorted(this.bids, (one, other) => (one[0] > other[0] ? -1 : 1)).slice(0, count);
  }

  /** Return up to `count` asks as [price, quantity], the best first. */
  topAsks(count) {
    return sorted(this.asks, (one, other) => (one[0] < other[0] ? -1 : 1)).slice(0, count);
  }
}

function change(side, priceText, quantityText) {
  const quantity = parseUnits(quantityText);
  const price = parseUnits(priceText);
  if (quantity === 0n) side.delete(price);
  else side.set(price, quantity);
}

function sorted(side, order) {
  return [...side.entries()].sort(order);
}
