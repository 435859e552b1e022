"""Transactions that were final before their blocks were kept are looked at once more, as if they had lost them.

Without a block they would never be in doubt: what a deep reorganisation makes of them after the upgrade, or made of them
before it, would not be seen. The workers find the block of each, correct its fee if the chain took another one, and keep
the block from then on. Only the newest ones: deeper than that no reorganisation goes.
"""

from django.db import migrations
from django.db.models import Q

NEWEST = 200


def doubt(apps, schema_editor):
    transactions = apps.get_model('wallets', 'ChainTransaction').objects
    final = transactions.filter(status__in=['confirmed', 'failed'])
    for coin in final.order_by().values_list('fee_asset', flat=True).distinct():
        newest = final.filter(fee_asset=coin, block_hash='').exclude(block_height=None).order_by('-block_height', '-pk')
        for pk, first in newest.values_list('pk', 'first_version')[:NEWEST]:
            family = transactions.filter(Q(pk=first or pk) | Q(first_version=first or pk))
            # Where a version has its block, it is that one which is looked after.
            if not family.exclude(block_hash='').exists():
                family.update(fee_in_doubt=True)


class Migration(migrations.Migration):

    dependencies = [
        ('wallets', '0014_contradictions_and_claims'),
    ]

    operations = [
        migrations.RunPython(doubt, migrations.RunPython.noop),
    ]
