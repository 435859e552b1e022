"""What share of a core processes take, each with its children."""

from collections.abc import Mapping

from loadtest.usage import Usage


class Cores:
    """The processes by role, from now on: who makes one when counting begins leaves out what came before."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._roles = {process: role for role, process in processes.items()}
        self._usage = Usage()
        self._usage.read(self._roles)

    def shares(self) -> dict[str, float]:
        """Return what each took since then, in cores."""
        used, _ = self._usage.read(self._roles)
        return {role: used[role] for role in self._roles.values()}
