"""The engine is killed on either database."""

from tests.runtime.conftest import cluster, migrated, stack

__all__ = ["cluster", "migrated", "stack"]
