import pytest

from tests.wallets.nodes import Bitcoind
from wallets.chains.addresses import address_normalize
from wallets.chains.segwit import AddressMalformed, segwit_encode

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55's own example

BAD = [
    ("empty", "bitcoin", ""),
    ("mistyped", "bitcoin", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081"),
    ("mainnet segwit", "bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("mainnet taproot", "bitcoin", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("mainnet legacy", "bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("mainnet script", "bitcoin", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ("testnet segwit on regtest", "bitcoin", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    ("legacy mistyped", "bitcoin", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfm"),
    ("taproot with the old checksum", "bitcoin", "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma7"),
    ("future witness version", "bitcoin", segwit_encode("bcrt", 2, bytes(32))),
    ("version 1 of an odd length", "bitcoin", segwit_encode("bcrt", 1, bytes(2))),
    ("Ethereum's", "bitcoin", CHECKSUMMED),
    ("spaces", "bitcoin", " bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
    ("not ASCII", "bitcoin", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt08é"),
    ("empty", "ethereum", ""),
    ("too short", "ethereum", CHECKSUMMED[:-1]),
    ("too long", "ethereum", CHECKSUMMED + "0"),
    ("no prefix", "ethereum", CHECKSUMMED[2:]),
    ("wrong checksum", "ethereum", CHECKSUMMED.replace("aA", "Aa", 1)),
    ("mistyped digit", "ethereum", CHECKSUMMED[:-1] + "c"),
    ("zero", "ethereum", "0x" + "0" * 40),
    ("Bitcoin's", "ethereum", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
    ("capital X", "ethereum", "0X" + CHECKSUMMED[2:]),
]


@pytest.mark.parametrize(("label", "chain", "address"), BAD)
def test_addresses_to_which_nothing_may_be_sent_are_refused(label: str, chain: str, address: str) -> None:
    with pytest.raises(AddressMalformed):
        address_normalize(chain, address)


@pytest.mark.parametrize(
    ("given", "usual"),
    [
        (CHECKSUMMED, CHECKSUMMED),
        (CHECKSUMMED.lower(), CHECKSUMMED),
        ("0x" + CHECKSUMMED[2:].upper(), CHECKSUMMED),
    ],
)
def test_ethereum_addresses_are_kept_with_their_checksum(given: str, usual: str) -> None:
    assert address_normalize("ethereum", given) == usual


@pytest.mark.parametrize("kind", ["legacy", "p2sh-segwit", "bech32", "bech32m"])
def test_every_kind_of_address_that_the_node_makes_is_taken(bitcoind: Bitcoind, kind: str) -> None:
    address = bitcoind.fresh_address(kind)

    assert address_normalize("bitcoin", address) == address


def test_capital_bech32_is_the_same_address(bitcoind: Bitcoind) -> None:
    address = bitcoind.fresh_address()

    assert address_normalize("bitcoin", address.upper()) == address
