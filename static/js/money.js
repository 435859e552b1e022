// Money in the browser: decimal strings and BigInt units of 10^-8, never floats. The same rules as mex/money.py.

export const DECIMALS = 8;
export const UNITS = 10n ** 8n;
const PPM = 1_000_000n;
const AMOUNT_MAX = 2n ** 63n - 1n;
const DECIMAL = /^([0-9]{1,20})?(?:\.([0-9]*))?$/;

/** What somebody typed is not an amount; the message is for that person. */
export class NotAnAmount extends Error {}

/** Return the units that a decimal text stands for. Throws NotAnAmount. */
export function parseUnits(text) {
  const match = DECIMAL.exec(text.trim());
  if (!match || (!match[1] && !match[2])) throw new NotAnAmount("Write a number such as 0.25, with a decimal point.");
  const fraction = (match[2] ?? "").replace(/0+$/, "");
  if (fraction.length > DECIMALS) throw new NotAnAmount("At most eight decimals, please.");
  const units = BigInt(match[1] ?? "0") * UNITS + BigInt(fraction.padEnd(DECIMALS, "0"));
  if (units > AMOUNT_MAX) throw new NotAnAmount("This number is too large.");
  return units;
}

/** Return units as a decimal text with at least `decimals` decimals, and as many more as it takes to be exact. */
export function formatUnits(units, decimals = DECIMALS) {
  if (units < 0n) return `-${formatUnits(-units, decimals)}`;
  let fraction = (units % UNITS).toString().padStart(DECIMALS, "0");
  while (fraction.length > decimals && fraction.endsWith("0")) fraction = fraction.slice(0, -1);
  const whole = (units / UNITS).toString();
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** Return a decimal text from the server with at least `decimals` decimals. */
export function formatText(text, decimals) {
  return formatUnits(parseUnits(text), decimals);
}

/** Return the quote units that a quantity costs at a price; exact where both are on the market's steps, else rounded down. */
export function notional(price, quantity) {
  return (price * quantity) / UNITS;
}

/** Return the fee on an amount, rounded up as the engine does. */
export function feeOf(amount, ppm) {
  return (amount * BigInt(ppm) + PPM - 1n) / PPM;
}

/** Return the largest multiple of a step that is not above the amount. */
export function floorTo(amount, step) {
  return amount - (amount % step);
}

/** Return how many decimals a number on this step can have: 5 for "0.00001000". */
export function decimalsOf(step) {
  const fraction = (step.split(".")[1] ?? "").replace(/0+$/, "");
  return fraction.length;
}
