"""Forms of the wallet pages: they parse; `wallets.services` and `wallets.control` decide and write."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms

from mex.forms import StyledForm, UnitsField
from wallets.models import BookAddress, Chain


def new_client_id() -> str:
    """Return a name for one withdrawal, made before it is sent: a form sent twice is one withdrawal."""
    return f"page-{uuid.uuid4().hex}"


def _address_field(**options: Any) -> forms.CharField:
    attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
    return forms.CharField(max_length=100, widget=forms.TextInput(attrs=attrs), **options)


class WithdrawForm(StyledForm):
    """Where to, and how much, the fee included. An address is typed or chosen from the book."""

    book = forms.ChoiceField(label="From your address book", required=False)
    address = _address_field(label="To address", required=False)
    amount = UnitsField(label="Amount")
    code = forms.CharField(
        label="Code of your second factor",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    client_id = forms.RegexField(r"^page-[0-9a-f]{32}$", widget=forms.HiddenInput(), initial=new_client_id)

    def __init__(
        self, *args: Any, book: Sequence[BookAddress] = (), book_only: bool = False, asks_code: bool = False, **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        self._book = {str(entry.pk): entry.address for entry in book}
        if book or book_only:
            first = "Choose an address" if book_only else "Another address, written below"
            self.fields["book"].choices = [("", first), *((str(one.pk), _named(one)) for one in book)]  # type: ignore[attr-defined]
            self.fields["book"].widget.attrs["class"] = "form-select"
        else:
            del self.fields["book"]
        if book_only:
            del self.fields["address"]
        if not asks_code:
            del self.fields["code"]

    def clean(self) -> dict[str, Any]:
        """Put the address that was typed or chosen into `destination`."""
        data = super().clean() or self.cleaned_data
        chosen, typed = self._book.get(data.get("book", ""), ""), data.get("address", "")
        where = "address" if "address" in self.fields else "book"
        if not chosen and not typed and where not in self.errors:
            self.add_error(where, "This field is required.")
        elif chosen and typed and chosen != typed:
            self.add_error("address", "Choose an address of your book or write one here, not both.")
        data["destination"] = chosen or typed
        return data


def _named(entry: BookAddress) -> str:
    return f"{entry.label}: {entry.address}"


class BookAddressForm(StyledForm):
    """An address to keep."""

    chain = forms.ChoiceField(label="Network", choices=Chain.choices)
    address = _address_field(label="Address")
    label = forms.CharField(label="Name", max_length=60)


class FaucetForm(StyledForm):
    """How much to send to one's own deposit address; local chains only."""

    amount = UnitsField(label="Amount", initial="1")
