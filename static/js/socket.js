// Websockets that come back by themselves: `Socket` for any path, `Api` for requests and answers on /ws-api/v3.

import { loggedOut } from "./live.js";

const DELAY_MS_FIRST = 500;
const DELAY_MS_MAX = 10_000;
const HEARTBEAT_MS = 20_000;
const ANSWER_MS_MAX = 12_000; // the server itself answers "unknown" after 10 s
const RETRY_MS = 1000;
const LOGGED_OUT = -2014; // no session came with the connection: the one of this page is over
const SUBSCRIBED = -2035; // by an earlier try on this connection

/** The connection ended, or nothing came, before an answer: what was asked may or may not have happened. */
export class AnswerLost extends Error {
  constructor() {
    super("The connection was lost before the answer came.");
  }
}

/** The server refused, with a stable code. */
export class Refused extends Error {
  constructor(error) {
    super(error.code === LOGGED_OUT ? "You are logged out." : error.msg);
    this.code = error.code;
  }

  get isLoggedOut() {
    return this.code === LOGGED_OUT;
  }
}

/** A websocket that reconnects with growing, random delays. */
export class Socket {
  constructor(path, { onOpen, onFrame, onState, heartbeat }) {
    Object.assign(this, { path, onOpen, onFrame, onState, heartbeat });
    this.failures = 0;
    this.heardAt = 0;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    addEventListener("pageshow", (event) => event.persisted && this.hurry());
    setInterval(() => this.check(), HEARTBEAT_MS);
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    this.onState?.(false);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    socket.onopen = () => {
      this.heardAt = Date.now();
      this.openedAt = Date.now();
      this.onState?.(true);
      this.onOpen?.();
    };
    socket.onmessage = (message) => {
      this.heardAt = Date.now();
      if (socket === this.socket) this.onFrame(JSON.parse(message.data));
    };
    socket.onclose = () => socket === this.socket && this.lost();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  /** Give this connection up and make a new one. */
  reset() {
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.lost();
  }

  lost() {
    this.onState?.(false);
    this.onLost?.();
    // A connection that held for a while ends a row of failures; one that is closed at once does not.
    if (Date.now() - (this.openedAt ?? Infinity) > DELAY_MS_MAX) this.failures = 0;
    const delay = Math.min(DELAY_MS_MAX, DELAY_MS_FIRST * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), delay);
  }

  hurry() {
    if (this.timer) this.connect();
    else this.check();
  }

  // A network that vanished closes nothing: whoever heard nothing for two heartbeats looks for a new connection.
  check() {
    if (!this.isOpen) return;
    if (Date.now() - this.heardAt > 2 * HEARTBEAT_MS) this.reset();
    else if (this.heartbeat) this.send(this.heartbeat());
  }
}

/** Requests and answers on /ws-api/v3, authenticated by the browser's session, and the account's events. */
export class Api {
  constructor({ onReady, onEvent, onState }) {
    this.onReady = onReady;
    this.onEvent = onEvent;
    this.waiting = new Map();
    this.number = 0;
    this.socket = new Socket("/ws-api/v3?returnRateLimits=false", {
      onOpen: () => this.start(),
      onFrame: (frame) => this.take(frame),
      onState: (isOpen) => isOpen || onState?.(false),
      heartbeat: () => ({ id: `ping-${(this.number += 1)}`, method: "ping" }),
    });
    this.socket.onLost = () => this.forget();
    this.onState = onState;
    this.socket.connect();
  }

  async start() {
    const connection = this.socket.socket;
    try {
      await this.subscribe();
      await this.onReady();
      this.onState?.(true);
    } catch (error) {
      if (!(error instanceof AnswerLost || error instanceof Refused)) {
        this.onState?.(false, error.message);
        throw error;
      }
      if (error instanceof Refused) this.onState?.(false, error.isLoggedOut ? loggedOut(error.message) : error.message);
      if (error.isLoggedOut) return;
      // What is refused now may be taken in a moment. After a lost connection, the next one starts by itself.
      setTimeout(() => connection === this.socket.socket && this.socket.isOpen && this.start(), RETRY_MS);
    }
  }

  async subscribe() {
    try {
      await this.request("userDataStream.subscribe");
    } catch (error) {
      if (!(error instanceof Refused && error.code === SUBSCRIBED)) throw error;
    }
  }

  /** Ask, and return the result. Throws Refused, or AnswerLost when nobody knows what became of it. */
  request(method, params = {}) {
    if (!this.socket.isOpen) return Promise.reject(new AnswerLost());
    const id = `page-${(this.number += 1)}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new AnswerLost());
      }, ANSWER_MS_MAX);
      this.waiting.set(id, { resolve, reject, timer });
      this.socket.send({ id, method, params });
    });
  }

  take(frame) {
    if (frame.event) {
      this.onEvent(frame.event);
      return;
    }
    const waiting = this.waiting.get(frame.id);
    if (!waiting) return;
    this.waiting.delete(frame.id);
    clearTimeout(waiting.timer);
    if (frame.status === 200) waiting.resolve(frame.result);
    else if (frame.error?.code === -1007) waiting.reject(new AnswerLost());
    else waiting.reject(new Refused(frame.error));
  }

  forget() {
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new AnswerLost());
    }
    this.waiting.clear();
  }
}
