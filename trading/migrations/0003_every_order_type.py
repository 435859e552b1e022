"""Every order type: conditions, lists, prevented matches, terms of accounts, and what operators changed.

Existing rows stay what they were: orders without a condition and without self-trade prevention. The stored batch is
emptied, for it is packed as the events were before; nobody who can still read it is running.
"""

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

LAST_PRICES = (
    "UPDATE trading_marketstate SET last_price = COALESCE((SELECT t.price FROM trading_trade t"
    " WHERE t.market_id = trading_marketstate.market_id AND t.number = trading_marketstate.last_trade), 0)"
)
SQLITE_GUARD = [
    "CREATE TRIGGER IF NOT EXISTS operatorchange_no_update BEFORE UPDATE ON trading_operatorchange "
    "BEGIN SELECT RAISE(ABORT, 'what an operator did is never updated'); END",
    "CREATE TRIGGER IF NOT EXISTS operatorchange_no_delete BEFORE DELETE ON trading_operatorchange "
    "BEGIN SELECT RAISE(ABORT, 'what an operator did is never deleted'); END",
]
SQLITE_UNGUARD = [
    "DROP TRIGGER IF EXISTS operatorchange_no_update",
    "DROP TRIGGER IF EXISTS operatorchange_no_delete",
]
# SQLSTATE 23000 is an integrity violation: Django raises the same IntegrityError as on SQLite.
POSTGRES_GUARD = [
    "CREATE OR REPLACE FUNCTION operatorchange_is_final() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE EXCEPTION 'what an operator did is never %', lower(TG_OP) || 'd' USING ERRCODE = '23000'; END $$",
    "CREATE TRIGGER operatorchange_no_update BEFORE UPDATE ON trading_operatorchange "
    "FOR EACH ROW EXECUTE FUNCTION operatorchange_is_final()",
    "CREATE TRIGGER operatorchange_no_delete BEFORE DELETE ON trading_operatorchange "
    "FOR EACH ROW EXECUTE FUNCTION operatorchange_is_final()",
]
POSTGRES_UNGUARD = [
    "DROP TRIGGER IF EXISTS operatorchange_no_update ON trading_operatorchange",
    "DROP TRIGGER IF EXISTS operatorchange_no_delete ON trading_operatorchange",
    "DROP FUNCTION IF EXISTS operatorchange_is_final()",
]


