"""Makes rows for tests: plain typed functions, each through the service that makes such rows in the product."""

from datetime import timedelta
from io import BytesIO
from itertools import count
from uuid import uuid4

from django.utils import timezone
from PIL import Image

from studio.accounts.models import User
from studio.accounts.services import create_account
from studio.library.models import Asset
from studio.library.services import add_asset
from studio.library.store import check_image, put_image
from studio.teams.models import Invitation, Membership, Role, Team
from studio.teams.services import create_team
from studio.teams.tokens import new_token

PASSWORD = "drei Farben, ein Blau"
_numbers = count(1)


def make_user(email: str = "", *, name: str = "", password: str = PASSWORD, is_staff: bool = False) -> User:
    """Make a person who can sign in with `password`."""
    email = email or f"person{next(_numbers)}@halden.example"
    user = create_account(email=email, name=name, password=password)
    if is_staff:
        user.is_staff = user.is_superuser = True
        user.save()
    return user


def make_team(name: str = "Halden & Co", *, owner: User | None = None) -> Team:
    """Make a team with an owner."""
    owner = owner or make_user()
    team = create_team(name=name, owner=owner)
    # As after a visit: noting the use is a write that would disturb tests that count queries.
    Membership.objects.filter(team=team).update(last_used_at=timezone.now())
    return team


def make_membership(team: Team, role: Role = Role.MEMBER, *, user: User | None = None) -> Membership:
    """Put a person into a team."""
    return Membership.objects.create(team=team, user=user or make_user(), role=role, last_used_at=timezone.now())


def make_member(team: Team, role: Role = Role.MEMBER, *, email: str = "", name: str = "") -> User:
    """Make a person in a team."""
    return make_membership(team, role, user=make_user(email, name=name)).user


def make_invitation(
    team: Team, *, created_by: User, role: Role = Role.MEMBER, email: str = "", days: int = 7
) -> tuple[Invitation, str]:
    """Make an invitation and return it with its token; negative days make one whose time is over."""
    made = new_token()
    invitation = Invitation.objects.create(
        team=team,
        email=email,
        role=role,
        prefix=made.prefix,
        token_hash=made.hash,
        created_by=created_by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, made.token


def make_asset(
    team: Team,
    *,
    author: User | None = None,
    data: bytes = b"",
    prompt: str = "A lighthouse at dusk. Long exposure.",
    generation_id: int | None = None,
    slot: int = 0,
) -> Asset:
    """Put a picture into the library, files and row; `data` is a small PNG of its own unless given."""
    data = data or small_png(next(_numbers))
    checked = check_image(data)
    file_key = uuid4()
    put_image(team_id=team.pk, file_key=file_key, checked=checked, data=data)
    return add_asset(
        team_id=team.pk,
        author_id=(author or team.memberships.earliest("pk").user).pk,
        file_key=file_key,
        checked=checked,
        prompt=prompt,
        revised_prompt="",
        model_slug="gpt-image-2",
        model_title="GPT Image 2",
        spec={"quality": "high", "size": "96x64", "background": "auto"},
        credits=4,
        generation_id=generation_id,
        slot=slot,
    )


def small_png(number: int = 0) -> bytes:
    """Draw a picture of 96 × 64 pixels that no other number gives."""
    image = Image.new("RGB", (96, 64), ((number * 37) % 256, (number // 7) % 256, 140))
    image.putpixel((number % 96, number // 96 % 64), (255, 255, 255))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
