// Draws the book: a fixed number of rows on each side, with bars for the running sum.

import { formatUnits } from "./money.js";

const ROWS = 14;

export class BookView {
  constructor(market, onPick) {
    this.market = market;
    this.asks = makeRows(document.getElementById("asks"), onPick);
    this.bids = makeRows(document.getElementById("bids"), onPick);
    this.drawn = null;
  }

  /** Draw the book at the next frame; many changes between two frames are drawn once. */
  draw(book) {
    if (this.drawn === null) {
      this.drawn = requestAnimationFrame(() => {
        this.drawn = null;
        this.drawNow(book);
      });
    }
  }

  drawNow(book) {
    const asks = running(book.topAsks(ROWS));
    const bids = running(book.topBids(ROWS));
    const most = [asks.at(-1)?.sum ?? 0n, bids.at(-1)?.sum ?? 0n].reduce((one, other) => (one > other ? one : other));
    // The best ask is the last row of its half, next to the best bid.
    this.asks.forEach((row, index) => this.fill(row, asks[ROWS - 1 - index], most));
    this.bids.forEach((row, index) => this.fill(row, bids[index], most));
    this.drawBest(asks[0]?.price, bids[0]?.price);
  }

  fill(row, level, most) {
    const { priceDecimals, quantityDecimals } = this.market;
    row.price = level?.price ?? null;
    row.node.classList.toggle("is-empty", !level);
    write(row.cells[0], level ? formatUnits(level.price, priceDecimals) : "");
    write(row.cells[1], level ? formatUnits(level.quantity, quantityDecimals) : "");
    write(row.cells[2], level ? formatUnits(level.sum, quantityDecimals) : "");
    // Only the picture is a floating-point number.
    const share = level && most ? Number((level.sum * 1000n) / most) / 10 : 0;
    row.node.style.setProperty("--share", `${share}%`);
  }

  drawBest(ask, bid) {
    const show = (price) => (price === undefined ? "–" : formatUnits(price, this.market.priceDecimals));
    write(document.getElementById("best-ask"), show(ask));
    write(document.getElementById("best-bid"), show(bid));
    const isTwoSided = ask !== undefined && bid !== undefined;
    write(document.getElementById("spread"), isTwoSided ? formatUnits(ask - bid, this.market.priceDecimals) : "–");
    const text = isTwoSided ? `spread ${formatUnits(ask - bid, this.market.priceDecimals)}` : "no spread";
    write(document.getElementById("book-spread"), text);
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function running(levels) {
  let sum = 0n;
  return levels.map(([price, quantity]) => ({ price, quantity, sum: (sum += quantity) }));
}

function makeRows(body, onPick) {
  return Array.from({ length: ROWS }, () => {
    const node = body.insertRow();
    node.className = "is-empty";
    const row = { node, price: null, cells: [node.insertCell(), node.insertCell(), node.insertCell()] };
    row.cells[1].className = row.cells[2].className = "num";
    node.addEventListener("click", () => row.price !== null && onPick(row.price));
    return row;
  });
}
