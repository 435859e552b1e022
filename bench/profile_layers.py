"""Which call belongs to which layer of which kind of process, for bench/profile.py.

A call is "function (file:line)"; it belongs to the first layer with a text that it contains.
"""

from collections.abc import Mapping

Layers = Mapping[str, tuple[str, ...]]

START = ("_find_and_load (", "load_asgi_app (", "Apps.populate (", "run_checks (")
"""Any of these in a stack: the process is being started, or a module loaded."""
IDLE = (
    "_worker (concurrent/futures/thread.py",
    "Condition.wait (threading.py",
    "Queue.get (queue.py",
    "EpollSelector.select (selectors.py",
)
"""The innermost call of Python of a thread that waits for something to do. py-spy takes some of these for busy."""
HELPERS = ("django/utils/functional.py",)
"""Calls that count for whoever made them, whatever the layers say."""

WEB: Layers = {
    "the garbage collector": ("gc_collect",),
    "Channels: the session, for each frame": ("InstanceSessionWrapper.send (", "django/contrib/sessions/"),
    "Argon2": ("argon2/", "argon2."),
    "signature and key": ("accounts/authentication.py", "accounts/credentials.py"),
    "request budgets": ("accounts/throttle.py", "trading/gateway/budgets.py"),
    "answers": ("CommandClient.resolve", "on_done (", "_Answer.", "render (", "Hub._answer (", "Done."),
    "parsing and checks": (
        "trading/ws_frames.py", "trading/order_params.py", "trading/orders_api.py", "trading/rules.py",
        "OrderConsumer.", "trading/ws_methods.py",
    ),
    "the pipe: commands out, batches in": (
        "redis/", "trading/gateway/client.py", "trading/gateway/hub.py", "trading/gateway/pipes.py",
    ),
    "making what others are told": (
        "trading/gateway/feeds.py", "trading/gateway/reports.py", "trading/gateway/replica.py", "account_event (",
        "MarketConsumer.feed (",
    ),
    "Autobahn's texts for a debug log that is off": ("autobahn/util.py", "click/", "txaio"),
    "Channels, ASGI, outbox": ("channels/", "asgiref/", "trading/sockets.py", "MarketConsumer."),
    "Twisted, Autobahn, Daphne": ("twisted/", "autobahn/", "daphne"),
    "uvicorn and its websockets": ("uvicorn", "websockets/", "wsproto/", "httptools/"),
    "database": ("psycopg", "django/db/"),
    "Django": ("django/", "servestatic/"),
    "our pages and REST": (
        "views.py", "trading/api.py", "trading/lists_api.py", "wallets/api.py", "accounts/services.py",
        "accounts/forms.py", "mex/asgi.py", "mex/middleware.py", "trading/selectors.py", "page_selectors.py",
    ),
    "event loop": ("asyncio/", "uvloop", "(selectors.py"),
}  # fmt: skip
ENGINE: Layers = {
    "waiting for the database": ("Connection.wait (psycopg/",),
    "waiting for commands": ("_HiredisParser.read_from_socket (", "_socket_can_read ("),
    "matching, funds and fees": ("trading/engine/",),
    "rows of a batch": ("trading/runtime/journal.py", "trading/runtime/order_rows.py", "operator_rows.py"),
    "looking up names before a batch": ("store.learn", "learn (trading/runtime/"),
    "the database: rows, SQL, commit": (
        "trading/runtime/tables.py",
        "trading/runtime/store.py",
        "psycopg",
        "django/db/",
    ),
    "reading orders at a start": ("trading/runtime/recovery.py",),
    "commands from the pipe": ("trading/runtime/inbox.py",),
    "events to the pipe": ("trading/runtime/publisher.py",),
    "packing and the loop": ("trading/runtime/loop.py",),
}
WORKER: Layers = {
    "waiting for the node": ("SocketIO.readinto (socket.py",),
    "waiting for the database": ("Connection.wait (psycopg/",),
    "waiting for the engine": ("_HiredisParser.read_from_socket (",),
    "JSON-RPC": ("wallets/chains/jsonrpc.py", "http/client.py", "requests/", "urllib3/"),
    "keys and signatures": (
        "eth_account/", "eth_keys/", "coincurve/", "rlp/", "wallets/chains/hd.py", "wallets/chains/keys.py",
        "wallets/chains/bitcoin_signing.py", "wallets/chains/psbt.py", "ethereum_raw.py",
    ),
    "the database: SQL, commit": ("psycopg", "django/db/backends/"),
    "rows inserted at once": ("mex/bulk.py",),
    "Django's ORM": ("django/",),
    "commands to the engine": ("redis/", "trading/gateway/"),
    "our own code": ("wallets/",),
    "the bench itself": ("bench/",),
}  # fmt: skip
KINDS: Mapping[str, Layers] = {"web": WEB, "engine": ENGINE, "worker": WORKER}
