"""The core reads no clock, no dice, no disk and no network, and knows no framework."""

import ast
import gc
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.engine.tables import (
    ANN,
    BOB,
    BUY,
    CARL,
    LIMIT_MAKER,
    LOT,
    SELL,
    STOP_LOSS,
    cancel,
    exchange,
    oco,
    order,
    stop,
)
from trading.engine.commands import CancelAll
from trading.engine.orders import Order, OrderList, Special

ENGINE = Path(__file__).resolve().parents[2] / "trading" / "engine"
ALLOWED = {
    "bisect", "collections", "enum", "hashlib", "math", "mex", "msgspec", "operator", "trading", "typing", "wallets",
}  # fmt: skip
ALLOWED_OF_OURS = ("mex.money", "mex.limits", "trading.engine", "wallets.ledger.chart")
FORBIDDEN = ("django", "channels", "celery", "redis", "asyncio", "logging", "random", "socket")


def imports_of(path: Path) -> set[str]:
    """Return the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_the_engine_imports_nothing_that_could_make_it_depend_on_its_surroundings() -> None:
    for path in ENGINE.glob("*.py"):
        for module in imports_of(path):
            assert module.split(".")[0] in ALLOWED, f"{path.name} imports {module}"
            if module.split(".")[0] in ("mex", "trading", "wallets"):
                assert module.startswith(ALLOWED_OF_OURS), f"{path.name} imports {module}"


def test_importing_the_core_loads_no_framework() -> None:
    code = f"import sys, trading.engine.core; print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    root = ENGINE.parents[1]

    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=30)

    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_orders_that_left_the_book_are_freed_without_the_garbage_collector() -> None:
    session = exchange()
    gc.collect()
    gc.disable()
    try:
        for step in range(20):
            for name in ("a", "b", "c"):
                session.core.apply(order(ANN, SELL, 5, 10, f"{name}{step}"), session.now_ms)
            session.core.apply(cancel(ANN, name=f"b{step}"), session.now_ms)
            session.core.apply(order(BOB, BUY, 7, 10, f"d{step}"), session.now_ms)
            session.core.apply(order(CARL, BUY, 3, 10, f"e{step}"), session.now_ms)
            session.core.apply(stop(ANN, SELL, STOP_LOSS, 1, 11, name=f"f{step}", trailing_delta=900), session.now_ms)
            session.core.apply(order(ANN, SELL, 3, 12, f"g{step}", iceberg_quantity=LOT), session.now_ms)
            both = oco(stop(BOB, BUY, STOP_LOSS, 2, 20), order(BOB, BUY, 2, 9, "x", type=LIMIT_MAKER), f"l{step}")
            above, below = (
                msgspec.structs.replace(leg, client_order_id=f"{leg.type}{step}") for leg in (both.above, both.below)
            )
            session.core.apply(msgspec.structs.replace(both, above=above, below=below), session.now_ms)
            for account in (ANN, BOB):
                session.core.apply(CancelAll(account, 1, "x"), session.now_ms)
        alive = [thing for thing in gc.get_objects() if isinstance(thing, Order | OrderList | Special)]
    finally:
        gc.enable()

    assert session.core.open_orders() == []
    assert alive == []
