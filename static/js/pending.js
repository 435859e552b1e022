// Orders that were sent and not yet answered. Their names are kept before sending, so that neither a lost connection
// nor a closed page leaves anyone in doubt: the server is asked by name what became of them.

const KEY = "mex.pending-orders";
const ASK_TIMES = 4;
const ASK_EVERY_MS = 3000;

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

  /** Find out about every order without an answer. `ask` returns its status, or null when there is no such order. */
  async settle(ask, tell) {
    for (const [id, order] of [...this.orders]) {
      if (this.asking.has(id)) continue;
      this.asking.add(id);
      try {
        tell(order, await this.find(id, order, ask));
        this.drop(id);
      } finally {
        this.asking.delete(id);
      }
    }
  }

  // The order may still be on its way through the server, so "no such order" counts only after a while.
  async find(id, order, ask) {
    for (let count = 0; count < ASK_TIMES; count += 1) {
      const status = await ask(id, order);
      if (status) return status;
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    return null;
  }
}
