"""How withdrawals are lost, stuck or paid twice elsewhere, trap by trap, and the tests that each of them has."""

import importlib

import pytest

BTC, BATCH, ETH = "test_withdrawals_bitcoin", "test_withdrawals_bitcoin_batch", "test_withdrawals_ethereum"
BUMPS, NONCES, TOKENS = "test_bumps_bitcoin", "test_nonces_ethereum", "test_withdrawals_tokens"
TRAPS = {
    "OpenCEX: broadcast before it is recorded, a crash pays twice": (
        f"{BTC}.test_a_crash_between_storing_and_sending_pays_once_with_the_stored_bytes"
    ),
    "peatio: redelivered after a rollback, paid twice": (
        f"{BATCH}.test_a_batch_that_dies_before_it_is_sent_is_sent_with_its_stored_bytes"
    ),
    "OpenCEX: anybody cancels by id": (
        "test_control_cancel.test_opencex_nobody_cancels_the_withdrawal_of_somebody_else_by_its_id"
    ),
    "peatio: withdrawals are stuck": f"{BATCH}.test_many_that_cannot_be_paid_do_not_hide_a_later_one",
    "peatio: tokens have no gas to be swept": ("test_sweeps_tokens.test_gas_is_sent_first_and_tokens_follow"),
    "locks die with the node": f"{BTC}.test_a_restarted_node_forgets_locks_and_coins_are_still_spent_once",
    "two signers spend one coin": f"{BATCH}.test_a_coin_that_another_signer_stored_meanwhile_is_not_spent_twice",
    "two signers use one nonce": f"{ETH}.test_two_signers_at_once_use_every_nonce_once",
    "the old version of a bump is mined": (
        f"{BUMPS}.test_the_old_version_that_is_mined_after_all_settles_the_withdrawals"
    ),
    "bumpfee broadcasts at once": f"{BUMPS}.test_a_crash_after_storing_a_bump_is_made_good",
    "a dropped transaction leaves its change unspendable": (
        f"{BUMPS}.test_what_the_node_has_dropped_for_a_higher_minimum_is_raised_at_once"
    ),
    "an address comes once in a transaction": f"{BATCH}.test_two_withdrawals_to_one_address_are_both_paid",
    "legacy addresses where bech32 was meant": f"{BATCH}.test_every_standard_kind_of_address_is_paid",
    "a fee without a ceiling": f"{BUMPS}.test_a_fee_above_the_ceiling_is_neither_stored_nor_sent",
    "the pool is lost at a restart": f"{NONCES}.test_a_node_that_restarts_gets_everything_again",
    "a reorganisation gives nonces back and no transactions": (
        f"{NONCES}.test_a_reorganisation_that_takes_several_payments_puts_them_back"
    ),
    "a gap of nonces keeps all later ones waiting": f"{NONCES}.test_a_nonce_that_nothing_uses_is_filled_once",
    "nodes take replacements that others refuse": "test_fees_ethereum.test_every_replacement_keeps_the_rule",
    "a filler for less than what waits is refused, and that pays": (
        "test_fillers_ethereum.test_a_filler_outbids_what_the_node_put_back_into_its_pool"
    ),
    "anybody burns our gas": "test_trials_ethereum.test_what_would_burn_its_gas_is_not_signed_and_waits",
    "status 1 is no proof": f"{TOKENS}.test_a_token_that_returns_false_when_it_is_mined_was_not_paid",
    "a token returns nothing": f"{TOKENS}.test_tokens_arrive_to_the_last_unit_and_their_gas_is_booked_in_ether",
    "a token keeps a fee": f"{TOKENS}.test_a_token_that_keeps_a_fee_was_paid_all_the_same",
    "send* is repeated on a fresh connection": "test_jsonrpc.test_what_must_not_be_done_twice_is_not_sent_twice",
    "any process with the node's password can spend": "test_watch.test_the_wallet_cannot_spend_whoever_asks_the_node",
}


@pytest.mark.parametrize("name", TRAPS.values(), ids=TRAPS)
def test_a_trap_has_its_test(name: str) -> None:
    module, function = name.split(".")
    assert callable(getattr(importlib.import_module(f"tests.wallets.{module}"), function))
