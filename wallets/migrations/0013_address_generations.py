from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('wallets', '0012_fee_corrections'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='depositaddress',
            name='address_one_per_user',
        ),
        migrations.RemoveConstraint(
            model_name='depositaddress',
            name='address_index_unique',
        ),
        migrations.AddField(
            model_name='depositaddress',
            name='generation',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Which seed of the key file its key comes from, counted from 0.'),
        ),
        migrations.AddConstraint(
            model_name='depositaddress',
            constraint=models.UniqueConstraint(fields=('asset', 'user', 'generation'), name='address_one_per_user'),
        ),
        migrations.AddConstraint(
            model_name='depositaddress',
            constraint=models.UniqueConstraint(fields=('asset', 'generation', 'derivation_index'), name='address_index_unique'),
        ),
    ]
