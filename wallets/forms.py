"""Forms of the wallet pages: they parse; `wallets.services` decides and writes."""

import uuid

from django import forms

from mex.forms import StyledForm, UnitsField


def new_client_id() -> str:
    """Return a name for one withdrawal, made before it is sent: a form sent twice is one withdrawal."""
    return f"page-{uuid.uuid4().hex}"


class WithdrawForm(StyledForm):
    """Where to, and how much, the fee included."""

    address = forms.CharField(
        label="To address",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}),
    )
    amount = UnitsField(label="Amount")
    client_id = forms.RegexField(r"^page-[0-9a-f]{32}$", widget=forms.HiddenInput(), initial=new_client_id)


class FaucetForm(StyledForm):
    """How much to send to one's own deposit address; local chains only."""

    amount = UnitsField(label="Amount", initial="1")
