"""What the admin of every app shares: rows that nobody may touch, amounts and people in readable form."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from mex import money

ROWS_COUNTED_MAX = 10_000

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
else:
    _ModelAdmin = admin.ModelAdmin  # generic for the type checker only


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the newest rows. Counting ten million takes longer than showing fifty; a search finds older ones."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, or the highest number that is counted to."""
        rows = cast("QuerySet[Model]", self.object_list)
        return rows.order_by()[:ROWS_COUNTED_MAX].count()


class ReadOnlyAdmin(_ModelAdmin):
    """Rows that only the engine or a worker writes: the admin shows them and changes nothing."""

    actions = None
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


def amount_column(field: str, title: str | None = None) -> Callable[[Any], str]:
    """Return an admin column that prints a field of units as a decimal."""

    @admin.display(description=title or field.replace("_", " "), ordering=field)
    def column(row: Any) -> str:
        value = getattr(row, field)
        return "–" if value is None else money.format_short(value)

    return column


def time_column(field: str, title: str) -> Callable[[Any], datetime]:
    """Return an admin column that prints milliseconds since the epoch as a time."""

    @admin.display(description=title, ordering=field)
    def column(row: Any) -> datetime:
        return datetime.fromtimestamp(getattr(row, field) / 1000, tz=UTC)

    return column


class UnitsFormField(forms.CharField):
    """Units in a form as a decimal text: "0.001" stands for 100000."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=40, **options)

    def prepare_value(self, value: Any) -> Any:
        """Return what the form shows."""
        return money.format_short(value) if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what is shown with what came back."""
        shown = self.prepare_value(initial)
        return bool(("" if shown is None else str(shown)) != (data or ""))

    def clean(self, value: Any) -> Any:
        """Return the units, None for nothing where that may be. Raises ValidationError."""
        text = super().clean(value)
        if not self.required and not text.strip():
            return None
        try:
            return money.parse_units(text.strip())
        except (money.NotANumber, money.TooPrecise, money.TooLarge):
            raise ValidationError("Write a decimal number with at most eight decimals.") from None
