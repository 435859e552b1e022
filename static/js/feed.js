// A market's public data: the book without gaps, trades, best prices.

import { Book } from "./book.js";
import { Socket } from "./socket.js";

const LEVELS = 1000;
const BUFFER_MAX = 1000;
const RETRY_MS = 1000;

/** Follows one market. Calls onBook(book), onTrades(trades, isFirst) with the newest last, and onState(isLive). */
export class MarketFeed {
  constructor(symbol, { onBook, onTrades, onState }) {
    Object.assign(this, { symbol, onBook, onTrades, onState });
    this.book = new Book();
    this.buffer = [];
    this.snapshotNumber = 0;
    const name = symbol.toLowerCase();
    this.socket = new Socket(`/stream?streams=${name}@depth@100ms/${name}@trade`, {
      onOpen: () => this.restart(),
      onFrame: (frame) => this.take(frame),
      onState: (isOpen) => isOpen || onState(false),
      heartbeat: () => ({ method: "LIST_SUBSCRIPTIONS", params: [], id: 1 }),
    });
    this.socket.connect();
  }

  /** Read everything again: after a connection, and after a gap. */
  async restart() {
    const number = (this.snapshotNumber += 1);
    this.book.clear();
    this.buffer = [];
    try {
      const [depth, trades] = await Promise.all([
        read(`/api/v3/depth?symbol=${this.symbol}&limit=${LEVELS}`),
        read(`/api/v3/trades?symbol=${this.symbol}&limit=50`),
      ]);
      if (number !== this.snapshotNumber) return; // a later connection is already reading its own
      this.onTrades(trades, true);
      this.load(depth);
    } catch (error) {
      if (!(error instanceof Unavailable || error instanceof TypeError)) throw error; // fetch throws TypeError offline
      this.onState(false);
      setTimeout(() => number === this.snapshotNumber && this.socket.isOpen && this.restart(), RETRY_MS);
    }
  }

  load(depth) {
    this.book.load(depth);
    const buffer = this.buffer;
    this.buffer = [];
    for (const difference of buffer) {
      if (this.book.apply(difference) === "gap") {
        setTimeout(() => this.restart(), RETRY_MS / 10);
        return;
      }
    }
    this.onState(true);
    this.onBook(this.book);
  }

  take(frame) {
    const data = frame.data;
    if (data?.e === "trade") {
      this.onTrades([{ id: data.t, price: data.p, qty: data.q, time: data.T, isBuyerMaker: data.m }], false);
    } else if (data?.e === "depthUpdate") {
      this.change(data);
    }
  }

  change(difference) {
    if (!this.book.isLoaded) {
      this.buffer.push(difference);
      if (this.buffer.length > BUFFER_MAX) this.buffer.shift();
      return;
    }
    const outcome = this.book.apply(difference);
    if (outcome === "gap") this.restart();
    else if (outcome === "applied") this.onBook(this.book);
  }
}

/** The server did not answer as it should. */
export class Unavailable extends Error {}

/** Read a public API path. */
export async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Unavailable(`${path}: ${response.status}`);
  return response.json();
}
