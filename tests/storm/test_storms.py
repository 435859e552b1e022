"""Storms: at the end what is credited is what is on chain, every withdrawal was paid exactly once, the audit is clean.

MEX_STORM_BLOCKS makes them longer, MEX_TEST_SEED other ones: `MEX_STORM_BLOCKS=5000 script/test tests/storm`.
"""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.stack import Stack

BLOCKS = int(os.environ.get("MEX_STORM_BLOCKS", "250"))
SEED = int(os.environ.get("MEX_TEST_SEED", "20261124"))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.environment |= {"MEX_LOCAL_CHAINS": "on", "LOG_LEVEL": "none"}
    try:
        yield stack
    finally:
        stack.close()


def storm(stack: Stack, chain: str) -> dict[str, Any]:
    """Sail through a storm and return what was seen."""
    print(f"seed {SEED}, {BLOCKS} blocks")
    engine = stack.python("manage.py", "run_engine")
    sea = stack.python(
        "-m", f"tests.storm.{chain}", str(SEED), str(BLOCKS), str(stack.folder / chain), stdout=subprocess.PIPE
    )
    output, _ = sea.communicate(timeout=300 + 3 * BLOCKS)
    engine.send_signal(signal.SIGTERM)
    assert (sea.returncode, engine.wait(30)) == (0, 0)
    seen: dict[str, Any] = json.loads(output.splitlines()[-1])
    print(json.dumps(seen, indent=2))
    return {name: Counter(found) if isinstance(found, dict) else found for name, found in seen.items()}


def replaced(seen: dict[str, Any]) -> int:
    """Return how many transactions, of whatever kind, another version with a higher fee took the place of."""
    return sum(count for name, count in seen["transactions"].items() if name.endswith(" replaced"))


def test_a_storm_on_bitcoin(node_programs: Path, stack: Stack) -> None:
    seen = storm(stack, "bitcoin")

    assert seen["differences"] == []
    weather = seen["weather"]
    assert weather["reorganisation"] > BLOCKS // 25
    assert min(weather["deep reorganisation"], weather["double spend"], weather["restart"]) > BLOCKS // 100
    assert seen["deposits"]["credited"] > BLOCKS // 5
    assert seen["deposits"]["reversed"] > 0
    assert seen["withdrawals"]["confirmed"] > BLOCKS // 10
    assert replaced(seen) > 0, "nothing was bumped"
    assert seen["deaths"] > BLOCKS // 10


def test_a_storm_on_ethereum(node_programs: Path, stack: Stack) -> None:
    seen = storm(stack, "ethereum")

    assert seen["differences"] == []
    weather = seen["weather"]
    assert weather["reorganisation"] > BLOCKS // 25
    assert min(weather["deep reorganisation"], weather["shorter chain"], weather["restart"]) > BLOCKS // 100
    assert seen["deposits"]["credited"] > BLOCKS // 5
    assert seen["deposits"]["reversed"] > 0
    assert seen["withdrawals"]["confirmed"] > BLOCKS // 10
    assert replaced(seen) > 0, "nothing was bumped"
    assert seen["deaths"] > BLOCKS // 10
