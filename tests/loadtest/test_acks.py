"""What was acknowledged is written down, and a file that is not whole is no pass."""

from io import StringIO
from pathlib import Path

import pytest

from loadtest.acks import Ack, AckFile, AckFileBroken, read_acks
from loadtest.wire import Placed

_LIMIT = [
    ("newClientOrderId", "lt-1"),
    ("price", "0.05200000"),
    ("quantity", "1.50000000"),
    ("side", "BUY"),
    ("symbol", "ETHBTC"),
    ("timeInForce", "GTC"),
    ("type", "LIMIT"),
]
_LINE = "1 lt-1 ETHBTC BUY - 1.00000000 FILLED 1.00000000\n"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    text = StringIO()
    file = AckFile(text)
    # Named by what was asked for: an answer under another name is a difference that must be found.
    file.placed(Placed(7, "another", "ETHBTC", "PARTIALLY_FILLED", "0.50000000"), _LIMIT)
    file.placed(Placed(8, "", "", "FILLED", "1.50000000"), [pair for pair in _LIMIT if pair[0] != "price"])
    file.canceled(7, "ETHBTC", Placed(7, status="CANCELED", executedQty="0.50000000"))
    file.refused(_LIMIT)
    file.end()
    path = tmp_path / "acks.txt"
    path.write_text(text.getvalue())

    acks = list(read_acks(path))

    assert acks == [
        Ack(7, "lt-1", "ETHBTC", "BUY", "0.05200000", "1.50000000", "PARTIALLY_FILLED", "0.50000000"),
        Ack(8, "lt-1", "ETHBTC", "BUY", "-", "1.50000000", "FILLED", "1.50000000"),
        Ack(7, "-", "ETHBTC", "-", "-", "-", "CANCELED", "0.50000000"),
        Ack(0, "lt-1", "ETHBTC", "BUY", "0.05200000", "1.50000000", "REFUSED", "-"),
    ]
    assert [ack.is_cancel for ack in acks] == [False, False, True, False]
    assert [ack.is_refused for ack in acks] == [False, False, False, True]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", "ends after 1 acknowledgements"),
        ("end 2\n", r"acks\.txt:2: 'end 2' is no acknowledgement"),
        (_LINE[:20], r"acks\.txt:2: "),
        ("\n", r"acks\.txt:2: "),
        (_LINE.replace("1 lt", "x lt"), r"acks\.txt:2: "),
        (f"end 1\n{_LINE}", r"acks\.txt:3: something follows"),
    ],
)
def test_a_file_that_is_not_whole_is_no_pass(tmp_path: Path, rest: str, said: str) -> None:
    path = tmp_path / "acks.txt"
    path.write_text(_LINE + rest)

    with pytest.raises(AckFileBroken, match=said):
        list(read_acks(path))
