"""What a team has decided about keeping pictures."""

from django.db import transaction

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.library.models import LibraryRules
from studio.teams.models import Team


def rules_of(team: Team) -> LibraryRules:
    """Return the team's rules, or the ones that hold without any."""
    return LibraryRules.objects.filter(team=team).first() or LibraryRules(team=team)


def change_rules(*, team: Team, actor: User, bin_days: int, draft_days: int | None) -> None:
    """Decide anew; what stands in the bin already follows the new rule, too. Only a change is put on record."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        before = rules_of(team)
        if (before.bin_days, before.draft_days) == (bin_days, draft_days):
            return
        decided = {"bin_days": bin_days, "draft_days": draft_days}
        LibraryRules.objects.update_or_create(team=team, defaults=decided)
        was = {"bin_days": before.bin_days, "draft_days": before.draft_days}
        record(
            action=Action.LIBRARY_RULES_CHANGED,
            team_id=team.pk,
            actor_id=actor.pk,
            data={"from": was, "to": decided},
        )
