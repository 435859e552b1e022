"""Django settings. Unset means the embedded default; docs/settings.md lists every variable.

MEX_PROFILE=production refuses to start with a setting that is missing or unsafe.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url

from mex import env
from mex.networks import BITCOIN_CHAINS, LOCAL, NETWORKS

BASE_DIR = Path(__file__).resolve().parent.parent
MEX_PROFILE = env.choice("MEX_PROFILE", "local", ("local", "test", "production"))
IS_PRODUCTION = MEX_PROFILE == "production"
MEX_DATA = Path(env.text("MEX_DATA", str(BASE_DIR / ".mex")))
MEX_VERSION = "0.1.0"

# --- secrets and hosts ---------------------------------------------------------------------------
INSECURE_KEY = "local-development-key-that-signs-nothing-of-value"
SECRET_KEY = env.text("SECRET_KEY", None if IS_PRODUCTION else INSECURE_KEY)
if IS_PRODUCTION and (SECRET_KEY == INSECURE_KEY or len(SECRET_KEY) < 40):
    raise env.Unusable("SECRET_KEY must be a random text of at least 40 characters in production")
DEBUG = env.flag("MEX_DEBUG", default=False)
if IS_PRODUCTION and DEBUG:
    raise env.Unusable("MEX_DEBUG must be off in production")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "" if IS_PRODUCTION else "127.0.0.1,localhost,[::1],testserver")
if IS_PRODUCTION and not ALLOWED_HOSTS:
    raise env.Unusable("ALLOWED_HOSTS must name the hosts that serve mex in production")

# --- applications --------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",
    "channels",
    "accounts",  # before django.contrib.auth, of whose commands it has its own
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "wallets",
    "trading",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mex.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False  # API clients must never be redirected (docs/api.md)
ROOT_URLCONF = "mex.urls"
ASGI_APPLICATION = "mex.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mex.context.site",
            ],
        },
    }
]

# --- the database --------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": dj_database_url.parse(
        env.text("DATABASE_URL", None if IS_PRODUCTION else f"sqlite:///{MEX_DATA / 'mex.sqlite3'}"),
        conn_max_age=0,  # ASGI threads come and go; a kept connection would stay behind with its thread
        conn_health_checks=True,  # of the pool: the server may have ended what lies in it
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # The engine writes all the time: whoever else writes must queue at BEGIN, not fail half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL, because an acknowledged order must survive a power cut. The log is carried over every 16 MB, not every
        # 4: the engine touches the same pages again and again (docs/performance.md).
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            " PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=4000;"
        ),
    }
elif DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # Per process. A new connection costs the server a process, and us more than what is asked over it. While the server
    # is down, one waits `timeout` seconds and is told.
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 32, "timeout": 5}}
else:
    raise env.Unusable("DATABASE_URL must be sqlite or postgresql")

# --- Redis or Valkey: pipes, never the only place of anything worth keeping --------------------------
REDIS_URL = env.text("REDIS_URL", None if IS_PRODUCTION else "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "cache"}
}

# --- accounts and sessions ---------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "balances"
LOGOUT_REDIRECT_URL = "home"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
# Two instances on one host (script/server --port) share a cookie jar: a name of its own keeps both logged in.
SESSION_COOKIE_NAME = env.text("MEX_SESSION_COOKIE", "sessionid")
CSRF_COOKIE_NAME = SESSION_COOKIE_NAME.replace("sessionid", "csrftoken")
if CSRF_COOKIE_NAME == SESSION_COOKIE_NAME:  # one cookie cannot be both
    CSRF_COOKIE_NAME += "-csrf"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if IS_PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000

# --- language, time, static files --------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = MEX_DATA / "static"
# Straight from static/: nothing to collect before a start. ETags make a browser's second look cheap.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = MEX_PROFILE == "local"
SERVESTATIC_ALLOW_ALL_ORIGINS = False

# --- mail --------------------------------------------------------------------------------------------
# Without a server, mails are printed.
_MAIL = urlsplit(env.text("MEX_MAIL_URL", "console:"))
if _MAIL.scheme not in ("console", "smtp", "smtp+tls", "smtps") or (_MAIL.scheme != "console" and not _MAIL.hostname):
    raise env.Unusable("MEX_MAIL_URL must be like smtp+tls://user:password@host:587, or console:")
EMAIL_BACKEND = f"django.core.mail.backends.{'console' if _MAIL.scheme == 'console' else 'smtp'}.EmailBackend"
EMAIL_HOST = _MAIL.hostname or "localhost"
EMAIL_PORT = _MAIL.port or {"smtp+tls": 587, "smtps": 465}.get(_MAIL.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.scheme == "smtp+tls", _MAIL.scheme == "smtps"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("MEX_MAIL_FROM", "mex@localhost")
MEX_URL = env.text("MEX_URL", "http://127.0.0.1:8000")
"""Where people find mex: links in mails begin so."""

# --- chains ------------------------------------------------------------------------------------------
MEX_NETWORK = env.choice("MEX_NETWORK", LOCAL, tuple(NETWORKS))
"""Sets the defaults of what follows (mex/networks.py)."""
_NETWORK = NETWORKS[MEX_NETWORK]
MEX_LOCAL_CHAINS = env.flag("MEX_LOCAL_CHAINS", default=MEX_NETWORK == LOCAL and not IS_PRODUCTION)
"""Faucet and miner exist on chains that we run ourselves, and nowhere else."""
if MEX_LOCAL_CHAINS and MEX_NETWORK != LOCAL:
    raise env.Unusable(f"MEX_LOCAL_CHAINS must be off on {MEX_NETWORK}, which is not our own")
BITCOIN_RPC_URL = env.text("BITCOIN_RPC_URL", None if IS_PRODUCTION else "http://mex:mex@127.0.0.1:18443")
BITCOIN_WALLET = env.text("MEX_BITCOIN_WALLET", "mex-watch")
BITCOIN_NETWORK = env.choice("MEX_BITCOIN_NETWORK", _NETWORK.bitcoin, BITCOIN_CHAINS)
if MEX_LOCAL_CHAINS and BITCOIN_NETWORK != "regtest":
    raise env.Unusable(f"MEX_LOCAL_CHAINS must be off on {BITCOIN_NETWORK}, which is not our own")
ETHEREUM_RPC_URL = env.text("ETHEREUM_RPC_URL", None if IS_PRODUCTION else "http://127.0.0.1:8545")
ETHEREUM_CHAIN_ID = env.integer("MEX_ETHEREUM_CHAIN_ID", _NETWORK.ethereum_chain_id)
if ETHEREUM_CHAIN_ID <= 1:
    raise env.Unusable("MEX_ETHEREUM_CHAIN_ID must be that of a test network: mex must not guard real money")
KEY_FILE = Path(env.text("MEX_KEY_FILE", str(MEX_DATA / "keys" / "mex.keys")))
"""Only signing workers read it, with a passphrase that only they have (wallets/chains/keyfile.py)."""
KEY_PUBLIC_FILE = Path(env.text("MEX_KEY_PUBLIC_FILE", f"{KEY_FILE}.public"))
ETHEREUM_FEE_CEILING_GWEI = env.integer("MEX_ETHEREUM_FEE_CEILING_GWEI", 500)
ETHEREUM_TIP_FLOOR_GWEI = env.integer("MEX_ETHEREUM_TIP_FLOOR_GWEI", 1)
"""What our transactions offer per gas: never more in all, and never a smaller tip."""
if not 0 < ETHEREUM_TIP_FLOOR_GWEI <= ETHEREUM_FEE_CEILING_GWEI:
    raise env.Unusable("MEX_ETHEREUM_TIP_FLOOR_GWEI must be positive, and at most MEX_ETHEREUM_FEE_CEILING_GWEI")
USDT_CONTRACT = env.text("MEX_USDT_CONTRACT", "")
"""On chains of our own the test token is deployed, and this is not looked at."""
if USDT_CONTRACT and re.fullmatch("0x[0-9a-fA-F]{40}", USDT_CONTRACT) is None:
    raise env.Unusable(f"MEX_USDT_CONTRACT must be an Ethereum address, was {USDT_CONTRACT!r}")
ETHEREUM_TRACES = env.flag("MEX_ETHEREUM_TRACES", default=True)
"""Whether ether that contracts move is looked for, where the node offers trace_block."""
DEPOSIT_EXPIRES_H = env.integer("MEX_DEPOSIT_EXPIRES_H", 72)
"""A deposit that is in no block for so long is shown as expired; one that is mined after all comes back to life."""
if DEPOSIT_EXPIRES_H < 1:
    raise env.Unusable(f"MEX_DEPOSIT_EXPIRES_H must be at least 1, was {DEPOSIT_EXPIRES_H}")
SOLVENCY_EVERY_S = env.integer("MEX_SOLVENCY_EVERY_S", 600)
if SOLVENCY_EVERY_S < 1:
    raise env.Unusable(f"MEX_SOLVENCY_EVERY_S must be at least 1, was {SOLVENCY_EVERY_S}")
HOT_SHORT_HALT_S = env.integer("MEX_HOT_SHORT_HALT_S", 600)
if HOT_SHORT_HALT_S < 0:
    raise env.Unusable(f"MEX_HOT_SHORT_HALT_S must not be negative, was {HOT_SHORT_HALT_S}")

# --- payments (docs/adr/0016) --------------------------------------------------------------------------
BUMP_AFTER_S = env.integer("MEX_BUMP_AFTER_S", 600)
"""A payment that is in no block after so long is signed anew with a higher fee."""
BITCOIN_BATCH_MAX = env.integer("MEX_BITCOIN_BATCH_MAX", 100)
BITCOIN_BATCH_S = env.integer("MEX_BITCOIN_BATCH_S", 0 if MEX_LOCAL_CHAINS else 30)
BITCOIN_FEE_TARGET = env.integer("MEX_BITCOIN_FEE_TARGET", 3)
"""Blocks within which a payment should be mined; the node estimates what that costs."""
BITCOIN_FEE_FLOOR = env.integer("MEX_BITCOIN_FEE_FLOOR", 2)
BITCOIN_FEE_CEILING = env.integer("MEX_BITCOIN_FEE_CEILING", 200)
if not 1 <= BITCOIN_FEE_FLOOR <= BITCOIN_FEE_CEILING:
    raise env.Unusable("MEX_BITCOIN_FEE_FLOOR must be at least 1 and at most MEX_BITCOIN_FEE_CEILING")
if not 1 <= BITCOIN_BATCH_MAX <= 1000:
    raise env.Unusable(f"MEX_BITCOIN_BATCH_MAX must be between 1 and 1000, was {BITCOIN_BATCH_MAX}")
BITCOIN_CONSOLIDATE_BELOW = env.integer("MEX_BITCOIN_CONSOLIDATE_BELOW", 3)
"""sat/vB: at such fees or lower, small coins are made one. 0: never."""
BITCOIN_SMALL_COIN = env.integer("MEX_BITCOIN_SMALL_COIN", 1_000_000)
BITCOIN_SMALL_COINS_MAX = env.integer("MEX_BITCOIN_SMALL_COINS_MAX", 200)
BITCOIN_ADDRESS_TYPE = env.choice("MEX_BITCOIN_ADDRESS_TYPE", "bech32", ("bech32", "bech32m"))
BITCOIN_ZMQ = env.text("MEX_BITCOIN_ZMQ", "")
"""Where bitcoind publishes blocks and transactions: a wake-up for the scanner, which looks every second anyway."""

# --- control over withdrawals (docs/operations.md, "Withdrawals under control") -----------------------
WITHDRAWAL_EMAILS = env.flag("MEX_WITHDRAWAL_EMAILS", default=not MEX_LOCAL_CHAINS)
"""Whether what is asked for on the pages has to be confirmed by e-mail."""
if IS_PRODUCTION and WITHDRAWAL_EMAILS:
    if _MAIL.scheme == "console":
        raise env.Unusable("MEX_MAIL_URL must name a mail server in production, or MEX_WITHDRAWAL_EMAILS be off")
    if urlsplit(MEX_URL).hostname in (None, "127.0.0.1", "localhost", "::1"):
        raise env.Unusable(f"MEX_URL must be where people find mex, as the mails have links to it, was {MEX_URL!r}")
APPROVALS_NEEDED = env.integer("MEX_APPROVALS_NEEDED", 1)
if APPROVALS_NEEDED not in (1, 2):
    raise env.Unusable(f"MEX_APPROVALS_NEEDED must be 1 or 2, was {APPROVALS_NEEDED}")
ADDRESS_COOLING_H = env.integer("MEX_ADDRESS_COOLING_H", 0 if MEX_LOCAL_CHAINS else 24)
if ADDRESS_COOLING_H < 0:
    raise env.Unusable("MEX_ADDRESS_COOLING_H must not be negative")
SECOND_FACTOR = env.text("MEX_SECOND_FACTOR", "")
"""Dotted path of a callable; wallets/control/second_factor.py says how it is called."""

# --- trading -----------------------------------------------------------------------------------------
MEX_SHARD = env.integer("MEX_SHARD", 0)
ORDERS_PER_10S = env.integer("MEX_ORDERS_PER_10S", 100_000 if MEX_LOCAL_CHAINS else 100)
ORDERS_PER_DAY = env.integer("MEX_ORDERS_PER_DAY", 1_000_000_000 if MEX_LOCAL_CHAINS else 200_000)
LOGINS_PER_MINUTE = env.integer("MEX_LOGINS_PER_MINUTE", 100_000 if MEX_LOCAL_CHAINS else 20)
WEIGHT_PER_MINUTE = env.integer("MEX_WEIGHT_PER_MINUTE", 6_000_000 if MEX_LOCAL_CHAINS else 6_000)

# --- logging -----------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ("none", "error", "info", "http", "debug"))
_LEVEL = {"none": "CRITICAL", "error": "ERROR", "info": "INFO", "http": "INFO", "debug": "DEBUG"}[LOG_LEVEL]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": [] if LOG_LEVEL == "none" else ["stderr"], "level": _LEVEL},
    "loggers": {
        # Daphne names every request at INFO: that is what LOG_LEVEL=http asks for.
        "django.channels.server": {"level": "INFO" if LOG_LEVEL in ("http", "debug") else "WARNING"},
        "django.request": {"level": "WARNING" if LOG_LEVEL in ("http", "debug") else "ERROR"},
        "daphne": {"level": "INFO" if LOG_LEVEL in ("http", "debug") else "WARNING"},
        "uvicorn": {"level": "INFO" if LOG_LEVEL in ("http", "debug") else "WARNING"},
        # While the server is away it warns several times a second; whoever asked for a connection is told anyway.
        "psycopg.pool": {"level": "ERROR"},
        "web3": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
    },
}
