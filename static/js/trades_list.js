// The last trades of a market, newest first.

import { formatText, parseUnits } from "./money.js";
import { clock } from "./times.js";

const ROWS_MAX = 50;

export class TradesList {
  constructor(market) {
    this.market = market;
    this.body = document.getElementById("trades");
    this.newest = 0;
    this.last = null; // price of the last trade, units
    const last = document.getElementById("last-price");
    if (last.textContent !== "–") this.showLast(last.textContent, null);
  }

  /** Add trades, the newest last; `isFirst` replaces what is shown. */
  add(trades, isFirst) {
    if (isFirst) {
      this.body.replaceChildren();
      this.newest = 0;
    }
    for (const trade of trades) {
      if (trade.id <= this.newest) continue; // the stream and the list overlap after a reconnection
      this.newest = trade.id;
      this.body.prepend(this.row(trade));
      this.showLast(trade.price, trade.isBuyerMaker);
    }
    while (this.body.rows.length > ROWS_MAX) this.body.deleteRow(-1);
    document.getElementById("trades-empty").hidden = this.body.rows.length > 0;
  }

  row(trade) {
    const row = document.createElement("tr");
    row.dataset.trade = trade.id;
    const price = row.insertCell();
    price.textContent = formatText(trade.price, this.market.priceDecimals);
    price.className = trade.isBuyerMaker ? "sell" : "buy";
    const quantity = row.insertCell();
    quantity.textContent = formatText(trade.qty, this.market.quantityDecimals);
    const time = row.insertCell();
    time.textContent = clock(trade.time);
    quantity.className = "num";
    time.className = "num muted";
    return row;
  }

  showLast(price, isDown) {
    this.last = parseUnits(price);
    const text = formatText(price, this.market.priceDecimals);
    for (const id of ["last-price", "book-last"]) {
      const node = document.getElementById(id);
      node.textContent = text;
      node.classList.toggle("sell", isDown === true);
      node.classList.toggle("buy", isDown === false);
    }
    document.title = `${text} ${this.market.base}-${this.market.quote} · mex`;
  }
}
