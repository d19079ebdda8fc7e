"""Every setting, read once from the environment; a bad value stops the start and names itself."""

import math
import re
from decimal import Decimal, InvalidOperation
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from celery.schedules import crontab
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from config.reading import Reader
from config.store import read_accel_redirect, read_storage
from studio.runtime.home import home_dir, read_or_create_key
from studio.runtime.postgres import EmbeddedPostgres

# Lets annotations such as ModelAdmin[Team] stand at run time too.
django_stubs_ext.monkeypatch()

env = Reader(environ.FileAwareEnv())

BASE_DIR = Path(__file__).resolve().parent.parent

# Where everything of this installation lives.
HOME = home_dir(env.source)
SPOOL_ROOT = HOME / "spool"
KEYS = HOME / "keys"

# Testing and crash points: a crash point outside a test would be an outage.
TESTING = env.boolean("ATELIER_TESTING", default=False)
CRASH_AT = env.text("ATELIER_CRASH_AT", default="")
if CRASH_AT and not TESTING:
    raise ImproperlyConfigured("ATELIER_CRASH_AT works only together with ATELIER_TESTING=1.")

# Core
DEBUG = False
SECRET_KEY = env.text("SECRET_KEY", default="") or read_or_create_key(KEYS / "secret_key", get_random_secret_key)
ENCRYPTION_KEYS = env.words("ENCRYPTION_KEYS") or [
    read_or_create_key(KEYS / "encryption_key", lambda: Fernet.generate_key().decode())
]
env.check("ENCRYPTION_KEYS", lambda: [Fernet(key) for key in ENCRYPTION_KEYS], "a comma-separated list of Fernet keys")
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PROCESS = env.choice("ATELIER_PROCESS", ["command", "web", "worker", "scheduler"], default="command")

# Address
HOST = env.text("HOST", default="127.0.0.1")
PORT = env.integer("PORT", default=8000, least=1, most=65535)
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}
BASE_URL = env.web_address("BASE_URL", default="")
if not BASE_URL and HOST not in LOCAL_HOSTS:
    raise ImproperlyConfigured(f"HOST={HOST} serves other machines, so BASE_URL must say the address people use.")
# Only an address that somebody has set can be told to providers: their webhooks come from outside.
IS_REACHABLE = bool(BASE_URL)
BASE_URL = BASE_URL or f"http://{HOST}:{PORT}"
_base = urlsplit(BASE_URL)
ALLOWED_HOSTS = [str(_base.hostname)] + (sorted(LOCAL_HOSTS | {"[::1]"}) if HOST in LOCAL_HOSTS else [])
CSRF_TRUSTED_ORIGINS = [BASE_URL]
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")
for _proxy in TRUSTED_PROXIES:
    env.check("TRUSTED_PROXIES", partial(ip_network, _proxy), "a list of addresses or networks, with commas")
_secure = _base.scheme == "https"

# Apps
INSTALLED_APPS = [
    "studio.core",
    "studio.live",
    "studio.audit",
    "studio.accounts",
    "studio.teams",
    "studio.ledger",
    "studio.providers",
    "studio.usage",
    "studio.library",
    "studio.exports",
    "studio.catalogue",
    "studio.generations",
    "studio.connections",
    "studio.integrity",
    "studio.setup",
    "allauth",
    "allauth.account",
    "django_htmx",
    "template_partials",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "studio.core.middleware.GuardHeaders",
    "studio.core.middleware.RefuseUnstorableText",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "studio.core.middleware.StudioErrors",
]
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
                "studio.teams.context.teams_of_user",
                "studio.ledger.context.balance_of_team",
            ],
            "builtins": ["studio.core.templatetags.studio", "template_partials.templatetags.partials"],
        },
    },
]

