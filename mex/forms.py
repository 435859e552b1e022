"""How every form looks, and how a form reads money."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from mex import money


class StyledForm(forms.Form):
    """A form whose fields carry the CSS framework's classes; templates/forms/field.html draws them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        for field in self.fields.values():
            is_box = isinstance(field.widget, forms.CheckboxInput)
            field.widget.attrs["class"] = "form-check-input" if is_box else "form-control"


def clean_units(text: str) -> int:
    """Return a positive decimal text as units of 10^-8. Raises ValidationError, in a person's words."""
    try:
        units = money.parse_units(text.strip())
    except money.TooPrecise:
        raise ValidationError("At most eight decimals, please.", code="precision") from None
    except money.TooLarge:
        raise ValidationError("This amount is too large.", code="too_large") from None
    except money.NotANumber:
        raise ValidationError("Write an amount such as 0.25, with a decimal point.", code="not_a_number") from None
    if units == 0:
        raise ValidationError("The amount must be more than zero.", code="zero")
    return units


class UnitsField(forms.CharField):
    """A decimal amount, cleaned to whole units of 10^-8; never a float on the way."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"}
        super().__init__(max_length=40, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the units. A comma is refused: it means thousands to some people and a decimal point to others."""
        return clean_units(super().clean(value))
