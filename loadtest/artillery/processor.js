"use strict";

// What the scenarios do between requests: signing, orders, and looking at every answer. Needs Node and nothing else.
//
// Counted in every scenario: mex.sent, mex.ok, mex.refused (retryable, by code), mex.errors (everything else, by what it
// was). An error does not end a virtual user: the thresholds of a scenario (`ensure`) judge them all at its end.

const crypto = require("crypto");
const fs = require("fs");

const UNITS = 100000000n;
const LEVELS = 20; // as in loadtest/mix.py: orders rest up to so many ticks from the middle
const CROSSING_TICKS = 2 * LEVELS;
const RECV_WINDOW_MS = 60000;
const ANSWER_TIMEOUT_MS = 10000;
// Nothing was done, and the same may pass later. Source: docs/errors.md.
const REFUSALS = new Set([-1003, -1008, -1015]);
const UNKNOWN_ORDER = -2011;
const NORMAL_CLOSURES = new Set([1000, 1005]);

const given = JSON.parse(fs.readFileSync(process.env.MEX_ARTILLERY_FILE, "utf8"));

function pick(list) {
  return list[crypto.randomInt(list.length)];
}

function decimal(units) {
  return `${units / UNITS}.${String(units % UNITS).padStart(8, "0")}`;
}

function signature(text, secret) {
  return crypto.createHmac("sha256", secret).update(text).digest("hex");
}

function urlencoded(params) {
  return Object.entries(params)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

function signedQuery(params, user) {
  const text = urlencoded({ ...params, recvWindow: RECV_WINDOW_MS, timestamp: Date.now() });
  return `${text}&signature=${signature(text, user.secret)}`;
}

// The names sorted, `name=value` joined by `&`. Source: docs/api.md, "Authentication".
function signedFrame(id, method, params, user) {
  const all = { ...params, apiKey: user.key, recvWindow: String(RECV_WINDOW_MS), timestamp: String(Date.now()) };
  const text = Object.keys(all)
    .sort()
    .map((name) => `${name}=${all[name]}`)
    .join("&");
  return JSON.stringify({ id, method, params: { ...all, signature: signature(text, user.secret) } });
}

// --- counting -------------------------------------------------------------------------------------------------------

// Thresholds can only name what was counted, if only as zero.
function begin(events) {
  for (const name of ["sent", "ok", "refused", "errors", "market_data.frames"]) events.emit("counter", `mex.${name}`, 0);
}

function failed(events, what) {
  events.emit("counter", "mex.errors", 1);
  events.emit("counter", `mex.error.${what}`, 1);
}

function count(events, status, code, where) {
  events.emit("counter", "mex.sent", 1);
  if (status === 200) {
    events.emit("counter", "mex.ok", 1);
  } else if (REFUSALS.has(code)) {
    events.emit("counter", "mex.refused", 1);
    events.emit("counter", `mex.refusal.${code}`, 1);
  } else {
    failed(events, `${where} ${status}${code === undefined ? "" : ` ${code}`}`);
  }
}

function codeIn(body) {
  try {
    return JSON.parse(body).code;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // a page
    throw error;
  }
}

// --- orders ---------------------------------------------------------------------------------------------------------

function newOrder() {
  const market = pick(given.markets);
  const isBuy = crypto.randomInt(2) === 0;
  const isCrossing = crypto.randomInt(7) === 0; // ten of seventy, as in the mix of `manage.py loadtest`
  const ticks = isCrossing ? -CROSSING_TICKS : crypto.randomInt(LEVELS) + 1;
  const price = BigInt(market.mid) + BigInt(isBuy ? -ticks : ticks) * BigInt(market.tick);
  return {
    newClientOrderId: crypto.randomUUID(),
    price: decimal(price),
    quantity: decimal(BigInt(pick(market.quantities))),
    side: isBuy ? "BUY" : "SELL",
    symbol: market.symbol,
    timeInForce: isCrossing ? "IOC" : "GTC",
    type: "LIMIT",
  };
}

// One in three requests of a virtual user cancels one of its orders; at its end it cancels the rest.
function nextRequest(vars) {
  if (vars.open.length > 0 && crypto.randomInt(3) === 0) return cancelRequest(vars);
  return { method: "order.place", params: newOrder() };
}

function cancelRequest(vars) {
  const order = vars.open.splice(crypto.randomInt(vars.open.length), 1)[0];
  return { method: "order.cancel", params: { orderId: String(order.orderId), symbol: order.symbol } };
}

function signIn(context, events, done) {
  context.vars.user = pick(given.users);
  context.vars.apiKey = context.vars.user.key;
  context.vars.open = [];
  begin(events);
  done();
}

function prepare(context, request) {
  context.vars.requestId = crypto.randomUUID();
  context.vars.request = request;
  context.vars.frame = signedFrame(context.vars.requestId, request.method, request.params, context.vars.user);
  context.vars.startedNs = process.hrtime.bigint();
}

// Just before the step `send`, which waits for the next frame and keeps it in `answer`.
function prepareRequest(context, events, done) {
  prepare(context, nextRequest(context.vars));
  done();
}

// After it: whether that was the right answer, and what it says.
function lookAtAnswer(context, events, done) {
  const { answer, request, requestId, startedNs, open } = context.vars;
  const tookMs = Number(process.hrtime.bigint() - startedNs) / 1e6;
  if (answer.id !== requestId) {
    failed(events, "an answer to another request");
    return done();
  }
  noteAnswer(events, request, answer, tookMs, open);
  return done();
}

function noteAnswer(events, request, answer, tookMs, open) {
  const code = answer.error && answer.error.code;
  // It was filled before the cancel came: rightly answered, and no error.
  const cameTooLate = request.method === "order.cancel" && code === UNKNOWN_ORDER;
  count(events, cameTooLate ? 200 : answer.status, code, request.method);
  if (answer.status === 200) events.emit("histogram", `mex.${request.method}_ms`, tookMs);
  if (answer.status === 200 && ["NEW", "PARTIALLY_FILLED"].includes(answer.result.status)) open.push(answer.result);
}

// Cancels what still rests, so that no account runs into MAX_NUM_ORDERS.
async function cancelRest(context, events) {
  while (context.vars.open.length > 0) {
    prepare(context, cancelRequest(context.vars));
    const answered = nextFrame(context.ws, context.vars.requestId);
    context.ws.send(context.vars.frame);
    const answer = await answered;
    const tookMs = Number(process.hrtime.bigint() - context.vars.startedNs) / 1e6;
    noteAnswer(events, context.vars.request, answer, tookMs, []);
  }
}

function nextFrame(socket, id) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no answer within 10 s")), ANSWER_TIMEOUT_MS);
    const settle = (then, value) => {
      clearTimeout(timer);
      then(value);
    };
    socket.onclose = () => settle(reject, new Error("closed by the server"));
    socket.onmessage = (event) => {
      const answer = JSON.parse(event.data);
      if (answer.id === id) settle(resolve, answer);
    };
  });
}

