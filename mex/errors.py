"""What a client may be told when a request is refused.  [pure]

Codes and texts are those of the Binance Spot API, because existing clients match them (docs/errors.md).
"""

from collections.abc import Mapping


class MexError(Exception):
    """A refusal that a client is told: a stable code, a text, and the HTTP status that goes with it.

    `retry_after_s` says when the same request may work, where that is known. `data` is told with the error, if it is
    not None: what was done all the same.
    """

    retry_after_s: int | None = None
    data: object = None

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class NotAuthorized(MexError):
    """Raised when a key is unknown, revoked, or lacks the permission."""

    def __init__(self) -> None:
        super().__init__(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


class KeyMalformed(MexError):
    """Raised when the key header or parameter is missing or has the wrong form."""

    def __init__(self) -> None:
        super().__init__(-2014, "API-key format invalid.", status=401)


class SignatureInvalid(MexError):
    """Raised when a signature does not match the request."""

    def __init__(self) -> None:
        super().__init__(-1022, "Signature for this request is not valid.")


class TimestampTooOld(MexError):
    """Raised when a signed request is older than its recvWindow."""

    def __init__(self) -> None:
        super().__init__(-1021, "Timestamp for this request is outside of the recvWindow.")


class TimestampAhead(MexError):
    """Raised when a signed request comes from the future."""

    def __init__(self) -> None:
        super().__init__(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


class ParameterMissing(MexError):
    """Raised when a mandatory parameter is absent, empty or malformed."""

    def __init__(self, name: str) -> None:
        super().__init__(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


class ParameterIllegal(MexError):
    """Raised when a parameter holds characters that it must not."""

    def __init__(self, name: str, legal: str) -> None:
        super().__init__(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


class ParameterNotRequired(MexError):
    """Raised when a parameter was sent that makes no sense here."""

    def __init__(self, name: str) -> None:
        super().__init__(-1106, f"Parameter '{name}' sent when not required.")


class ParameterInvalid(MexError):
    """Raised when a parameter is well-formed but not an allowed value."""

    def __init__(self, name: str) -> None:
        super().__init__(-1130, f"Data sent for parameter '{name}' is not valid.")


class BodyTooLong(MexError):
    """Raised when the body of a request is longer than any that makes sense."""

    def __init__(self, limit: int) -> None:
        super().__init__(-1100, f"A request's body must not be longer than {limit} bytes.", status=413)


class PrecisionExceeded(MexError):
    """Raised when a number has more than eight decimals."""

    def __init__(self, name: str) -> None:
        super().__init__(-1111, f"Parameter '{name}' has too much precision.")


class SymbolInvalid(MexError):
    """Raised when a market does not exist."""

    def __init__(self) -> None:
        super().__init__(-1121, "Invalid symbol.")


class OrderNotFound(MexError):
    """Raised when a queried order does not exist or is someone else's."""

    def __init__(self) -> None:
        super().__init__(-2013, "Order does not exist.")


class ReplacePartlyFailed(MexError):
    """Raised when of a cancel and the order that was to replace it one was carried out and the other refused."""

    def __init__(self, data: object) -> None:
        super().__init__(-2021, "Order cancel-replace partially failed.", status=409)
        self.data = data


class ReplaceFailed(MexError):
    """Raised when neither a cancel nor the order that was to replace it was carried out."""

    def __init__(self, data: object) -> None:
        super().__init__(-2022, "Order cancel-replace failed.")
        self.data = data


class AnswerUnknown(MexError):
    """Raised when the engine did not answer in time: the command may or may not take effect."""

    def __init__(self) -> None:
        super().__init__(
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            status=504,
        )


class EngineBusy(MexError):
    """Raised when the engine or this process is behind; nothing was sent, the same request may work later."""

    retry_after_s = 1
    """A web process that refuses orders looks once a second whether the engine has caught up."""

    def __init__(self) -> None:
        super().__init__(
            -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", status=503
        )


class TooManyRequests(MexError):
    """Raised when an address exceeds its request weight."""

    def __init__(self, limit: int, *, retry_after_s: int) -> None:
        super().__init__(
            -1003, f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE.", status=429
        )
        self.retry_after_s = retry_after_s


class TooManyAttempts(MexError):
    """Raised when an address or an e-mail tries to log in, or an address to register, too often."""

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(-1003, f"Too many attempts. Please wait {retry_after_s} seconds and try again.", status=429)
        self.retry_after_s = retry_after_s


class TooManyOrders(MexError):
    """Raised when an account places more orders than it may; `period` is "10 SECOND" or "1 DAY"."""

    def __init__(self, limit: int, period: str, *, retry_after_s: int) -> None:
        super().__init__(-1015, f"Too many new orders; current limit is {limit} orders per {period}.", status=429)
        self.retry_after_s = retry_after_s


class Unsupported(MexError):
    """Raised for an operation that is not here. Over REST the status is 404 or 405."""

    def __init__(self, *, status: int = 400) -> None:
        super().__init__(-1020, "This operation is not supported.", status=status)


# --- wallets -------------------------------------------------------------------------------------


class AssetUnknown(MexError):
    """Raised when an asset does not exist."""

    def __init__(self) -> None:
        super().__init__(-4018, "We don't have this asset.")


class WithdrawalsClosed(MexError):
    """Raised when an asset cannot be withdrawn at the moment."""

    def __init__(self) -> None:
        super().__init__(-4019, "Current asset is not open for withdrawal.")


class WithdrawalStep(MexError):
    """Raised when a withdrawal is not a multiple of what the chain can carry."""

    def __init__(self, step: str) -> None:
        super().__init__(-4021, f"Asset withdrawal must be an integer multiple of {step}.")


class WithdrawalTooSmall(MexError):
    """Raised when a withdrawal is below the asset's minimum."""

    def __init__(self, minimum: str) -> None:
        super().__init__(-4022, f"Not less than the minimum pick-up quantity {minimum}.")


class AccountFrozen(MexError):
    """Raised when an account's withdrawals are frozen, by an operator or because a deposit of it is gone."""

    def __init__(self) -> None:
        super().__init__(-4015, "Withdraw is limited.")


class WithdrawalLimitExceeded(MexError):
    """Raised when an account would withdraw more in 24 hours than its tier allows."""

    def __init__(self) -> None:
        super().__init__(-4023, "Within 24 hours, the withdrawal exceeds the maximum amount.")


class WithdrawalUnknown(MexError):
    """Raised when a withdrawal does not exist, or is someone else's."""

    def __init__(self) -> None:
        super().__init__(-4029, "The withdrawal record does not exist.")


class WithdrawalNotCancelled(MexError):
    """Raised when a withdrawal is signed, or over: it can no longer be cancelled."""

    def __init__(self) -> None:
        super().__init__(-4031, "Cancellation failed.")


class SecondFactorWrong(MexError):
    """Raised when the code of the second factor is missing, wrong or used up."""

    def __init__(self) -> None:
        super().__init__(-4032, "Withdraw verification exception.")


class AddressNotInBook(MexError):
    """Raised when an account withdraws to addresses of its book only, and this is none."""

    def __init__(self) -> None:
        super().__init__(-4035, "This address is not on the whitelist. Please join and try again.")


class AddressTooNew(MexError):
    """Raised when an address of the book has not cooled down yet."""

    def __init__(self, hours: int) -> None:
        super().__init__(-4036, f"The new address needs to be withdrawn in {hours} hours.")


class BookFull(MexError):
    """Raised when an address book has as many addresses as it can have."""

    def __init__(self, limit: int) -> None:
        super().__init__(-4043, f"An address book has at most {limit} addresses.")


class WithdrawalFundsMissing(MexError):
    """Raised when an account has less available than it wants to withdraw."""

    def __init__(self) -> None:
        super().__init__(-4026, "You have insufficient balance.")


class AddressIllegal(MexError):
    """Raised when an address is mistyped or of another network."""

    def __init__(self) -> None:
        super().__init__(-4033, "Illegal address.")


class AddressNotReady(MexError):
    """Raised when no deposit address is ready yet; the same request works a little later."""

    def __init__(self) -> None:
        super().__init__(-4012, "No deposit address is ready yet. Please try again in a few seconds.", status=503)


class DepositsClosed(MexError):
    """Raised when an asset takes no deposits at the moment."""

    def __init__(self) -> None:
        super().__init__(-4013, "Current asset is not open for deposit.")


class FaucetLimit(MexError):
    """Raised when more test coins are asked for than the faucet gives at once."""

    def __init__(self, limit: str) -> None:
        super().__init__(-4014, f"The faucet gives more than 0 and at most {limit} at a time.")


class TimeRangeTooWide(MexError):
    """Raised when a wallet history of more than 90 days is asked for."""

    def __init__(self) -> None:
        super().__init__(-4047, "Time interval must be within 0-90 days")


# --- operators: what only they are told, with codes that no public API has -----------------------


class EngineSilent(MexError):
    """Raised when a command got no answer; the text says whether it may take effect all the same."""

    def __init__(self, message: str) -> None:
        super().__init__(-1007, message, status=504)


class MarketUnknown(MexError):
    """Raised when an operator names a market that does not exist."""

    def __init__(self, symbol: str) -> None:
        super().__init__(-9001, f"There is no market {symbol}.")


class MarketExists(MexError):
    """Raised when a new market would have the symbol of another one; symbols are never free again."""

    def __init__(self, symbol: str) -> None:
        super().__init__(-9002, f"There is a market {symbol} already.")


class RulesUnsound(MexError):
    """Raised when a market's rules, or an account's terms, cannot be kept; `problems` has a sentence for each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(-9003, " ".join(f"{name}: {sentence}" for name, sentence in problems.items()))
        self.problems = problems


class StepsInUse(MexError):
    """Raised when open orders would not be exact on new steps."""

    def __init__(self) -> None:
        super().__init__(
            -9004,
            "Open orders are off these steps, and their value would round: halt the market, wait until they are "
            "cancelled, or choose steps that fit them.",
        )


class NothingToChange(MexError):
    """Raised when everything is already as an operator wants it; nothing was sent."""

    def __init__(self, subject: str) -> None:
        super().__init__(-9005, f"{subject} is like that already: nothing was changed.")


class AccountUnknown(MexError):
    """Raised when an operator names an account that does not exist."""

    def __init__(self, account: int) -> None:
        super().__init__(-9006, f"There is no account {account}.")


class DecisionRefused(MexError):
    """Raised when an operator may not decide about a withdrawal, or there is nothing to decide any more."""

    def __init__(self, problem: str) -> None:
        super().__init__(-9008, problem)


class OfferRefused(MexError):
    """Raised when what an operator brings back is not what was offered to the cold address, or cannot be booked."""

    def __init__(self, problem: str) -> None:
        super().__init__(-9011, problem)


class ReportMissing(MexError):
    """Raised when no report of solvency was taken yet, or its proofs cannot be had any more."""

    def __init__(self) -> None:
        super().__init__(-9010, "There is no report of solvency yet. Ask again in a minute.", status=404)


class NoteIllegal(MexError):
    """Raised when a note for the audit trail is too long or holds characters that are no text."""

    def __init__(self, limit: int) -> None:
        super().__init__(-9007, f"A note is a text of at most {limit} characters, without control characters.")
