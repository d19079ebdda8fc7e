"""Celery's side of the catalogue."""

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from studio.catalogue.models import ImageModel
from studio.catalogue.queries import models_for, offers_of, successor_of
from studio.catalogue.upkeep import claim_ends_to_tell, note_announced_ends
from studio.core.letters import send_to_each
from studio.teams.models import Team
from studio.teams.queries import admin_addresses


@shared_task(name="studio.catalogue.tasks.follow_ends")
def follow_ends() -> None:
    """Learn when models end, and tell the teams that use one of them in time."""
    note_announced_ends()
    with transaction.atomic():
        for model_id, team_id in claim_ends_to_tell():
            tell_end.delay_on_commit(model_id, team_id)


@shared_task(name="studio.catalogue.tasks.tell_end")
def tell_end(model_id: int, team_id: int) -> None:
    """Write to a team's admins that a model they use is about to end, and what to use then."""
    team = Team.objects.get(pk=team_id)
    (offer,) = offers_of(team, ImageModel.objects.filter(pk=model_id))
    context = {
        "team": team,
        "model": offer.model,
        "successor": successor_of(offer, models_for(team)),
        "base_url": settings.BASE_URL,
    }
    subject = render_to_string("catalogue/email/ending_subject.txt", context).strip()
    send_to_each(admin_addresses(team_id), subject, render_to_string("catalogue/email/ending_message.txt", context))
