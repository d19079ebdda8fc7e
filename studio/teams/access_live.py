"""Who may watch a team live or go on with a download, told from the session alone, outside any request."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib import import_module

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils.crypto import constant_time_compare

from studio.accounts.models import User
from studio.live.grants import LiveGrant, Refusal
from studio.teams.access import TeamRequest
from studio.teams.models import Membership

_SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def live_grant(cookies: Mapping[str, str], slug: str) -> LiveGrant | Refusal:
    """Say whether the browser with these cookies may watch the team `slug`, as every page of the team would."""
    session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    user = _user_of(session_key)
    if user is None:
        return Refusal.SIGN_IN
    membership = Membership.objects.filter(team__slug=slug, user=user).first()
    if membership is None:
        return Refusal.NO_SUCH_TEAM
    return LiveGrant(
        team_id=membership.team_id, user_id=user.pk, session_key=session_key, password_mark=_mark(user.password)
    )


def grant_of(request: TeamRequest) -> LiveGrant:
    """Return what `still_granted` asks about, of a request that came through the door of its team."""
    key = request.session.session_key or ""
    return LiveGrant(
        team_id=request.team.pk, user_id=request.user.pk, session_key=key, password_mark=_mark(request.user.password)
    )


def still_granted(grants: Collection[LiveGrant]) -> set[LiveGrant]:
    """Return the grants whose session lives, whose user is active with the same password, and still a member."""
    given = list(grants)
    query = f"""
        select asked.place, person.password
        from unnest(%s::int[], %s::text[], %s::bigint[], %s::bigint[]) as asked(place, session_key, user_id, team_id)
        join {Session._meta.db_table} session on session.session_key = asked.session_key and session.expire_date > %s
        join {User._meta.db_table} person on person.id = asked.user_id and person.is_active
        join {Membership._meta.db_table} member on member.user_id = asked.user_id and member.team_id = asked.team_id
    """  # noqa: S608, SLF001  # only table names; Django documents _meta
    keys = [grant.session_key for grant in given]
    people = [grant.user_id for grant in given]
    teams = [grant.team_id for grant in given]
    with connection.cursor() as cursor:
        cursor.execute(query, [list(range(len(given))), keys, people, teams, datetime.now(UTC)])
        found = cursor.fetchall()
    return {given[place] for place, password in found if given[place].password_mark == _mark(password)}


def _user_of(session_key: str) -> User | None:
    """Return whose session this is, if Django would take it for signed in."""
    if not session_key:
        return None
    session = _SessionStore(session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if user is None:
        return None
    signed = session.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(signed, known) for known in hashes) else None


def _mark(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
