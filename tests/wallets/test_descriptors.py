"""Bitcoin descriptors, judged by the vectors of BIP 84, BIP 86 and BIP 380."""

import hashlib

import pytest

from tests.wallets.node_signing import wif
from wallets.chains.descriptors import Descriptor, account_descriptors, descriptor_checksum, taproot_output_key
from wallets.chains.hd import PrivateNode, PublicNode
from wallets.chains.segwit import segwit_encode

MNEMONIC = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
MASTER = PrivateNode.from_seed(hashlib.pbkdf2_hmac("sha512", MNEMONIC.encode(), b"mnemonic", 2048))
PREFIX = "bcrt"


def test_the_master_key_is_that_of_bip_86() -> None:
    assert MASTER.xprv() == (
        "xprv9s21ZrQH143K3GJpoapnV8SFfukcVBSfeCficPSGfubmSFDxo1kuHnLisriDvSnRRuL2Qrg5ggqHKNVpxR86QEC8w35uxmGoggxtQTPvfUu"
    )
    assert PrivateNode.from_xprv(MASTER.xprv()) == MASTER
    assert PrivateNode.from_xprv(MASTER.xprv(testnet=True)) == MASTER


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("m/84'/0'/0'/0/0", "0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c"),
        ("m/84'/0'/0'/0/1", "03e775fd51f0dfb8cd865d9ff1cca2a158cf651fe997fdc9fee9c1d3b5e995ea77"),
        ("m/84'/0'/0'/1/0", "03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6"),
    ],
)
def test_keys_of_bip_84(path: str, key: str) -> None:
    assert MASTER.derive(path).public().key.hex() == key


def test_a_wif_of_bip_84() -> None:
    assert (
        wif(MASTER.derive("m/84'/0'/0'/0/0"), testnet=False) == "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d"
    )


@pytest.mark.parametrize(
    ("path", "internal", "output", "address"),
    [
        (
            "m/86'/0'/0'/0/0",
            "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
            "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
        ),
        (
            "m/86'/0'/0'/0/1",
            "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
            "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
            "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
        ),
        (
            "m/86'/0'/0'/1/0",
            "399f1b2f4393f29a18c937859c5dd8a77350103157eb880f02e8c08214277cef",
            "882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
            "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
        ),
    ],
)
def test_keys_and_addresses_of_bip_86(path: str, internal: str, output: str, address: str) -> None:
    key = MASTER.derive(path).public().key[1:]

    assert key.hex() == internal
    assert taproot_output_key(key).hex() == output
    assert segwit_encode("bc", 1, taproot_output_key(key)) == address


def test_the_account_of_bip_86() -> None:
    account = MASTER.derive("m/86'/0'/0'")

    assert account.public().xpub() == (
        "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
    )


def test_public_and_private_descriptors_differ_in_their_keys_alone() -> None:
    public, private = (account_descriptors(MASTER, private=private) for private in (False, True))

    for hidden, shown in zip(map(Descriptor.parse, private), map(Descriptor.parse, public), strict=True):
        assert PrivateNode.from_xprv(hidden.key).public() == PublicNode.from_xpub(shown.key)
        assert hidden.text().replace(hidden.key, shown.key) == shown.text()
    assert [text.startswith(("wpkh([73c5da0a/84h/1h/0h]tpub", "tr([73c5da0a/86h/1h/0h]tpub")) for text in public] == [
        True
    ] * 4
    assert [text[-5:] for text in public] == ["/0/*)", "/1/*)"] * 2
    assert not any("prv" in text for text in public)
    for text in public:
        assert PublicNode.from_xpub(Descriptor.parse(text).key).depth == 3


def test_the_keys_of_a_private_descriptor_are_the_children_of_its_branch() -> None:
    external, internal = map(Descriptor.parse, account_descriptors(MASTER, private=True)[:2])

    assert external.private_branch().derive("7") == MASTER.derive("m/84h/1h/0h/0/7")
    assert internal.private_branch().derive("7") == MASTER.derive("m/84h/1h/0h/1/7")


def test_paths_are_as_a_psbt_names_them() -> None:
    descriptor = Descriptor.parse(account_descriptors(MASTER, private=False)[3])

    assert descriptor.path(5) == (86 + 2**31, 1 + 2**31, 2**31, 1, 5)


def test_the_checksum_is_that_of_the_standard() -> None:
    # BIP 380, "Test vectors".
    assert descriptor_checksum("raw(deadbeef)") == "89f8spxm"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wpkh(03e775fd51f0dfb8cd865d9ff1cca2a158cf651fe997fdc9fee9c1d3b5e995ea77)",
        "pkh([73c5da0a/84h/1h/0h]tpub/0/*)",
        "wpkh([73c5da0a/84h/1h/0h]tpub/2/*)",
        "wsh([73c5da0a/84h/1h/0h]tpub/0/*)",
    ],
)
def test_descriptors_of_other_kinds_are_not_ours(text: str) -> None:
    with pytest.raises(ValueError, match="not a descriptor of ours"):
        Descriptor.parse(text)


def test_apostrophes_of_older_nodes_and_checksums_are_read() -> None:
    text = account_descriptors(MASTER, private=False)[0]

    assert Descriptor.parse(text.replace("h/", "'/").replace("h]", "']") + "#89f8spxm").text() == text
    assert Descriptor.parse(text).address(0, prefix=PREFIX).startswith("bcrt1q")
