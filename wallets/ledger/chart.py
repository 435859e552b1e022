"""The chart of accounts.  [pure]

A ledger account is an owner and an asset. An owner is a user's id (positive) or one of these (negative).
A posting takes `amount` from its debit owner and gives it to its credit owner, so each asset sums to zero for ever.
Only users may never go below zero.
"""

from enum import IntEnum


class Owner(IntEnum):
    """Owners that are not users. The numbers are stored: never renumber or reuse one."""

    CHAIN = -1
    """What the outside owes us: minus the coins that the ledger says we hold on chain."""

    FEES = -2
    """What we earned: trading and withdrawal fees."""

    NETWORK_FEES = -3
    """What miners and validators were paid; below zero, an expense."""

    FUNDING = -4
    """Coins the operator put into the hot wallet himself; below zero by what he put in."""

    ADJUSTMENT = -5
    """Corrections that an operator made by hand."""

    LOSS = -6
    """What is no longer there, after a deep reorganisation for instance."""

    COLD = -7
    """Minus the coins that the ledger says are at cold addresses, whose keys are kept elsewhere."""
