"""Every limit and time-out, with its unit and its reason.  [pure]"""

# --- frames and requests -------------------------------------------------------------------------
FRAME_BYTES_MAX = 16 * 1024
"""A websocket request is under 1 kB; more is a mistake or an attack."""

HTTP_BODY_BYTES_MAX = 64 * 1024
"""An order is under 1 kB, the largest form of the pages and the admin a few."""

IN_FLIGHT_PER_CONNECTION_MAX = 1_000
"""Requests of one connection that wait for an answer; above it new ones are refused, retryable. Cancels and amends have
as much room again, so that a client that is behind can still get out."""

SEND_BUFFER_BYTES_MAX = 4 * 1024 * 1024
"""What one slow websocket reader may leave unread before it is closed with a reason."""

MESSAGES_WAITING_MAX = 256
"""Messages of one websocket that its application has not taken yet, above which nothing more is read from it: in all no
more than what a slow reader may leave, when each is as long as it may be."""

PING_INTERVAL_S = 20
PING_TIMEOUT_S = 60
"""How long a client has to answer a ping. Source: the API's documentation, "WebSocket Streams", general information."""

SUBSCRIPTIONS_PER_CONNECTION_MAX = 1_024
"""Streams on one connection. Source: docs/api.md."""

REPLY_TIMEOUT_S = 10.0
"""How long a request waits for the engine before it is told "execution status unknown" (-1007)."""

RECV_WINDOW_MS_DEFAULT = 5_000
RECV_WINDOW_MS_MAX = 60_000
CLOCK_AHEAD_MS_MAX = 1_000
"""Signed requests: timestamp < now + ahead, and now - timestamp <= recvWindow. Source: docs/api.md."""

PAGE_ROWS_DEFAULT = 500
PAGE_ROWS_MAX = 1_000
DEPTH_LEVELS_DEFAULT = 100
DEPTH_LEVELS_MAX = 5_000

# --- the pipes -----------------------------------------------------------------------------------
COMMAND_STREAM_ENTRIES_MAX = 20_000
"""Length of the command stream at which the gateway refuses new orders (cancels still pass)."""

COMMANDS_UNANSWERED_MAX = 5_000
"""Commands of one web process that the engine has not answered, at which new orders are refused: what both do in half a
second or so, which is then what the last of them waits. Cancels and amends have as much room again; above that nothing
more is taken, so that what waits in a process, and what it puts on the stream, is bounded whatever the engine does."""

LOOP_LATE_MAX_S = 0.25
"""How far a web process may be behind with what it has read before it refuses new orders: well above a pause of the
collector or a large answer, and what an order that is taken waits there at most. Cancels and amends still pass."""

EVENT_STREAM_ENTRIES_MAX = 10_000
"""Batches kept for readers that lag; one that fell further behind takes a snapshot."""

EVENT_STREAM_BYTES_MAX = 256 * 1024 * 1024
"""The same in bytes: a batch of 1,000 orders that trade has 400 kB, and 10,000 of them would fill the memory."""

BATCH_COMMANDS_MAX = 1_000
"""Commands in one commit: above it throughput gains little and latency suffers."""

BATCH_ENTRIES_MAX = 200
"""Stream entries read at once; each holds the commands of one event-loop turn of one process."""

ENTRY_COMMANDS_MAX = 250
"""Commands a gateway packs in one stream entry, so that a batch stays near BATCH_COMMANDS_MAX."""

# --- the engine's lease --------------------------------------------------------------------------
LEASE_MS = 3_000
"""A leader silent for so long may be replaced. Safety does not depend on it: every commit checks the epoch."""

LEASE_LOAD_MS = 30_000
"""The lease of an engine that is reading its state: as long as that may take with millions of orders."""

LEASE_RENEW_MS = 1_000

LEASE_LOCK_MS = 500
"""How long a successor waits for what a leader holds whose lease is over, before it makes it let go."""

# --- orders --------------------------------------------------------------------------------------
CLIENT_ORDER_ID_CHARS_MAX = 36

# --- wallets -------------------------------------------------------------------------------------
RPC_TIMEOUT_S = 10.0
"""A node that does not answer for so long counts as unavailable; the next tick asks again."""

RPC_BATCH_CALLS_MAX = 500
"""Calls in one JSON-RPC request; more go in several. geth answers nothing of one with more than 1,000 unless it is told
otherwise, providers allow less. Source: docs/networks.md."""

ADDRESS_POOL_SIZE = 100
"""Unassigned deposit addresses kept ready for each asset, so that pages never wait for a node."""

SCAN_BLOCKS_MAX = 200
"""Blocks one scan looks at before it stores its cursor; the next tick goes on from there."""

BOOK_ADDRESSES_MAX = 100
"""Addresses in one person's book."""

CONFIRMATION_HOURS = 24
"""How long a withdrawal waits to be confirmed by e-mail before it is cancelled."""

WITHDRAWAL_WINDOW_HOURS = 24
"""What was requested within so long counts towards an account's limit."""

FAUCET_UNITS_MAX = {"BTC": 10 * 10**8, "ETH": 100 * 10**8, "USDT": 100_000 * 10**8}
"""What the faucet of local chains gives at once, in units."""

SOLVENCY_PROOFS_KEPT = 6
"""Reports of solvency that proofs can be had of: with 100,000 users each takes 40 MB. The reports stay for ever."""

SOLVENCY_ADDRESSES_SHOWN = 50
"""Addresses of an asset on the page about solvency, the largest; the API has all."""

COLD_OFFER_S = 24 * 3600
"""How long an offer to the cold address keeps its coins from withdrawals before it is made anew."""

assert LEASE_RENEW_MS * 2 < LEASE_MS
assert BATCH_ENTRIES_MAX <= COMMAND_STREAM_ENTRIES_MAX
