"""Digests, keys and signatures by the vectors of BIP 143 and BIP 341."""

import pytest
from bitcoin.core import CTransaction
from coincurve import PrivateKey

from wallets.chains.bitcoin_signing import Digests, ecdsa_sign, taproot_private
from wallets.chains.descriptors import taproot_output_key

# BIP 143, "Native P2WPKH".
BIP_143 = (
    "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d2"
    "79655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c9"
    "5a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000"
)
BIP_143_SPENT = [
    (625_000_000, "2103c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac"),
    (600_000_000, "00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1"),
]
# BIP 341, wallet-test-vectors.json, "keyPathSpending": nine inputs of four kinds.
BIP_341 = (
    "02000000097de20cbff686da83a54981d2b9bab3586f4ca7e48f57f5b55963115f3b334e9c010000000000000000d7b7cab57b1393ace2d0"
    "64f4d4a2cb8af6def61273e127517d44759b6dafdd990000000000fffffffff8e1f583384333689228c5d28eac13366be082dc57441760d9"
    "57275419a418420000000000fffffffff0689180aa63b30cb162a73c6d2a38b7eeda2a83ece74310fda0843ad604853b0100000000feffff"
    "ffaa5202bdf6d8ccd2ee0f0202afbbb7461d9264a25e5bfd3c5a52ee1239e0ba6c0000000000feffffff956149bdc66faa968eb2be2d2faa"
    "29718acbfe3941215893a2a3446d32acd050000000000000000000e664b9773b88c09c32cb70a2a3e4da0ced63b7ba3b22f848531bbb1d5d"
    "5f4c94010000000000000000e9aa6b8e6c9de67619e6a3924ae25696bb7b694bb677a632a74ef7eadfd4eabf0000000000ffffffffa778eb"
    "6a263dc090464cd125c466b5a99667720b1c110468831d058aa1b82af10100000000ffffffff0200ca9a3b000000001976a91406afd46bcd"
    "fd22ef94ac122aa11f241244a37ecc88ac807840cb0000000020ac9a87f5594be208f8532db38cff670c450ed2fea8fcdefcc9a663f78bab"
    "962b0065cd1d"
)
BIP_341_SPENT = [
    (420_000_000, "512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"),
    (462_000_000, "5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3"),
    (294_000_000, "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac"),
    (504_000_000, "5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e"),
    (630_000_000, "512091b64d5324723a985170e4dc5a0f84c041804f2cd12660fa5dec09fc21783605"),
    (378_000_000, "00147dd65592d0ab2fe0d0257d571abf032cd9db93dc"),
    (672_000_000, "512075169f4001aa68f15bbed28b218df1d0a62cbbcf1188c6665110c293c907b831"),
    (546_000_000, "5120712447206d7a5238acc7ff53fbe94a3b64539ad291c7cdbc490b7577e4b17df5"),
    (588_000_000, "512077e30a5522dd9f894c3f8b8bd4c4b2cf82ca7da8a3ea6a239655c39c050ab220"),
]


def digests(raw: str, spent: list[tuple[int, str]]) -> Digests:
    """What the signatures of a vector are of."""
    pairs = [(satoshis, bytes.fromhex(script)) for satoshis, script in spent]
    return Digests(CTransaction.deserialize(bytes.fromhex(raw)), pairs)


def private(text: str) -> PrivateKey:
    return PrivateKey(bytes.fromhex(text))


def test_a_signature_of_bip_143() -> None:
    of = digests(BIP_143, BIP_143_SPENT).key_hash(1)

    assert of.hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"
    key = private("619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9")
    assert ecdsa_sign(key, of).hex() == (
        "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a"
        "0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee"
    )


def test_signatures_of_bip_341_by_both_kinds_of_keys_in_one_transaction() -> None:
    of = digests(BIP_341, BIP_341_SPENT)

    # Input 4 is the one with SIGHASH_DEFAULT; its key has a script beside it, so it is given as tweaked.
    tweaked = private("a8e7aa924f0d58854185a490e6c41f6efb7b675c0f3331b7f14b549400b4d501")
    assert of.taproot(4).hex() == "4f900a0bae3f1446fd48490c2958b5a023228f01661cda3496a11da502a7f7ef"
    assert tweaked.sign_schnorr(of.taproot(4), bytes(32)).hex() == (
        "b4010dd48a617db09926f729e79c33ae0b4e94b79f04a1ae93ede6315eb3669d"
        "e185a17d2b0ac9ee09fd4c64b678a0b61a0a86fa888a273c8511be83bfd6810f"
    )
    # Input 5, P2WPKH with SIGHASH_ALL: its key is 3, and its signature stands in "fullySignedTx".
    assert ecdsa_sign(PrivateKey.from_int(3), of.key_hash(5)).hex() == (
        "304402202b795e4de72646d76eab3f0ab27dfa30b810e856ff3a46c9a702df53bb0d8cc3"
        "02203ccc4d822edab5f35caddb10af1be93583526ccfbade4b4ead350781e2f8adcd"
    )


def test_the_tweaked_key_of_bip_341() -> None:
    internal = private("6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa")

    tweaked = taproot_private(internal)

    assert tweaked.to_hex() == "2405b971772ad26915c8dcdf10f238753a9b837e5f8e6a86fd7c0cce5b7296d9"
    assert "5120" + tweaked.public_key_xonly.format().hex() == BIP_341_SPENT[0][1]


@pytest.mark.parametrize("number", range(1, 9))
def test_keys_with_odd_and_even_public_keys_sign_for_the_address_that_is_handed_out(number: int) -> None:
    internal = PrivateKey.from_int(number)

    output = taproot_private(internal).public_key_xonly

    assert output.format() == taproot_output_key(internal.public_key_xonly.format())


def test_signatures_are_never_longer_than_what_is_paid_for() -> None:
    key, lengths = PrivateKey.from_int(7), set()

    for number in range(200):
        digest = number.to_bytes(32)
        signature = ecdsa_sign(key, digest)
        lengths.add(len(signature))
        assert key.public_key.verify(signature, digest, hasher=None)

    assert max(lengths) == 70
