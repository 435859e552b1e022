// Orders that were sent and not yet answered. Their names are kept before sending, for as long as the tab is open, so that
// neither a lost connection nor a page that is left or reloaded leaves anyone in doubt: the server is asked by name what
// became of them.

const KEY = "mex.pending-orders";
const ASK_AGAIN_MS = 2000;

/** Return a new client order id. */
export function newClientOrderId() {
  const bytes = crypto.getRandomValues(new Uint8Array(14));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export class Pending {
  constructor(user) {
    this.key = `${KEY}.${user}`;
    this.asking = new Set();
    this.orders = this.read();
  }

  read() {
    try {
      return new Map(JSON.parse(sessionStorage.getItem(this.key) ?? "[]"));
    } catch {
      return new Map(); // storage is blocked or not ours: nothing was kept
    }
  }

  keep(id, order) {
    this.orders.set(id, order);
    this.write();
  }

  drop(id) {
    this.orders.delete(id);
    this.write();
  }

  write() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify([...this.orders]));
    } catch {
      // Storage is blocked: the map still serves this page.
    }
  }

  /** Find out about every order without an answer.
   *
   * `ask` returns an order's state, or null when there is none; `fence` returns once the engine has done everything that
   * was sent before it; `tell` is given the order and what became of it.
   */
  async settle({ ask, fence, tell }) {
    for (const [id, order] of [...this.orders]) {
      if (this.asking.has(id)) continue;
      this.asking.add(id);
      try {
        tell(order, (await ask(id, order)) ?? (await this.askAgain(id, order, ask, fence)));
        this.drop(id);
      } finally {
        this.asking.delete(id);
      }
    }
  }

  // The order may still be on its way to the engine: "no such order" is an answer only behind the fence.
  async askAgain(id, order, ask, fence) {
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    await fence(order);
    return ask(id, order);
  }
}
