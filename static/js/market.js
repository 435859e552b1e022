// The rules of the market that a trade page is about, read from its markup.

import { formatUnits, notional, parseUnits } from "./money.js";

/** Read the market from the page's root element. Amounts become units. */
export function readMarket(root) {
  const text = root.dataset;
  const market = {
    symbol: text.symbol,
    base: text.base,
    quote: text.quote,
    feePpm: Math.max(Number(text.makerPpm), Number(text.takerPpm)), // the most that an order may cost
    priceDecimals: Number(text.priceDecimals),
    quantityDecimals: Number(text.quantityDecimals),
    icebergParts: BigInt(text.icebergParts),
    trailingMin: BigInt(text.trailingMin),
    trailingMax: BigInt(text.trailingMax),
  };
  for (const name of ["tick", "lot", "priceMin", "priceMax", "quantityMin", "quantityMax", "notionalMin", "notionalMax"]) {
    market[name] = parseUnits(text[name]);
  }
  return market;
}

/** Return why a price cannot be ordered at, or "". */
export function priceProblem(market, price) {
  if (price % market.tick) return `The price must be a multiple of ${formatUnits(market.tick, 0)}.`;
  if (price < market.priceMin) return `The lowest price is ${formatUnits(market.priceMin, 0)}.`;
  if (price > market.priceMax) return `The highest price is ${formatUnits(market.priceMax, 0)}.`;
  return "";
}

/** Return why a quantity of the base asset cannot be ordered, or "". `price` is null for market orders. */
export function quantityProblem(market, quantity, price) {
  if (quantity % market.lot) return `The amount must be a multiple of ${formatUnits(market.lot, 0)}.`;
  if (quantity < market.quantityMin) return `The smallest amount is ${formatUnits(market.quantityMin, 0)} ${market.base}.`;
  if (quantity > market.quantityMax) return `The largest amount is ${formatUnits(market.quantityMax, 0)} ${market.base}.`;
  return price === null ? "" : totalProblem(market, notional(price, quantity));
}

/** Return why an order of this worth is refused, or "". */
export function totalProblem(market, total) {
  if (total < market.notionalMin) return `The smallest total is ${formatUnits(market.notionalMin, 0)} ${market.quote}.`;
  if (total > market.notionalMax) return `The largest total is ${formatUnits(market.notionalMax, 0)} ${market.quote}.`;
  return "";
}

/** Return why an iceberg cannot show this much of a quantity, or "". */
export function icebergProblem(market, shown, quantity) {
  if (shown % market.lot) return `The amount shown must be a multiple of ${formatUnits(market.lot, 0)}.`;
  if (quantity !== null && (quantity + shown - 1n) / shown > market.icebergParts) {
    return `At most ${market.icebergParts} parts, so show at least ${formatUnits(quantity / market.icebergParts, 0)}.`;
  }
  return "";
}

/** Return why a distance, in basis points, cannot be followed, or "". */
export function trailProblem(market, delta) {
  const { trailingMin, trailingMax } = market;
  if (delta >= trailingMin && delta <= trailingMax) return "";
  return `The distance must be ${percent(trailingMin)} to ${percent(trailingMax)}.`;
}

/** Return basis points as people read them: 150n is "1.5%". */
export function percent(delta) {
  return `${formatUnits(delta * 1_000_000n, 0)}%`;
}
