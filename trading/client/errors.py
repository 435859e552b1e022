"""How a call can fail.  [pure]"""


class ApiRefused(Exception):
    """Raised when the exchange refuses a request: `code` and `message` are those of docs/errors.md."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class ApiUnavailable(Exception):
    """Raised when there is no answer. The request may or may not have been carried out."""
