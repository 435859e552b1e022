// The rules of the market that a trade page is about, read from its markup.

import { formatUnits, notional, parseUnits } from "./money.js";

/** Read the market from the page's root element. Amounts become units. */
export function readMarket(root) {
  const text = root.dataset;
  const market = {
    symbol: text.symbol,
    base: text.base,
    quote: text.quote,
    takerPpm: text.takerPpm,
    makerPpm: text.makerPpm,
    priceDecimals: Number(text.priceDecimals),
    quantityDecimals: Number(text.quantityDecimals),
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
