"""What someone owns, and what happens on the chains: columns and constraints, no behaviour.

Amounts are units of 10^-8 of the asset (mex/money.py). Postings, balances and holds are written by the engine only.
"""

from wallets.models.assets import Asset, Chain
from wallets.models.control import (
    BookAddress,
    ColdOffer,
    TierLimit,
    WithdrawalDecision,
    WithdrawalRules,
    WithdrawalSwitch,
    WithdrawalTier,
)
from wallets.models.ledger import Balance, Hold, Posting
from wallets.models.solvency import HotWallet, SolvencyAddress, SolvencyAsset, SolvencyLeaves, SolvencyReport
from wallets.models.transfers import (
    ArrivalClaim,
    ChainCursor,
    ChainTransaction,
    Deposit,
    DepositAddress,
    FeeCorrection,
    Withdrawal,
)

__all__ = [
    "ArrivalClaim",
    "Asset",
    "Balance",
    "BookAddress",
    "Chain",
    "ChainCursor",
    "ChainTransaction",
    "ColdOffer",
    "Deposit",
    "DepositAddress",
    "FeeCorrection",
    "Hold",
    "HotWallet",
    "Posting",
    "SolvencyAddress",
    "SolvencyAsset",
    "SolvencyLeaves",
    "SolvencyReport",
    "TierLimit",
    "Withdrawal",
    "WithdrawalDecision",
    "WithdrawalRules",
    "WithdrawalSwitch",
    "WithdrawalTier",
]
