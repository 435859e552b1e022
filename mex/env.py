"""Typed reading of environment variables. docs/settings.md lists them all."""

import os


class Unusable(SystemExit):
    """Raised when a setting is missing or unsafe: the process ends with this one line and status 1."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"mex cannot start: {problem}")


def text(name: str, default: str | None = None) -> str:
    """Return a variable's text; without a default it must be set."""
    value = os.environ.get(name, default)
    if value is None or (value == "" and default is None):
        raise Unusable(f"the environment variable {name} must be set")
    return value


def integer(name: str, default: int) -> int:
    """Return a variable as a whole number."""
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise Unusable(f"{name} must be a whole number, was {value!r}") from None


def flag(name: str, default: bool) -> bool:
    """Return a variable as a yes or no: 1, true, yes, on; 0, false, no, off."""
    value = os.environ.get(name, "on" if default else "off").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off", ""):
        return False
    raise Unusable(f"{name} must be on or off, was {value!r}")


def words(name: str, default: str) -> list[str]:
    """Return a comma-separated variable as a list."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return a variable that must be one of the allowed words."""
    value = os.environ.get(name, default)
    if value not in allowed:
        raise Unusable(f"{name} must be one of {', '.join(allowed)}, was {value!r}")
    return value
