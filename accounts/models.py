"""Who someone is: columns and constraints, no behaviour."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


def email_normal(text: str) -> str:
    """Return an e-mail as it is kept, and counted: without spaces around it, in lower case."""
    return text.strip().lower()


class UserManager(BaseUserManager["User"]):
    """Finds users by e-mail. Users are made by `accounts.services`."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user with this e-mail, in any case. Raises User.DoesNotExist."""
        return self._with_email(username or "").get()

    def with_email(self, email: str) -> "User | None":
        """Return the user with this e-mail, in any case, or None."""
        return self._with_email(email).first()

    def _with_email(self, email: str) -> "models.QuerySet[User]":
        # Not iexact: that compares in upper case, which no index knows, and so reads every user.
        return self.alias(email_lower=Lower("email")).filter(email_lower=email_normal(email))

    def create_superuser(self, email: str, password: str) -> "User":
        """Create an operator; what `manage.py createsuperuser` calls."""
        user = self.model(email=email_normal(email), is_staff=True, is_superuser=True, email_verified_at=timezone.now())
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The e-mail is the login, kept in lower case; the id is also the number of the trading account."""

    email = models.EmailField(unique=True)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May use the admin.")
    created_at = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case")]

    def __str__(self) -> str:
        return self.email


class ApiKey(models.Model):
    """A key that signs requests (HMAC-SHA256). Every key may read; trading and withdrawing are granted one by one.

    The secret must be known to check a signature, so it is kept, encrypted with a key derived from SECRET_KEY:
    a dump of the database alone does not give it away.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    label = models.CharField(max_length=60)
    key = models.CharField(max_length=64, unique=True)
    secret_encrypted = models.BinaryField()
    can_trade = models.BooleanField(default=False)
    can_withdraw = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.label} ({self.key[:8]}…)"
