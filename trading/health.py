"""What an operator asks a web process: is everything there, which version, and how it stands."""

from collections.abc import Iterable, Sequence

import redis.asyncio
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mex.clock import now_ms
from mex.database import in_database
from mex.outages import database_outage
from trading import selectors
from trading.gateway import pipes
from trading.gateway.hub import get_hub
from trading.selectors import Standing
from wallets import operations


async def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, pipe and engine are there, and 503 with what is missing."""
    try:
        await get_hub()
        standing = await in_database(selectors.standing)
    except OperationalError as error:
        why = database_outage(error)
        if not why:
            raise
        return JsonResponse({"status": f"the database cannot be used, {why}"}, status=503)
    has_engine = standing.lease_until_ms > now_ms()
    body = {
        "status": "ok" if has_engine else "no engine",
        "engine": {"leads": has_engine, "epoch": standing.epoch, "batch": standing.batch},
        "chains": {
            chain.chain: {"height": chain.height, "tip": chain.tip_height, "silent_s": chain.silent_s}
            for chain in standing.chains
        },
    }
    return JsonResponse(body, status=200 if has_engine else 503)


async def version(request: HttpRequest) -> HttpResponse:
    """Tell name and version."""
    return JsonResponse({"name": "mex", "version": settings.MEX_VERSION})


async def metrics(request: HttpRequest) -> HttpResponse:
    """Tell figures in the Prometheus text format."""
    hub = await get_hub()
    pipe: redis.asyncio.Redis = pipes.async_connection()
    try:
        backlog = int(await pipe.xlen(pipes.commands_key(settings.MEX_SHARD)))
    finally:
        await pipe.aclose()
    figures = _Figures(await in_database(selectors.standing), backlog, hub.client.waiting, hub.listening)
    registry = CollectorRegistry()
    registry.register(figures)
    registry.register(_WalletFigures(await in_database(operations.figures)))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """One reading of everything."""

    def __init__(self, standing: Standing, backlog: int, waiting: int, listening: int) -> None:
        self._standing = standing
        self._plain = {
            "mex_engine_epoch": ("How often an engine took the lead.", standing.epoch),
            "mex_engine_batches": ("Batches committed.", standing.batch),
            "mex_engine_commands": ("Commands applied.", standing.sequence),
            "mex_engine_orders": ("Orders accepted.", standing.last_order),
            "mex_engine_lease_seconds": ("Seconds until the engine's lease ends.", standing.lease_rest_s),
            "mex_command_stream_entries": ("Entries that the engine has not committed yet.", backlog),
            "mex_web_commands_waiting": ("Commands of this web process that wait for an answer.", waiting),
            "mex_web_accounts_listening": ("Accounts whose events this web process passes on.", listening),
        }

    def collect(self) -> Iterable[Metric]:
        """Return the figures."""
        for name, (text, value) in self._plain.items():
            yield GaugeMetricFamily(name, text, value=value)
        by_chain = {
            "mex_chain_height": ("Height up to which a chain was looked at.", "height"),
            "mex_chain_tip": ("Height of a chain as its node last said.", "tip_height"),
            "mex_chain_silent_seconds": ("Seconds since a chain's node last answered.", "silent_s"),
        }
        for name, (text, attribute) in by_chain.items():
            family = GaugeMetricFamily(name, text, labels=["chain"])
            for chain in self._standing.chains:
                family.add_metric([chain.chain], getattr(chain, attribute))
            yield family


class _WalletFigures(Collector):
    """How the wallets stand."""

    def __init__(self, figures: Sequence[operations.Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Return the figures, those of one name together."""
        families: dict[str, GaugeMetricFamily] = {}
        for figure in self._figures:
            names = [name for name, _ in figure.labels]
            family = families.setdefault(figure.name, GaugeMetricFamily(figure.name, figure.text, labels=names))
            family.add_metric([value for _, value in figure.labels], figure.value)
        return families.values()


urlpatterns = [
    path("healthz", healthz),
    path("version", version),
    path("metrics", metrics),
]
