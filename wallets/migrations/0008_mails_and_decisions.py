"""E-mails about withdrawals, decisions that the database refuses to change, and withdrawals of the test dollar."""

from django.db import migrations, models

SQLITE_GUARD = [
    "CREATE TRIGGER IF NOT EXISTS withdrawaldecision_no_update BEFORE UPDATE ON wallets_withdrawaldecision "
    "BEGIN SELECT RAISE(ABORT, 'a decision is never updated'); END",
    "CREATE TRIGGER IF NOT EXISTS withdrawaldecision_no_delete BEFORE DELETE ON wallets_withdrawaldecision "
    "BEGIN SELECT RAISE(ABORT, 'a decision is never deleted'); END",
]
SQLITE_UNGUARD = [
    "DROP TRIGGER IF EXISTS withdrawaldecision_no_update",
    "DROP TRIGGER IF EXISTS withdrawaldecision_no_delete",
]
# SQLSTATE 23000 is an integrity violation: Django raises the same IntegrityError as on SQLite.
POSTGRES_GUARD = [
    "CREATE OR REPLACE FUNCTION withdrawaldecision_is_final() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE EXCEPTION 'a decision is never %', lower(TG_OP) || 'd' USING ERRCODE = '23000'; END $$",
    "CREATE TRIGGER withdrawaldecision_no_update BEFORE UPDATE ON wallets_withdrawaldecision "
    "FOR EACH ROW EXECUTE FUNCTION withdrawaldecision_is_final()",
    "CREATE TRIGGER withdrawaldecision_no_delete BEFORE DELETE ON wallets_withdrawaldecision "
    "FOR EACH ROW EXECUTE FUNCTION withdrawaldecision_is_final()",
]
POSTGRES_UNGUARD = [
    "DROP TRIGGER IF EXISTS withdrawaldecision_no_update ON wallets_withdrawaldecision",
    "DROP TRIGGER IF EXISTS withdrawaldecision_no_delete ON wallets_withdrawaldecision",
    "DROP FUNCTION IF EXISTS withdrawaldecision_is_final()",
]


def guard(apps, schema_editor):
    """Let the database refuse to update or delete a decision."""
    for statement in POSTGRES_GUARD if schema_editor.connection.vendor == "postgresql" else SQLITE_GUARD:
        schema_editor.execute(statement, params=None)


def unguard(apps, schema_editor):
    """Remove the triggers."""
    for statement in POSTGRES_UNGUARD if schema_editor.connection.vendor == "postgresql" else SQLITE_UNGUARD:
        schema_editor.execute(statement, params=None)


def open_tokens(apps, schema_editor):
    """Open the withdrawals of the test dollar: until now nothing could pay it out."""
    apps.get_model("wallets", "Asset").objects.filter(code="USDT", is_token=True).update(withdrawals_open=True)


class Migration(migrations.Migration):
    """Columns, triggers and the switch of an asset."""

    dependencies = [("wallets", "0007_seed_control")]

    operations = [
        migrations.AlterModelOptions(
            name="withdrawal",
            options={"permissions": [("approve_withdrawal", "Can approve and reject withdrawals")]},
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="email_confirmed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="withdrawal",
            name="emailed_at",
            field=models.DateTimeField(blank=True, help_text="When the mail that asks for its confirmation was sent.", null=True),
        ),
        migrations.RunPython(guard, unguard),
        migrations.RunPython(open_tokens, migrations.RunPython.noop),
    ]
