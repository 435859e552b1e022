// The trade page: ties the market's public feed and the account's own connection to what is shown.

import { Balances } from "./balances.js";
import { BookView } from "./book_view.js";
import { DepthChart } from "./depth_chart.js";
import { MarketFeed } from "./feed.js";
import { showLive } from "./live.js";
import { readMarket } from "./market.js";
import { formatUnits, parseUnits } from "./money.js";
import { OpenOrders } from "./open_orders.js";
import { OrderForm, tellOutcome } from "./order_form.js";
import { newClientOrderId, Pending } from "./pending.js";
import { AnswerLost, Api, Refused } from "./socket.js";
import { toast } from "./toasts.js";
import { TradesList } from "./trades_list.js";

const SETTLE_AGAIN_MS = 5000;

const root = document.getElementById("trade");
const market = readMarket(root);
const user = root.dataset.user;
const live = { feed: false, account: !user };
let accountProblem; // why the account's connection is not live, as long as it says so
let account = null;

const bookView = new BookView(market, (price) => account?.form.setPrice(price));
const depthChart = new DepthChart(market);
const tradesList = new TradesList(market);

const feed = new MarketFeed(market.symbol, {
  onBook(book) {
    bookView.draw(book);
    depthChart.draw(book);
    account?.form.suggestPrice();
  },
  onTrades: (trades, isFirst) => tradesList.add(trades, isFirst),
  onState: (isLive) => show("feed", isLive),
});

if (user) account = openAccount();

function show(part, isLive, problem) {
  live[part] = isLive;
  if (part === "account") accountProblem = problem;
  showLive(live.feed && live.account, accountProblem);
}

function openAccount() {
  const balances = new Balances();
  const pending = new Pending(user);
  const api = new Api({ onReady, onEvent, onState: (isLive, problem) => show("account", isLive, problem) });
  const orders = new OpenOrders(market, {
    cancel: (id) => api.request("order.cancel", { symbol: market.symbol, orderId: Number(id) }),
    cancelAll: () => api.request("openOrders.cancelAll", { symbol: market.symbol }),
  });
  const form = new OrderForm(market, {
    pending,
    free: (asset) => balances.free(asset),
    best: () => [feed.book.topBids(1)[0]?.[0] ?? null, feed.book.topAsks(1)[0]?.[0] ?? null],
    last: () => tradesList.last,
    place: (method, params) => api.request(method, params),
    settle: () => settle(),
  });

  async function onReady() {
    orders.forgetReports();
    balances.forgetEvents();
    orders.load(await api.request("openOrders.status", { symbol: market.symbol }));
    balances.load(await api.request("account.status"));
    form.draw();
    settle();
  }

  function onEvent(event) {
    if (event.e === "executionReport") {
      orders.report(event);
      if (event.x === "TRADE" && event.s === market.symbol) tellFill(event);
    } else if (event.e === "outboundAccountPosition") {
      balances.take(event);
      form.drawAvailable();
    }
  }

  async function settle() {
    try {
      await pending.settle({ ask, fence, tell: tellSettled });
    } catch (error) {
      if (!(error instanceof AnswerLost || error instanceof Refused)) throw error;
      setTimeout(() => api.socket.isOpen && settle(), SETTLE_AGAIN_MS); // without a connection, the next one settles
    }
  }

  async function ask(id, order) {
    try {
      return await api.request("order.status", { symbol: order.symbol, origClientOrderId: id });
    } catch (error) {
      if (error instanceof Refused && error.code === -2013) return null;
      throw error;
    }
  }

  // Commands are applied in order: once this one is refused, everything sent before it is done.
  async function fence(order) {
    try {
      await api.request("order.cancel", { symbol: order.symbol, origClientOrderId: newClientOrderId() });
    } catch (error) {
      if (!(error instanceof Refused && error.code === -2011)) throw error;
    }
  }

  return { form };
}

function tellSettled(order, found) {
  if (found) tellOutcome(order.text, found);
  else toast("bad", "Order not placed", `${order.text}: it did not arrive. Nothing was traded.`);
}

function tellFill(event) {
  if (!event.m) return; // the taker already hears of its fills in the answer to its order
  const side = event.S === "BUY" ? "Bought" : "Sold";
  const quantity = formatUnits(parseUnits(event.l), 0);
  toast("good", event.X === "FILLED" ? "Order filled" : "Order partly filled", `${side} ${quantity} ${market.base} at ${formatUnits(parseUnits(event.L), 0)}`);
}
