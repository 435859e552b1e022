"""Control over withdrawals, versions of transactions, deposits that collect, expire or are taken back."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def pay_in_own_coin(apps, schema_editor):
    """Note for each transaction that there is what its fee was paid in: until now only coins were moved."""
    apps.get_model("wallets", "ChainTransaction").objects.update(fee_asset=models.F("asset"))


class Migration(migrations.Migration):
    """Columns and constraints."""

    dependencies = [
        ('accounts', '0001_initial'),
        ('wallets', '0005_usdt'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BookAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.CharField(choices=[('bitcoin', 'Bitcoin'), ('ethereum', 'Ethereum')], max_length=10)),
                ('address', models.CharField(max_length=100)),
                ('label', models.CharField(max_length=60)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('usable_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'book addresses',
            },
        ),
        migrations.CreateModel(
            name='ColdOffer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.CharField(max_length=100)),
                ('amount', models.BigIntegerField(help_text='Units that will arrive.')),
                ('unsigned', models.TextField(help_text='Bitcoin: a PSBT in base64. Ethereum: the unsigned transaction, in hex.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('withdrawn_at', models.DateTimeField(blank=True, help_text='When it was no longer to be signed.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='TierLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('daily', models.BigIntegerField(help_text='Units, fees included.')),
            ],
        ),
        migrations.CreateModel(
            name='WithdrawalDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('approves', models.BooleanField()),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='WithdrawalRules',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='withdrawal_rules', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('frozen_at', models.DateTimeField(blank=True, help_text='Set: nothing can be withdrawn.', null=True)),
                ('frozen_because', models.CharField(blank=True, max_length=200)),
                ('book_only', models.BooleanField(default=False, help_text='Withdrawals go to addresses of the address book only.')),
                ('book_only_until', models.DateTimeField(blank=True, help_text='When other addresses can be used again, after the owner allowed them.', null=True)),
            ],
            options={
                'verbose_name_plural': 'withdrawal rules',
            },
        ),
        migrations.CreateModel(
            name='WithdrawalSwitch',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('is_halted', models.BooleanField(default=False)),
                ('because', models.CharField(blank=True, max_length=200)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name_plural': 'withdrawal switch',
            },
        ),
        migrations.CreateModel(
            name='WithdrawalTier',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, unique=True)),
                ('is_default', models.BooleanField(default=False)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='chaintransaction',
            name='transaction_nonce_used_once',
        ),
        migrations.RemoveIndex(
            model_name='withdrawal',
            name='withdrawal_unfinished',
        ),
        migrations.AddField(
            model_name='asset',
            name='approval_above',
            field=models.BigIntegerField(blank=True, help_text='Units; a withdrawal of more waits for an operator. Blank: none does.', null=True),
        ),
        migrations.AddField(
            model_name='asset',
            name='closed_because',
            field=models.CharField(blank=True, help_text='Why mex itself closed the withdrawals; blank when an operator did.', max_length=200),
        ),
        migrations.AddField(
            model_name='asset',
            name='cold_address',
            field=models.CharField(blank=True, help_text='An address whose keys are kept elsewhere.', max_length=100),
        ),
        migrations.AddField(
            model_name='asset',
            name='deposit_min',
            field=models.BigIntegerField(default=0, help_text='Units; deposits of less are kept, and credited once those of an account add up to it.'),
        ),
        migrations.AddField(
            model_name='asset',
            name='hot_ceiling',
            field=models.BigIntegerField(blank=True, help_text='Units; with more in the hot wallet, a transfer to the cold address is offered.', null=True),
        ),
        migrations.AddField(
            model_name='asset',
            name='hot_floor',
            field=models.BigIntegerField(blank=True, help_text='Units; with less in the hot wallet, operators are told.', null=True),
        ),
        migrations.AddField(
            model_name='asset',
            name='large_amount',
            field=models.BigIntegerField(blank=True, help_text='Units; a deposit of so much or more needs the confirmations for large ones.', null=True),
        ),
        migrations.AddField(
            model_name='asset',
            name='large_confirmations',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='chaintransaction',
            name='amount',
            field=models.BigIntegerField(blank=True, help_text='Units of its asset that it moves, without the network fee.', null=True),
        ),
        migrations.AddField(
            model_name='chaintransaction',
            name='fee_asset',
            field=models.ForeignKey(null=True, help_text="What its network fee is paid in: the chain's coin.", on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.asset'),
        ),
        migrations.RunPython(pay_in_own_coin, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='chaintransaction',
            name='fee_asset',
            field=models.ForeignKey(help_text="What its network fee is paid in: the chain's coin.", on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.asset'),
        ),
        migrations.AddField(
            model_name='chaintransaction',
            name='fee_rate',
            field=models.BigIntegerField(blank=True, help_text='Bitcoin: satoshis for 1,000 vB. Ethereum: highest fee per gas, in wei.', null=True),
        ),
        migrations.AddField(
            model_name='chaintransaction',
            name='first_version',
            field=models.ForeignKey(blank=True, help_text='Of a bump: the transaction that was signed first. At most one version gets into the chain.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='later_versions', to='wallets.chaintransaction'),
        ),
        migrations.AddField(
            model_name='chaintransaction',
            name='recipient',
            field=models.CharField(blank=True, help_text='Where it goes, if that is one address.', max_length=100),
        ),
        migrations.AddField(
            model_name='chaintransaction',
            name='tip_rate',
            field=models.BigIntegerField(blank=True, help_text='Ethereum: tip per gas, in wei.', null=True),
        ),
        migrations.AddField(
            model_name='deposit',
            name='lost_at_height',
            field=models.BigIntegerField(blank=True, help_text="The chain's height when a credited deposit was first found to be gone.", null=True),
        ),
        migrations.AddField(
            model_name='deposit',
            name='reversals',
            field=models.PositiveSmallIntegerField(default=0, help_text='How often its credit was taken back.'),
        ),
        migrations.AddField(
            model_name='withdrawal',
            name='ends_as',
            field=models.CharField(blank=True, choices=[('requested', 'Requested'), ('email', 'Waiting for your confirmation'), ('approval', 'Waiting for approval'), ('held', 'Waiting to be sent'), ('signed', 'Signed'), ('broadcast', 'Sent'), ('confirmed', 'Confirmed'), ('ending', 'Being given back'), ('cancelled', 'Cancelled'), ('rejected', 'Rejected')], help_text='While it is ending: cancelled or rejected.', max_length=12),
        ),
        migrations.AddField(
            model_name='withdrawal',
            name='needs_approval',
            field=models.BooleanField(default=False, help_text='An operator has to approve of it.'),
        ),
        migrations.AddField(
            model_name='withdrawal',
            name='needs_email',
            field=models.BooleanField(default=False, help_text='Its owner has to confirm it by e-mail.'),
        ),
        migrations.AlterField(
            model_name='chaintransaction',
            name='asset',
            field=models.ForeignKey(help_text='What it moves.', on_delete=django.db.models.deletion.PROTECT, to='wallets.asset'),
        ),
        migrations.AlterField(
            model_name='chaintransaction',
            name='kind',
            field=models.CharField(choices=[('withdrawal', 'Withdrawal'), ('sweep', 'Sweep to the hot wallet'), ('gas', 'Ether for the sweep of a token'), ('consolidation', 'Small coins made one'), ('filler', 'Takes a nonce that is missing'), ('cold', 'To the cold address, signed elsewhere')], max_length=13),
        ),
        migrations.AlterField(
            model_name='chaintransaction',
            name='status',
            field=models.CharField(choices=[('signed', 'Signed'), ('broadcast', 'Broadcast'), ('confirmed', 'Confirmed'), ('failed', 'Failed on chain'), ('replaced', 'Another version was mined')], default='signed', max_length=12),
        ),
        migrations.AlterField(
            model_name='deposit',
            name='status',
            field=models.CharField(choices=[('seen', 'Seen'), ('confirming', 'Confirming'), ('collecting', 'Below the minimum'), ('credited', 'Credited'), ('orphaned', 'Orphaned'), ('expired', 'Expired'), ('reversed', 'Reversed')], default='seen', max_length=12),
        ),
        migrations.AlterField(
            model_name='withdrawal',
            name='status',
            field=models.CharField(choices=[('requested', 'Requested'), ('email', 'Waiting for your confirmation'), ('approval', 'Waiting for approval'), ('held', 'Waiting to be sent'), ('signed', 'Signed'), ('broadcast', 'Sent'), ('confirmed', 'Confirmed'), ('ending', 'Being given back'), ('cancelled', 'Cancelled'), ('rejected', 'Rejected')], default='requested', max_length=12),
        ),
        migrations.AddIndex(
            model_name='withdrawal',
            index=models.Index(condition=models.Q(('status__in', ['requested', 'email', 'approval', 'held', 'signed', 'broadcast', 'ending'])), fields=['status'], name='withdrawal_unfinished'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(('deposit_min__gte', 0)), name='asset_deposit_min_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('large_amount', None), ('large_confirmations', None)), models.Q(('large_amount__gt', 0), ('large_confirmations__gte', models.F('confirmations'))), _connector='OR'), name='asset_large_deposits_wait_longer', violation_error_message='Large deposits need an amount, and at least the usual confirmations.'),
        ),
        migrations.AddConstraint(
            model_name='asset',
            constraint=models.CheckConstraint(condition=models.Q(('hot_floor', None), ('hot_ceiling', None), ('hot_ceiling__gt', models.F('hot_floor')), _connector='OR'), name='asset_hot_ceiling_above_floor', violation_error_message='The ceiling of the hot wallet must be above its floor.'),
        ),
        migrations.AddConstraint(
            model_name='chaintransaction',
            constraint=models.UniqueConstraint(condition=models.Q(('first_version', None), models.Q(('sender', ''), _negated=True)), fields=('sender', 'nonce'), name='transaction_nonce_once'),
        ),
        migrations.AddField(
            model_name='bookaddress',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='book_addresses', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='coldoffer',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='wallets.asset'),
        ),
        migrations.AddField(
            model_name='coldoffer',
            name='transaction',
            field=models.ForeignKey(blank=True, help_text='What was sent.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.chaintransaction'),
        ),
        migrations.AddField(
            model_name='tierlimit',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='wallets.asset'),
        ),
        migrations.AddField(
            model_name='withdrawaldecision',
            name='operator',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='withdrawaldecision',
            name='withdrawal',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='wallets.withdrawal'),
        ),
        migrations.AddConstraint(
            model_name='withdrawalswitch',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='switch_one_row'),
        ),
        migrations.AddConstraint(
            model_name='withdrawaltier',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='tier_one_default', violation_error_message='There is a default tier already.'),
        ),
        migrations.AddField(
            model_name='withdrawalrules',
            name='tier',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='wallets.withdrawaltier'),
        ),
        migrations.AddField(
            model_name='tierlimit',
            name='tier',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='limits', to='wallets.withdrawaltier'),
        ),
        migrations.AddConstraint(
            model_name='bookaddress',
            constraint=models.UniqueConstraint(fields=('user', 'chain', 'address'), name='book_address_once'),
        ),
        migrations.AddConstraint(
            model_name='withdrawaldecision',
            constraint=models.UniqueConstraint(fields=('withdrawal', 'operator'), name='decision_once_per_operator'),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=models.UniqueConstraint(fields=('tier', 'asset'), name='tier_limit_once'),
        ),
        migrations.AddConstraint(
            model_name='tierlimit',
            constraint=models.CheckConstraint(condition=models.Q(('daily__gte', 0)), name='tier_limit_not_negative'),
        ),
    ]
