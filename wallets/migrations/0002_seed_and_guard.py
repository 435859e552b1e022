"""The first assets, and triggers that refuse to change what the ledger has recorded.

On SQLite a later migration that rebuilds wallets_posting (AlterField and the like) drops its triggers: such a migration
must end by creating them again.
"""

from django.db import migrations

ASSETS = {
    "BTC": {
        "name": "Bitcoin",
        "chain": "bitcoin",
        "network": "BTC",
        "chain_decimals": 8,
        "confirmations": 1,
        "transaction_url": "/transaction/BTC/{txid}",  # our own page: a local chain has no explorer
        "withdrawal_fee": 2_000,  # 0.00002 BTC
        "withdrawal_min": 10_000,  # 0.0001 BTC
    },
    "ETH": {
        "name": "Ether",
        "chain": "ethereum",
        "network": "ETH",
        "chain_decimals": 18,
        "confirmations": 12,
        "transaction_url": "/transaction/ETH/{txid}",
        "withdrawal_fee": 50_000,  # 0.0005 ETH
        "withdrawal_min": 1_000_000,  # 0.01 ETH
    },
}

SQLITE_GUARD = [
    "CREATE TRIGGER IF NOT EXISTS posting_no_update BEFORE UPDATE ON wallets_posting "
    "BEGIN SELECT RAISE(ABORT, 'a posting is never updated'); END",
    "CREATE TRIGGER IF NOT EXISTS posting_no_delete BEFORE DELETE ON wallets_posting "
    "BEGIN SELECT RAISE(ABORT, 'a posting is never deleted'); END",
]
SQLITE_UNGUARD = ["DROP TRIGGER IF EXISTS posting_no_update", "DROP TRIGGER IF EXISTS posting_no_delete"]
# SQLSTATE 23000 is an integrity violation: Django raises the same IntegrityError as on SQLite.
POSTGRES_GUARD = [
    "CREATE OR REPLACE FUNCTION posting_is_final() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE EXCEPTION 'a posting is never %', lower(TG_OP) || 'd' USING ERRCODE = '23000'; END $$",
    "DROP TRIGGER IF EXISTS posting_no_update ON wallets_posting",
    "DROP TRIGGER IF EXISTS posting_no_delete ON wallets_posting",
    "CREATE TRIGGER posting_no_update BEFORE UPDATE ON wallets_posting "
    "FOR EACH ROW EXECUTE FUNCTION posting_is_final()",
    "CREATE TRIGGER posting_no_delete BEFORE DELETE ON wallets_posting "
    "FOR EACH ROW EXECUTE FUNCTION posting_is_final()",
]
POSTGRES_UNGUARD = [
    "DROP TRIGGER IF EXISTS posting_no_update ON wallets_posting",
    "DROP TRIGGER IF EXISTS posting_no_delete ON wallets_posting",
    "DROP FUNCTION IF EXISTS posting_is_final()",
]


def seed(apps, schema_editor):
    """Create the assets that are not there yet."""
    asset = apps.get_model("wallets", "Asset")
    for code, columns in ASSETS.items():
        asset.objects.get_or_create(code=code, defaults=columns)


def unseed(apps, schema_editor):
    """Remove the assets; fails, as it should, when anything refers to them."""
    apps.get_model("wallets", "Asset").objects.filter(code__in=ASSETS).delete()


def guard(apps, schema_editor):
    """Let the database refuse to update or delete a posting."""
    for statement in POSTGRES_GUARD if schema_editor.connection.vendor == "postgresql" else SQLITE_GUARD:
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    """Remove the triggers."""
    for statement in POSTGRES_UNGUARD if schema_editor.connection.vendor == "postgresql" else SQLITE_UNGUARD:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Seed and guard."""

    dependencies = [("wallets", "0001_initial")]

    operations = [
        migrations.RunPython(seed, unseed),
        migrations.RunPython(guard, unguard),
    ]
