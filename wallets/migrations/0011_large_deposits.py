"""A pair of amount and confirmations for large deposits is whole or not there: a check that is unknown passes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wallets', '0010_deposit_texts'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='asset',
            name='asset_large_deposits_wait_longer',
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('large_amount', None), ('large_confirmations', None)), models.Q(('large_amount__gt', 0), ('large_confirmations__gte', models.F('confirmations')), ('large_confirmations__isnull', False)), _connector='OR'), name='asset_large_deposits_wait_longer', violation_error_message='Large deposits need an amount, and at least the usual confirmations.'),
        ),
    ]
