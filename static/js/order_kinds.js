// What each kind of order asks for, and what is sent for it. Amounts are units; the words are those of docs/api.md.

import { percent } from "./market.js";
import { formatUnits } from "./money.js";

/** The rows of the form that a kind shows, by id. `choice` is what the selects say. */
export function rowsOf(kind, choice) {
  const shown = new Set();
  if (kind === "STOP") shown.add("trigger-row").add("then-row");
  if (kind === "OCO" || (kind === "STOP" && choice.trigger !== "TRAIL")) shown.add("stop-row");
  if (kind === "STOP" && choice.trigger !== "PRICE") shown.add("trail-row");
  if (kind === "OCO") shown.add("stop-limit-row");
  if (kind === "LIMIT" || kind === "OCO" || (kind === "STOP" && choice.then === "LIMIT")) shown.add("price-row");
  if (kind === "LIMIT" || (kind === "STOP" && choice.then === "LIMIT")) shown.add("force-row");
  if (mayHide(kind, choice)) shown.add("iceberg-row");
  return shown;
}

/** Whether an order of this kind may show only a part of itself: only what may rest until it is canceled. */
function mayHide(kind, choice) {
  if (kind === "OCO") return true;
  if (kind === "LIMIT") return choice.force === "GTC" || choice.force === "MAKER";
  return kind === "STOP" && choice.then === "LIMIT" && choice.force === "GTC";
}

/** Whether a stop price stands where the order would stop a loss; without a last price it is taken for that. */
export function stopsLoss(isBuy, stop, last) {
  if (stop === null || last === null) return true;
  return isBuy ? stop > last : stop < last;
}

/** Return [method, params] for an order that was read from the form. */
export function requestOf(kind, order) {
  const shared = { symbol: order.symbol, side: order.isBuy ? "BUY" : "SELL" };
  if (order.stp) shared.selfTradePreventionMode = order.stp;
  if (kind === "OCO") return ["orderList.place.oco", { ...shared, ...listParams(order) }];
  const params = { ...shared, newClientOrderId: order.name, newOrderRespType: "RESULT" };
  if (order.quantity !== null) params.quantity = formatUnits(order.quantity);
  if (order.total !== null) params.quoteOrderQty = formatUnits(order.total);
  if (order.iceberg !== null) params.icebergQty = formatUnits(order.iceberg);
  if (order.price !== null) params.price = formatUnits(order.price);
  if (kind === "MARKET") return ["order.place", { ...params, type: "MARKET" }];
  if (kind === "LIMIT") {
    const force = order.force === "MAKER" ? { type: "LIMIT_MAKER" } : { type: "LIMIT", timeInForce: order.force };
    return ["order.place", { ...params, ...force }];
  }
  const type = stopsLoss(order.isBuy, order.stop, order.last) ? "STOP_LOSS" : "TAKE_PROFIT";
  if (order.stop !== null) params.stopPrice = formatUnits(order.stop);
  if (order.trail !== null) params.trailingDelta = Number(order.trail);
  if (order.price === null) return ["order.place", { ...params, type }];
  return ["order.place", { ...params, type: `${type}_LIMIT`, timeInForce: order.force }];
}

// The limit order takes the profit and the stop order the loss: above and below the market, as the side wants it.
function listParams(order) {
  const [limit, stop] = order.isBuy ? ["below", "above"] : ["above", "below"];
  const params = {
    quantity: formatUnits(order.quantity),
    newOrderRespType: "RESULT",
    [`${limit}Type`]: "LIMIT_MAKER",
    [`${limit}Price`]: formatUnits(order.price),
    [`${stop}Type`]: order.stopLimit === null ? "STOP_LOSS" : "STOP_LOSS_LIMIT",
    [`${stop}StopPrice`]: formatUnits(order.stop),
    // The list is asked for by the name of the order above.
    aboveClientOrderId: order.name,
  };
  if (order.iceberg !== null) params[`${limit}IcebergQty`] = formatUnits(order.iceberg);
  if (order.stopLimit !== null) {
    params[`${stop}Price`] = formatUnits(order.stopLimit);
    params[`${stop}TimeInForce`] = "GTC";
  }
  return params;
}

/** Return an order in words, such as "Sell 1 ETH at 0.05". */
export function describe(kind, order, { base, quote }) {
  const show = (units) => formatUnits(units, 0);
  const amount = order.quantity !== null ? `${show(order.quantity)} ${base}` : `${show(order.total)} ${quote}`;
  const words = [order.isBuy ? "Buy" : "Sell", amount];
  words.push(order.price === null ? "at market" : `at ${show(order.price)}`);
  if (order.stop !== null) words.push(kind === "OCO" ? `or stop at ${show(order.stop)}` : `when the price is ${show(order.stop)}`);
  if (order.trail !== null) words.push(`${percent(order.trail)} back`);
  return words.join(" ");
}