# Database: one PostgreSQL holds everything, the broker's queues included.
DATABASE_URL = env.text("DATABASE_URL", default="")
_database = (
    env.check("DATABASE_URL", partial(environ.Env.db_url_config, DATABASE_URL), "a PostgreSQL address")
    if DATABASE_URL
    else EmbeddedPostgres(HOME).database_parameters()
)
if _database.get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.postgresql_psycopg2"}:
    raise ImproperlyConfigured(
        "DATABASE_URL must be a PostgreSQL address, such as postgresql://user:password@host/name."
    )
# Threads wait for slots here, so PostgreSQL's 100 connections are never exceeded however many work at once.
_pool_sizes = {"web": 16, "worker": 12, "scheduler": 4}
_options = dict(_database.pop("OPTIONS", {}))
if PROCESS in _pool_sizes:
    _options["pool"] = {"min_size": 1, "max_size": _pool_sizes[PROCESS], "timeout": 10}
# A connection that died in the pool, as after a restart of the server, is noticed before it is used.
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": _options,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }
}

# Cache: holds only who tried to sign in how often. In the database, so that the limits hold for all web processes
# together and outlive a restart; it is not read on any other page.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "atelier_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
OPEN_SIGNUP = env.boolean("OPEN_SIGNUP", default=False)
ACCOUNT_ADAPTER = "studio.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "studio.accounts.forms.SignupForm"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
SESSION_COOKIE_NAME = "atelier_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "atelier_csrf"
CSRF_FAILURE_VIEW = "studio.core.views.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
# Only a trusted proxy tells this process that a request came by https; without one it would redirect for ever.
SECURE_SSL_REDIRECT = _secure and bool(TRUSTED_PROXIES)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

# E-mail
EMAIL_URL = env.text("EMAIL_URL", default="consolemail://")
_email = env.check(
    "EMAIL_URL",
    lambda: environ.Env.email_url_config(EMAIL_URL),
    "an e-mail address of a server, such as smtp://user:password@host:587",
)
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_email.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_SSL"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = f"Atelier <no-reply@{_base.hostname}>"
# Links in mails need no confirmed address before a mail server exists, so a first run never depends on e-mail.
# With one, an address that signs itself up has to be proven.
ACCOUNT_EMAIL_VERIFICATION = "none" if EMAIL_URL == "consolemail://" else "mandatory"

# Language and time
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# Files
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# WhiteNoise only finds the files; studio.core.staticfiles sends them, without a thread and without reading them whole.
WHITENOISE_ALLOW_ALL_ORIGINS = False
MEDIA_ROOT = HOME / "media"
STORAGES = {
    "default": read_storage(env),
    "staticfiles": {"BACKEND": "studio.core.static_storage.StaticStorage"},
}
# Where the server in front finds the media folder, so that it sends pictures itself.
ACCEL_REDIRECT = read_accel_redirect(env, STORAGES["default"])
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_100  # a selection of 10,000 images has one field for each
MAX_PIXELS = 25_000_000

# Queue: the broker is a bell, so a message may be lost or come twice without harm.
WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", default=256, least=1, most=1000)
STOP_GRACE = env.integer("STOP_GRACE", default=90, least=0, most=3600)
CALL_DEADLINE = env.number("CALL_DEADLINE", default=300, least=1, most=3600)
JOB_DEADLINE = env.number("JOB_DEADLINE", default=1200, least=1, most=86_400)
GENERATION_DEADLINE = env.number("GENERATION_DEADLINE", default=3600, least=5, most=86_400)
LEASE_SECONDS = env.number("LEASE_SECONDS", default=30, least=1, most=600)
LEASE_RENEWAL_SECONDS = env.number("LEASE_RENEWAL_SECONDS", default=5, least=0.1, most=200)
SWEEP_SECONDS = env.number("SWEEP_SECONDS", default=5, least=0.2, most=60)
if LEASE_RENEWAL_SECONDS * 3 > LEASE_SECONDS:
    raise ImproperlyConfigured("LEASE_RENEWAL_SECONDS must be at most a third of LEASE_SECONDS.")
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", default="pgmq://localhost/")
if urlsplit(CELERY_BROKER_URL).scheme not in {"pgmq", "redis", "rediss", "amqp", "amqps"}:
    raise ImproperlyConfigured("CELERY_BROKER_URL must begin with pgmq://, redis://, rediss://, amqp:// or amqps://.")