def carry_over(apps, schema_editor):
    """Note each market's last price, and forget the batch that is packed in the old way."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(LAST_PRICES)
    apps.get_model("trading", "EngineState").objects.update(last_batch=b"")
    if schema_editor.connection.vendor == "postgresql":
        # Written with every batch and read once at a start: compressing it would cost more than all the rest of the row.
        schema_editor.execute("ALTER TABLE trading_enginestate ALTER COLUMN last_batch SET STORAGE EXTERNAL")


def guard(apps, schema_editor):
    """Let the database refuse to update or delete what an operator did."""
    for statement in POSTGRES_GUARD if schema_editor.connection.vendor == "postgresql" else SQLITE_GUARD:
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    """Remove the triggers."""
    for statement in POSTGRES_UNGUARD if schema_editor.connection.vendor == "postgresql" else SQLITE_UNGUARD:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Add columns and tables, and carry over what is there."""

    dependencies = [
        ('accounts', '0001_initial'),
        ('trading', '0002_seed'),
        ('wallets', '0003_address_plural'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OperatorChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(max_length=80, unique=True)),
                ('kind', models.CharField(choices=[('market', 'Market'), ('terms', 'Terms')], max_length=10)),
                ('subject', models.BigIntegerField(help_text='Id of the market or of the account.')),
                ('symbol', models.CharField(blank=True, max_length=20)),
                ('actor', models.TextField()),
                ('note', models.TextField(blank=True)),
                ('sequence', models.BigIntegerField(help_text="The engine's command number.")),
                ('time_ms', models.BigIntegerField()),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name='OrderCondition',
            fields=[
                ('order', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='condition', serialize=False, to='trading.order')),
                ('stop_price', models.BigIntegerField(default=0)),
                ('trailing_delta', models.PositiveIntegerField(default=0, help_text='Basis points.')),
                ('iceberg_quantity', models.BigIntegerField(default=0)),
                ('hold_price', models.BigIntegerField(default=0, help_text='What a waiting BUY without a price of its own holds for a whole base, quote units.')),
                ('list_id', models.BigIntegerField(default=0)),
                ('state', models.PositiveSmallIntegerField(choices=[(0, 'Working'), (1, 'Waiting'), (2, 'Trailing')], default=0)),
                ('working_ms', models.BigIntegerField(default=0, help_text='Since when it works; 0 while it waits.')),
                ('trail_from', models.BigIntegerField(default=0, help_text='Number of the trade from which on it follows prices; 0 while it does not.')),
                ('trail_ms', models.BigIntegerField(default=0, help_text='Since when it follows.')),
                ('rank_after', models.BigIntegerField()),
                ('rank_number', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='OrderList',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('client_list_id', models.CharField(max_length=36)),
                ('status', models.PositiveSmallIntegerField(choices=[(1, 'Executing'), (2, 'All done')])),
                ('above', models.BigIntegerField(help_text='Id of the order above the market.')),
                ('below', models.BigIntegerField(help_text='Id of the order below the market.')),
                ('created_ms', models.BigIntegerField()),
                ('updated_ms', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='PreventedMatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField()),
                ('taker_order', models.BigIntegerField()),
                ('maker_order', models.BigIntegerField()),
                ('mode', models.PositiveSmallIntegerField(choices=[(2, 'Expire taker'), (3, 'Expire maker'), (4, 'Expire both'), (5, 'Decrement')])),
                ('price', models.BigIntegerField()),
                ('taker_quantity', models.BigIntegerField(help_text='What the taker lost, base units.')),
                ('maker_quantity', models.BigIntegerField(help_text='What the maker lost, base units.')),
                ('time_ms', models.BigIntegerField()),
            ],
            options={
                'verbose_name_plural': 'prevented matches',
            },
        ),
        migrations.CreateModel(
            name='Terms',
            fields=[
                ('account', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='terms', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('maker_fee_ppm', models.IntegerField(default=-1, help_text="Parts per million; -1: the market's.")),
                ('taker_fee_ppm', models.IntegerField(default=-1, help_text="Parts per million; -1: the market's.")),
                ('stp', models.PositiveSmallIntegerField(choices=[(0, 'Default'), (1, 'None'), (2, 'Expire taker'), (3, 'Expire maker'), (4, 'Expire both'), (5, 'Decrement')], default=0, help_text='Self-trade prevention of orders that name none.')),
            ],
            options={
                'verbose_name_plural': 'terms',
            },
        ),
        migrations.RemoveConstraint(
            model_name='order',
            name='order_not_overfilled',
        ),
        migrations.RemoveIndex(
            model_name='order',
            name='order_open',
        ),
        migrations.RemoveField(
            model_name='enginestate',
            name='last_execution',
        ),
        migrations.AddField(
            model_name='enginestate',
            name='hash_sequence',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='enginestate',
            name='last_list',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='enginestate',
            name='rank_number',
            field=models.BigIntegerField(default=0, help_text='The last one given to an order with a condition.'),
        ),
        migrations.AddField(
            model_name='enginestate',
            name='state_hash',
            field=models.CharField(blank=True, default='', help_text='Hash of the state after command `hash_sequence`.', max_length=64),
        ),
        migrations.AddField(
            model_name='market',
            name='algo_orders_max',
            field=models.BigIntegerField(default=200, help_text='Of these, orders that wait for a stop price.'),
        ),
        migrations.AddField(
            model_name='market',
            name='ask_down_ppm',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='market',
            name='ask_up_ppm',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='market',
            name='bid_down_ppm',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='market',
            name='bid_up_ppm',
            field=models.BigIntegerField(default=0, help_text='A limit price to buy may be at most this part of the last price, in ppm. 0: any.'),
        ),
        migrations.AddField(
            model_name='market',
            name='iceberg_parts_max',
            field=models.BigIntegerField(default=100, help_text='Slices that one iceberg order may have.'),
        ),
        migrations.AddField(
            model_name='market',
            name='position_max',
            field=models.BigIntegerField(default=0, help_text='Base units that a buyer may have. 0: any.'),
        ),
        migrations.AddField(
            model_name='market',
            name='trailing_max',
            field=models.PositiveIntegerField(default=2000, help_text='Basis points.'),
        ),
        migrations.AddField(
            model_name='market',
            name='trailing_min',
            field=models.PositiveIntegerField(default=10, help_text='Basis points.'),
        ),
        migrations.AddField(
            model_name='marketstate',
            name='last_prevented',
            field=models.BigIntegerField(default=0, help_text='Number of the last prevented match.'),
        ),
        migrations.AddField(
            model_name='marketstate',
            name='last_price',
            field=models.BigIntegerField(default=0, help_text='Price of the last trade.'),
        ),
        migrations.AddField(
            model_name='order',
            name='prevented',
            field=models.BigIntegerField(default=0, help_text='Base units lost to self-trade prevention.'),
        ),
        migrations.AddField(
            model_name='order',
            name='stp',
            field=models.PositiveSmallIntegerField(choices=[(1, 'None'), (2, 'Expire taker'), (3, 'Expire maker'), (4, 'Expire both'), (5, 'Decrement')], default=1, help_text='Self-trade prevention in force.'),
        ),
        migrations.AlterField(
            model_name='market',
            name='base',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.asset'),
        ),
        migrations.AlterField(
            model_name='market',
            name='orders_max',
            field=models.BigIntegerField(help_text='Open orders that one account may have here.'),
        ),
        migrations.AlterField(
            model_name='market',
            name='quote',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.asset'),
        ),
        migrations.AlterField(
            model_name='market',
            name='status',
            field=models.PositiveSmallIntegerField(choices=[(1, 'Trading'), (2, 'Halted'), (3, 'Delisted')], default=1),
        ),
        migrations.AlterField(
            model_name='order',
            name='status',
            field=models.PositiveSmallIntegerField(choices=[(1, 'New'), (2, 'Partially filled'), (3, 'Filled'), (4, 'Canceled'), (5, 'Expired'), (6, 'Expired in match')]),
        ),
        migrations.AlterField(
            model_name='order',
            name='type',
            field=models.PositiveSmallIntegerField(choices=[(1, 'Limit'), (2, 'Market'), (3, 'Limit maker'), (4, 'Stop loss'), (5, 'Stop loss limit'), (6, 'Take profit'), (7, 'Take profit limit')]),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('status__lte', 2)), fields=['account', 'market', 'id'], name='order_open'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('executed__gte', 0), ('prevented__gte', 0), ('quantity__gte', django.db.models.expressions.CombinedExpression(models.F('executed'), '+', models.F('prevented')))), name='order_not_overfilled'),
        ),
        migrations.AddIndex(
            model_name='operatorchange',
            index=models.Index(fields=['kind', 'subject', 'id'], name='change_by_subject'),
        ),
        migrations.AddIndex(
            model_name='ordercondition',
            index=models.Index(condition=models.Q(('list_id__gt', 0)), fields=['list_id'], name='condition_of_list'),
        ),
        migrations.AddField(
            model_name='orderlist',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='orderlist',
            name='market',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='trading.market'),
        ),
        migrations.AddField(
            model_name='preventedmatch',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='preventedmatch',
            name='market',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='trading.market'),
        ),
        migrations.AddIndex(
            model_name='orderlist',
            index=models.Index(fields=['account', 'id'], name='list_by_account'),
        ),
        migrations.AddIndex(
            model_name='orderlist',
            index=models.Index(fields=['account', 'client_list_id'], name='list_by_client_id'),
        ),
        migrations.AddIndex(
            model_name='orderlist',
            index=models.Index(condition=models.Q(('status', 1)), fields=['account', 'market', 'id'], name='list_open'),
        ),
        migrations.AddIndex(
            model_name='preventedmatch',
            index=models.Index(fields=['account', 'market', 'number'], name='prevented_by_account'),
        ),
        migrations.AddConstraint(
            model_name='preventedmatch',
            constraint=models.UniqueConstraint(fields=('market', 'number'), name='prevented_number'),
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
