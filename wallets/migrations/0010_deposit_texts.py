"""What is looked at while a deposit is unfinished, and what its columns mean."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wallets', '0009_solvency'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='deposit',
            name='deposit_unfinished',
        ),
        migrations.AlterField(
            model_name='deposit',
            name='credited_at',
            field=models.DateTimeField(blank=True, help_text='When its credit was given to the ledger, then when it was seen there; blank again when taken back.', null=True),
        ),
        migrations.AlterField(
            model_name='deposit',
            name='output',
            field=models.IntegerField(help_text="Bitcoin: the output's number. Ethereum: -1 for a plain transfer, -(2 + n) for the nth transfer (from 0) that contracts make in the transaction, for a token the place of its log among those of the transaction."),
        ),
        migrations.AddIndex(
            model_name='deposit',
            index=models.Index(condition=models.Q(('status__in', ['seen', 'confirming', 'collecting', 'orphaned', 'expired', 'reversed'])), fields=['status'], name='deposit_unfinished'),
        ),
    ]
