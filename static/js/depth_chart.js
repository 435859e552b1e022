// A picture of the book: how much is bid below and asked above the price.

import { formatUnits } from "./money.js";

const WIDTH = 1000;
const HEIGHT = 400;
const LEVELS = 200;
const REDRAW_MS = 250;

export class DepthChart {
  constructor(market) {
    this.market = market;
    this.timer = null;
  }

  /** Draw the book soon: a few times a second is enough for the eye. */
  draw(book) {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.drawNow(book);
    }, REDRAW_MS);
  }

  drawNow(book) {
    let bids = book.topBids(LEVELS);
    let asks = book.topAsks(LEVELS);
    document.getElementById("depth-empty").hidden = bids.length + asks.length > 0;
    if (!bids.length && !asks.length) return this.write([], [], 0n, 0n, 0n);
    const middle = bids.length && asks.length ? (bids[0][0] + asks[0][0]) / 2n : (bids[0] ?? asks[0])[0];
    const reach = this.reach(bids, asks, middle);
    bids = bids.filter(([price]) => middle - price <= reach);
    asks = asks.filter(([price]) => price - middle <= reach);
    return this.write(bids, asks, middle, reach, largest(total(bids), total(asks)));
  }

  // As far as the nearer side goes, so that one order far away does not flatten all the others.
  reach(bids, asks, middle) {
    const below = bids.length ? middle - bids.at(-1)[0] : 0n;
    const above = asks.length ? asks.at(-1)[0] - middle : 0n;
    const nearer = below && above ? (below < above ? below : above) : largest(below, above);
    return largest((nearer * 11n) / 10n, this.market.tick);
  }

  write(bids, asks, middle, reach, most) {
    document.getElementById("depth-bids").setAttribute("d", area(bids, middle, reach, most, 0));
    document.getElementById("depth-asks").setAttribute("d", area(asks, middle, reach, most, WIDTH));
    const show = (price) => (most ? formatUnits(price - (price % this.market.tick), this.market.priceDecimals) : "");
    document.getElementById("depth-low").textContent = show(middle > reach ? middle - reach : 0n);
    document.getElementById("depth-middle").textContent = show(middle);
    document.getElementById("depth-high").textContent = show(middle + reach);
    document.getElementById("depth-most").textContent = most ? `${formatUnits(most, 0)} ${this.market.base}` : "";
  }
}

const largest = (one, other) => (one > other ? one : other);
const total = (levels) => levels.reduce((sum, [, quantity]) => sum + quantity, 0n);

// The outline of the steps of one side, from the middle to its edge. Pixels may be floats, amounts are not.
function area(levels, middle, reach, most, edge) {
  if (!levels.length || !most) return "";
  const x = (price) => Number(((price - middle) * 5000n) / reach) / 10 + WIDTH / 2;
  const y = (sum) => HEIGHT - (Number((sum * 10_000n) / most) / 10_000) * HEIGHT * 0.92;
  let sum = 0n;
  let path = `M${x(levels[0][0])} ${HEIGHT}`;
  for (const [price, quantity] of levels) {
    path += `L${x(price)} ${y(sum)}`;
    sum += quantity;
    path += `L${x(price)} ${y(sum)}`;
  }
  return `${path}L${edge} ${y(sum)}L${edge} ${HEIGHT}Z`;
}
