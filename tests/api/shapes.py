"""Real answers against the examples of docs/api.md: the same fields with the same JSON types."""

import json
import re
from pathlib import Path
from typing import Any

_DOC = Path(__file__).resolve().parents[2] / "docs" / "api.md"
EXAMPLES: dict[str, Any] = {
    name: json.loads(text) for name, text in re.findall(r"```json (\w+)\n(.*?)```", _DOC.read_text(), re.DOTALL)
}
_AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{8}")


def check(answer: Any, name: str) -> None:
    """Fail unless an answer has the shape of the example."""
    _check(answer, EXAMPLES[name], name)


def _check(answer: Any, example: Any, place: str) -> None:
    assert type(answer) is type(example), f"{place}: {answer!r} is not like {example!r}"
    if isinstance(example, dict):
        assert answer.keys() == example.keys(), f"{place}: {answer.keys() ^ example.keys()}"
        for name, value in example.items():
            _check(answer[name], value, f"{place}.{name}")
    elif isinstance(example, list) and example:
        # Rows of one kind are all like the first; rows of several kinds (filters, limits) stand in the same order.
        same = all(type(row) is type(example[0]) for row in example) and not _is_varied(example)
        for number, row in enumerate(answer):
            _check(row, example[0] if same else example[number], f"{place}[{number}]")
    elif isinstance(example, str) and _AMOUNT.fullmatch(example):
        assert _AMOUNT.fullmatch(answer), f"{place}: {answer!r} has not eight decimals"


def _is_varied(rows: list[Any]) -> bool:
    return any(isinstance(row, dict) and row.keys() != rows[0].keys() for row in rows)