// --- websocket connections ------------------------------------------------------------------------------------------

// One --target for both engines: http becomes ws, https wss.
function connectToApi(connection, context, done) {
  connection.target = `${connection.target.replace(/^http/, "ws")}/ws-api/v3?returnRateLimits=false`;
  done();
}

function connectToStreams(connection, context, done) {
  const names = given.markets.flatMap(({ symbol }) => {
    const name = symbol.toLowerCase();
    return [`${name}@depth@100ms`, `${name}@trade`, `${name}@bookTicker`];
  });
  connection.target = `${connection.target.replace(/^http/, "ws")}/stream?streams=${names.join("/")}`;
  done();
}

// Reads for `listenSeconds`: every update id must follow the one before, and only we may close.
function listen(context, events, done) {
  const last = new Map();
  begin(events);
  context.ws.onmessage = (event) => lookAtEvent(JSON.parse(event.data), last, events);
  context.ws.onclose = (event) => {
    if (!NORMAL_CLOSURES.has(event.code)) failed(events, `stream closed with ${event.code}`);
  };
  setTimeout(done, Number(context.vars.listenSeconds) * 1000);
}

function lookAtEvent({ stream, data }, last, events) {
  events.emit("counter", "mex.market_data.frames", 1);
  if (data.E !== undefined) events.emit("histogram", "mex.market_data.lag_ms", Math.max(0, Date.now() - data.E));
  if (data.e !== "depthUpdate") return;
  const before = last.get(stream);
  if (before !== undefined && data.U !== before + 1) failed(events, "a gap in update ids");
  last.set(stream, data.u);
}

// --- HTTP -----------------------------------------------------------------------------------------------------------

function pickMarket(context, events, done) {
  context.vars.symbol = pick(given.markets).symbol;
  begin(events);
  done();
}

function drawPerson(context, events, done) {
  context.vars.email = `artillery-${crypto.randomUUID()}@example.com`;
  context.vars.password = crypto.randomBytes(18).toString("base64url");
  begin(events);
  done();
}

function signRead(context, events, done) {
  context.vars.query = signedQuery({}, context.vars.user);
  done();
}

function signOrder(context, events, done) {
  // It rests: a limit order that would cross has nothing left that could be cancelled.
  const order = { ...newOrder(), type: "LIMIT_MAKER", newOrderRespType: "RESULT" };
  delete order.timeInForce;
  const market = given.markets.find(({ symbol }) => symbol === order.symbol);
  const ticks = BigInt(CROSSING_TICKS + 1 + crypto.randomInt(LEVELS)) * BigInt(market.tick);
  order.price = decimal(order.side === "BUY" ? BigInt(market.mid) - ticks : BigInt(market.mid) + ticks);
  context.vars.order = order;
  context.vars.query = signedQuery(order, context.vars.user);
  done();
}

function signCancel(context, events, done) {
  const { symbol, newClientOrderId } = context.vars.order;
  context.vars.query = signedQuery({ symbol, origClientOrderId: newClientOrderId }, context.vars.user);
  done();
}

// After every HTTP answer. Redirects are followed, but not after a form: Artillery would post it once more.
function lookAtResponse(request, response, context, events, next) {
  const isGood = response.statusCode === 200 || response.statusCode === 302;
  count(events, isGood ? 200 : response.statusCode, codeIn(response.body), request.method);
  next();
}

// After a form, which is shown again with status 200 when something in it is wrong.
function expectRedirect(request, response, context, events, next) {
  if (response.statusCode !== 302) failed(events, `${new URL(request.url).pathname} was refused`);
  next();
}

// Whoever is not logged in is led to another page.
function expectBalances(request, response, context, events, next) {
  if (!response.body.includes("<title>Balances")) failed(events, "not logged in");
  next();
}

module.exports = {
  cancelRest,
  connectToApi,
  connectToStreams,
  drawPerson,
  expectBalances,
  expectRedirect,
  listen,
  lookAtAnswer,
  lookAtResponse,
  pickMarket,
  prepareRequest,
  signCancel,
  signIn,
  signOrder,
  signRead,
};
