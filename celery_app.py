"""Celery: what polls the chains, signs and broadcasts. Redis or Valkey carries the tasks, no result is kept.

Two queues: `chains` for any worker, `signer` for workers that hold keys: those alone may load them
(wallets/worker_start.py), and need the passphrase of the key file in their environment (docs/keys.md).

    celery -A celery_app worker -Q chains
    celery -A celery_app worker -Q signer
    celery -A celery_app beat
"""

import logging
import os
from urllib.parse import urlsplit, urlunsplit

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mex.settings")


def _broker_url(redis_url: str) -> str:
    """Return database 1 of the server: tasks stay apart from the engine's streams."""
    return urlunsplit(urlsplit(redis_url)._replace(path="/1"))


def _every(seconds: float, task: str, queue: str) -> dict[str, object]:
    # A task that nobody took before the next ones came is worth nothing: a dead node must not pile them up.
    options = {"queue": queue, "expires": min(max(seconds * 3, 5), 15)}
    return {"task": f"wallets.tasks.{task}", "schedule": seconds, "options": options}


app = Celery("mex", task_cls="wallets.patient_task:PatientTask")
app.conf.update(
    broker_url=_broker_url(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 10, "socket_connect_timeout": 5},
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="chains",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=180,
    task_soft_time_limit=120,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    timezone="UTC",
    # Nothing is worth remembering between starts: every task looks at what is there.
    beat_scheduler="celery.beat:Scheduler",
    beat_max_loop_interval=1,
    beat_schedule={
        "scan_bitcoin": _every(1, "scan_bitcoin", "chains"),
        "scan_ethereum": _every(1, "scan_ethereum", "chains"),
        "advance_withdrawals": _every(1, "advance_withdrawals", "chains"),
        "send_confirmations": _every(2, "send_confirmations", "chains"),
        "look_for_unexplained_coins": _every(60, "look_for_unexplained_coins", "chains"),
        "fill_address_pools": _every(2, "fill_address_pools", "chains"),
        "look_after_hot_wallets": _every(5, "look_after_hot_wallets", "chains"),
        "take_solvency_report": _every(5, "take_solvency_report", "chains"),
        "sign_and_broadcast": _every(1, "sign_and_broadcast", "signer"),
        "sweep": _every(5, "sweep", "signer"),
    },
)
app.autodiscover_tasks(["wallets"])
app.autodiscover_tasks(["wallets"], related_name="worker_start")
if settings.LOG_LEVEL != "debug":
    # Celery says twice at INFO that each task ran: every second, for every task. Failures are errors and still said.
    for name in ("celery.app.trace", "celery.worker.strategy", "celery.worker.request", "celery.beat"):
        logging.getLogger(name).setLevel(logging.WARNING)