_visibility = math.ceil(GENERATION_DEADLINE) + 600
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {"visibility_timeout": _visibility}
if CELERY_BROKER_URL.startswith("pgmq"):
    from config.broker import pgmq_options

    CELERY_BROKER_TRANSPORT_OPTIONS = pgmq_options(database=DATABASES["default"], visibility_timeout=_visibility)
CELERY_TASK_DEFAULT_QUEUE = "generations"
CELERY_TASK_ROUTES = {
    "studio.generations.tasks.sweep*": {"queue": "upkeep"},
    "studio.library.tasks.*": {"queue": "upkeep"},
    "studio.exports.tasks.*": {"queue": "upkeep"},
    "studio.accounts.tasks.*": {"queue": "upkeep"},
    "studio.providers.tasks.*": {"queue": "upkeep"},
    "studio.catalogue.tasks.*": {"queue": "upkeep"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "studio.generations.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": max(SWEEP_SECONDS, 1)},
    },
    "spool": {"task": "studio.generations.tasks.sweep_spool", "schedule": 600, "options": {"expires": 600}},
    "sessions": {"task": "studio.accounts.tasks.clear_sessions", "schedule": 3600, "options": {"expires": 3600}},
    "previews": {"task": "studio.library.tasks.make_previews", "schedule": 3, "options": {"expires": 3}},
    "orphans": {"task": "studio.library.tasks.sweep_orphans", "schedule": 120, "options": {"expires": 120}},
    "bulk": {
        "task": "studio.library.tasks.sweep_bulk",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": max(SWEEP_SECONDS, 1)},
    },
    "rules": {"task": "studio.library.tasks.keep_rules", "schedule": 600, "options": {"expires": 600}},
    "exports": {"task": "studio.exports.tasks.prepare", "schedule": 10, "options": {"expires": 10}},
    "ends": {
        "task": "studio.catalogue.tasks.follow_ends",
        "schedule": crontab(hour="4", minute="20"),
        "options": {"expires": 3600},
    },
    "exports-over": {"task": "studio.exports.tasks.clear", "schedule": 600, "options": {"expires": 600}},
}

# Credits and the first run
try:
    CREDIT_USD = Decimal(env.text("CREDIT_USD", default="0.01"))
except InvalidOperation as error:
    raise ImproperlyConfigured("CREDIT_USD must be an amount in US dollars, such as 0.01.") from error
if not (CREDIT_USD.is_finite() and 0 < CREDIT_USD <= 1000):
    raise ImproperlyConfigured("CREDIT_USD must be more than 0 and at most 1000.")
STARTING_CREDITS = env.integer("ATELIER_STARTING_CREDITS", default=1000, least=0, most=10**12)
ADMIN_EMAIL = env.text("ATELIER_ADMIN_EMAIL", default="")
ADMIN_PASSWORD = env.text("ATELIER_ADMIN_PASSWORD", default="")
ADMIN_TEAM = env.text("ATELIER_TEAM", default="")
if bool(ADMIN_EMAIL) != bool(ADMIN_PASSWORD):
    raise ImproperlyConfigured("ATELIER_ADMIN_EMAIL and ATELIER_ADMIN_PASSWORD must be set together.")

# Providers: the only places that may be private or plain http.
PRIVATE_HOSTS = frozenset(env.words("PRIVATE_HOSTS"))
for _place in PRIVATE_HOSTS:
    if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", _place):
        raise ImproperlyConfigured(f"PRIVATE_HOSTS must be a comma-separated list of host:port, not {_place!r}.")

# Logging: to the console, for whoever runs the process to keep.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"visitors_faults": {"()": "studio.core.logs.VisitorsFaults"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["visitors_faults"]},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
