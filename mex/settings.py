"""Django settings. Unset means the embedded default; docs/settings.md lists every variable.

MEX_PROFILE=production refuses to start with a setting that is missing or unsafe.
"""

import re
from pathlib import Path

import dj_database_url

from mex import env

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
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "accounts",
    "wallets",
    "trading",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mex.middleware.ContentSecurityPolicy",
    "servestatic.middleware.ServeStaticMiddleware",
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
elif not DATABASES["default"]["ENGINE"].endswith("postgresql"):
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
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("MEX_MAIL_FROM", "mex@localhost")

# --- chains ------------------------------------------------------------------------------------------
BITCOIN_RPC_URL = env.text("BITCOIN_RPC_URL", None if IS_PRODUCTION else "http://mex:mex@127.0.0.1:18443")
BITCOIN_WALLET = env.text("MEX_BITCOIN_WALLET", "mex")
BITCOIN_NETWORK = env.choice("MEX_BITCOIN_NETWORK", "regtest", ("regtest", "signet", "testnet4"))
BITCOIN_FEE_RATE = env.integer("MEX_BITCOIN_FEE_RATE", 2)
"""sat/vB for withdrawals."""
ETHEREUM_RPC_URL = env.text("ETHEREUM_RPC_URL", None if IS_PRODUCTION else "http://127.0.0.1:8545")
ETHEREUM_CHAIN_ID = env.integer("MEX_ETHEREUM_CHAIN_ID", 31337)
ETHEREUM_KEY_FILE = Path(env.text("MEX_ETHEREUM_KEY_FILE", str(MEX_DATA / "keys" / "ethereum.seed")))
"""Only signing workers read it."""
USDT_CONTRACT = env.text("MEX_USDT_CONTRACT", "")
"""On chains of our own the test token is deployed, and this is not looked at."""
if USDT_CONTRACT and re.fullmatch("0x[0-9a-fA-F]{40}", USDT_CONTRACT) is None:
    raise env.Unusable(f"MEX_USDT_CONTRACT must be an Ethereum address, was {USDT_CONTRACT!r}")
MEX_LOCAL_CHAINS = env.flag("MEX_LOCAL_CHAINS", default=not IS_PRODUCTION)
"""Faucet and miner exist on chains that we run ourselves, and nowhere else."""

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
        "web3": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
    },
}
