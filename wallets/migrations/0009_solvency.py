"""Reports of solvency, what proofs are made from, and how the hot wallets stand."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

TABLES = ("solvencyreport", "solvencyasset")


def guard(apps, schema_editor):
    """Let the database refuse to update or delete what was published."""
    is_postgres = schema_editor.connection.vendor == "postgresql"
    if is_postgres:
        # SQLSTATE 23000 is an integrity violation: Django raises the same IntegrityError as on SQLite.
        schema_editor.execute(
            "CREATE OR REPLACE FUNCTION solvency_is_final() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'a published report is never %', lower(TG_OP) || 'd' USING ERRCODE = '23000'; END $$",
            params=None,
        )
    for table in TABLES:
        for verb in ("update", "delete"):
            then = (
                "FOR EACH ROW EXECUTE FUNCTION solvency_is_final()"
                if is_postgres
                else f"BEGIN SELECT RAISE(ABORT, 'a published report is never {verb}d'); END"
            )
            schema_editor.execute(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON wallets_{table} {then}", params=None
            )


def unguard(apps, schema_editor):
    """Remove the triggers."""
    is_postgres = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        for verb in ("update", "delete"):
            on = f" ON wallets_{table}" if is_postgres else ""
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}", params=None)
    if is_postgres:
        schema_editor.execute("DROP FUNCTION IF EXISTS solvency_is_final()", params=None)


class Migration(migrations.Migration):
    """Tables and guards."""

    dependencies = [
        ('wallets', '0008_mails_and_decisions'),
    ]

    operations = [
        migrations.CreateModel(
            name='SolvencyReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('taken_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('sequence', models.BigIntegerField(help_text="The engine's command that the debts are as of.")),
                ('root', models.CharField(help_text='Hash over the trees of all its assets, in hex.', max_length=64, unique=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='HotWallet',
            fields=[
                ('asset', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='hot_wallet', serialize=False, to='wallets.asset')),
                ('units', models.BigIntegerField(help_text='Coins that the hot wallet can spend.')),
                ('promised', models.BigIntegerField(help_text='Of these, what signed transactions in no block will take.')),
                ('waiting', models.BigIntegerField(help_text='What withdrawals need that wait to be signed.')),
                ('offered', models.BigIntegerField(default=0, help_text='What open offers to the cold address would take.')),
                ('unexplained', models.BigIntegerField(help_text='Coins of ours on chain that no deposit, transaction or posting explains.', null=True)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('low_since', models.DateTimeField(blank=True, help_text='Since when it is below the floor.', null=True)),
                ('short_since', models.DateTimeField(blank=True, help_text='Since when it cannot pay what waits.', null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('offered__gte', 0), ('promised__gte', 0), ('units__gte', 0), ('waiting__gte', 0)), name='hot_wallet_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='SolvencyAsset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('liabilities', models.BigIntegerField(help_text='Units that users are owed: the sum at the top of the tree.')),
                ('tree_hash', models.CharField(help_text='Hash at the top of the tree, in hex.', max_length=64)),
                ('coins', models.BigIntegerField(help_text='Units on chain, cold ones included. None: not known.', null=True)),
                ('in_flight', models.BigIntegerField(help_text='Units that payments of ours took off the chain and that are still among the debts.', null=True)),
                ('height', models.BigIntegerField(help_text='The block that the coins are as of.', null=True)),
                ('block_hash', models.CharField(blank=True, max_length=80)),
                ('unknown', models.CharField(blank=True, help_text='Why the coins are not known.', max_length=200)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='wallets.asset')),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assets', to='wallets.solvencyreport')),
            ],
        ),
        migrations.CreateModel(
            name='SolvencyAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.CharField(max_length=100)),
                ('role', models.CharField(help_text='hot, deposit or cold', max_length=8)),
                ('units', models.BigIntegerField()),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='addresses', to='wallets.solvencyasset')),
            ],
            options={
                'verbose_name_plural': 'solvency addresses',
                'indexes': [models.Index(fields=['of', '-units'], name='solvency_largest')],
                'constraints': [models.UniqueConstraint(fields=('of', 'address'), name='solvency_address_once')],
            },
        ),
        migrations.CreateModel(
            name='SolvencyLeaves',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('owners', models.BinaryField()),
                ('units', models.BinaryField()),
                ('hashes', models.BinaryField()),
                ('top_hash', models.BinaryField()),
                ('top_units', models.BigIntegerField()),
                ('secret', models.BinaryField(help_text='What the salts of the leaves come from.')),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='leaves', to='wallets.solvencyasset')),
            ],
            options={
                'verbose_name_plural': 'solvency leaves',
                'constraints': [models.UniqueConstraint(fields=('of', 'number'), name='solvency_leaves_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='solvencyasset',
            constraint=models.UniqueConstraint(fields=('report', 'asset'), name='solvency_asset_once'),
        ),
        migrations.AddConstraint(
            model_name='solvencyasset',
            constraint=models.CheckConstraint(condition=models.Q(('liabilities__gte', 0)), name='solvency_liabilities_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='solvencyasset',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('coins__gte', 0), ('unknown', '')), models.Q(models.Q(('unknown', ''), _negated=True), ('coins', None)), _connector='OR'), name='solvency_coins_or_why'),
        ),
        migrations.RunPython(guard, unguard),
    ]
