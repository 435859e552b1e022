"""Hierarchical deterministic keys, judged by the vectors of BIP 32."""

import pytest

from wallets.chains.hd import PrivateNode, PublicNode

VECTOR_1 = "000102030405060708090a0b0c0d0e0f"
VECTOR_2 = (
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a2"
    "9f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542"
)
# BIP 32, test vector 3: leading zeros of a private key must be kept.
VECTOR_3 = (
    "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4ac"
    "ba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be"
)

VECTORS = [  # (seed, path, extended public key)
    (
        VECTOR_1,
        "m",
        "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
    ),
    (
        VECTOR_1,
        "m/0'",
        "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
    ),
    (
        VECTOR_1,
        "m/0'/1",
        "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
    ),
    (
        VECTOR_2,
        "m/0",
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
    ),
    (
        VECTOR_3,
        "m/0'",
        "xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y",
    ),
]


@pytest.mark.parametrize(("seed", "path", "xpub"), VECTORS)
def test_keys_of_the_standard_are_derived(seed: str, path: str, xpub: str) -> None:
    node = PrivateNode.from_seed(bytes.fromhex(seed)).derive(path)

    assert node.public().xpub() == xpub
    assert PublicNode.from_xpub(xpub).xpub() == xpub


def test_the_public_side_derives_the_same_keys_as_the_private_one() -> None:
    account = PrivateNode.from_seed(bytes.fromhex(VECTOR_2)).derive("m/44'/60'/0'")
    watching = PublicNode.from_xpub(account.public().xpub())

    for path in ("0/0", "0/17", "1/0", f"0/{2**31 - 1}"):
        assert watching.derive(path) == account.derive(path).public()


def test_a_hardened_key_needs_the_private_side() -> None:
    watching = PrivateNode.from_seed(bytes.fromhex(VECTOR_1)).public()

    with pytest.raises(ValueError, match="hardened"):
        watching.derive("0'")


@pytest.mark.parametrize(
    "text",
    [
        VECTORS[0][2][:-1] + "9",  # a wrong checksum
        VECTORS[0][2][:-3],
        "",
        "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    ],
)
def test_what_is_not_an_extended_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        PublicNode.from_xpub(text)
