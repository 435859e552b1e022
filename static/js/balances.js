// The account's balances where a page shows them: rows with data-asset and cells data-free, data-locked, data-total.

import { formatUnits, parseUnits } from "./money.js";

export class Balances {
  constructor() {
    this.amounts = new Map();
    this.changedAt = new Map(); // asset -> time of its last event, so that an older list cannot undo it
    for (const row of document.querySelectorAll("[data-asset]")) {
      const read = (name) => row.querySelector(`[data-${name}]`)?.textContent.trim() || "0";
      if (row.querySelector("[data-free]")) this.amounts.set(row.dataset.asset, [parseUnits(read("free")), parseUnits(read("locked"))]);
    }
  }

  /** Return the available units of an asset. */
  free(asset) {
    return this.amounts.get(asset)?.[0] ?? 0n;
  }

  /** A new connection: events from before it prove nothing any more. */
  forgetEvents() {
    this.changedAt.clear();
  }

  /** Show the account as the server listed it; events that came in the meantime are newer. */
  load(account) {
    for (const { asset, free, locked } of account.balances) {
      if (!this.changedAt.has(asset)) this.put(asset, free, locked);
    }
  }

  /** Take an outboundAccountPosition event. */
  take(event) {
    for (const { a, f, l } of event.B) {
      this.changedAt.set(a, event.u);
      this.put(a, f, l);
    }
  }

  put(asset, freeText, lockedText) {
    const free = parseUnits(freeText);
    const locked = parseUnits(lockedText);
    this.amounts.set(asset, [free, locked]);
    const texts = { free: formatUnits(free), locked: formatUnits(locked), total: formatUnits(free + locked) };
    for (const row of document.querySelectorAll(`[data-asset="${asset}"]`)) {
      for (const [name, text] of Object.entries(texts)) {
        const cell = row.querySelector(`[data-${name}]`);
        if (cell) cell.textContent = text;
      }
    }
  }
}
