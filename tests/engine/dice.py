"""Choices read off one number."""

from typing import TypeVar

from trading.engine.enums import StpMode

Choice = TypeVar("Choice")


class Dice:
    """Reads choices off one number. All zero is the plainest."""

    def __init__(self, number: int) -> None:
        self.number = number

    def below(self, sides: int) -> int:
        """Return one of the numbers from 0, each as likely."""
        self.number, choice = divmod(self.number, sides)
        return choice

    def one_of(self, *choices: Choice) -> Choice:
        """Return one of these, each as likely."""
        return choices[self.below(len(choices))]

    def name(self, step: int, letter: str = "c") -> str:
        """Return mostly a new name; every sixteenth time one that may have been used."""
        return f"{letter}{step}" if self.below(16) else f"{letter}{self.below(step + 1)}"

    def stp(self) -> StpMode:
        """Return a mode of self-trade prevention, every second time the account's own."""
        return StpMode(max(0, self.below(10) - 4))
