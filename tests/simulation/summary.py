"""What came of a seed."""

import hashlib
from collections import Counter
from dataclasses import dataclass

from tests.simulation.faults import Fault


@dataclass(slots=True)
class Summary:
    """What came of a seed."""

    seed: int
    turns: int
    batches: int
    commands: int
    ends: Counter[str]
    """How engines ended."""
    struck: Counter[tuple[Fault, str]]
    seen: Counter[type]
    """Events of each kind."""
    steps: list[str]
    state: str
    """Hash of the state in the end."""

    @property
    def digest(self) -> str:
        """A number for the whole run: the same seed gives the same one."""
        return hashlib.sha256("\n".join([*self.steps, self.state]).encode()).hexdigest()
