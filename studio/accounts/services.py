"""Every change to a person's account that is not allauth's."""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from psycopg import errors as postgres

from studio.accounts.errors import EmailTaken, StillOwner
from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record


def create_account(*, email: str, name: str, password: str) -> User:
    """Create a person who can sign in at once; of two who ask for one address at once the second gets EmailTaken.

    Whoever calls this vouches for the address: the operator, or a one-time link that was sent to it.
    """
    email = email.strip().lower()
    with transaction.atomic():
        if EmailAddress.objects.filter(email=email).exists():
            raise EmailTaken
        try:
            with transaction.atomic():
                user = User.objects.create_user(email, password, name=name.strip())
        except IntegrityError as error:
            if isinstance(error.__cause__, postgres.UniqueViolation):
                raise EmailTaken from error
            raise
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    return user


def take_address_at_its_word(user: User) -> None:
    """Count the address a person signs in with as theirs.

    For installations that send no mail, where nobody can prove one. allauth takes an unproven address for the new one
    of a change under way, and would remove it when the person asks for another.
    """
    address, _ = EmailAddress.objects.get_or_create(user=user, email=user.email)
    if not (address.primary and address.verified):
        address.verified = True
        address.set_as_primary()


def rename(*, user: User, name: str) -> None:
    """Change the name that teams see."""
    user.name = name.strip()
    user.save(update_fields=["name"])


def deactivate(*, user: User, operator: User) -> None:
    """Shut a person out; every session of theirs ends with its next request."""
    with transaction.atomic(), _owner_kept(user):
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            record(action=Action.USER_DEACTIVATED, team_id=None, actor_id=operator.pk, subject=user.email)
    user.is_active = False


def reactivate(*, user: User, operator: User) -> None:
    """Let a person sign in again."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            record(action=Action.USER_REACTIVATED, team_id=None, actor_id=operator.pk, subject=user.email)
    user.is_active = True


def anonymise(*, user: User, operator: User) -> None:
    """Forget who a person was and shut them out for good; what they made and spent stays, under no name.

    The audit trail keeps its lines as they were written: it is the record of what was done by whom.
    """
    with transaction.atomic(), _owner_kept(user):
        user.email, user.name = f"removed-{user.pk}@removed.invalid", "Former member"
        user.is_active = user.is_staff = user.is_superuser = False
        user.set_unusable_password()
        user.save()
        user.groups.clear()
        user.user_permissions.clear()
        EmailAddress.objects.filter(user=user).delete()
        record(action=Action.USER_ANONYMISED, team_id=None, actor_id=operator.pk, subject=f"user {user.pk}")


@contextmanager
def _owner_kept(user: User) -> Iterator[None]:
    """Turn the database's refusal to leave a team without an active owner into the sentence for it."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, postgres.Error) and cause.diag.constraint_name == "membership_last_owner":
            raise StillOwner(user) from error
        raise
