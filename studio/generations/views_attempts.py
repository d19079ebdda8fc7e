"""The calls of one generation, for the team's admins."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studio.generations.attempts import Call
from studio.generations.models import Generation
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role


@team_required(Role.ADMIN)
@require_safe
def attempts(request: TeamRequest, pk: int) -> HttpResponse:
    """What was asked of which provider, and what came of it; in a dialog or on a page."""
    generation = get_object_or_404(Generation.objects.for_team(request.team), pk=pk)
    calls = generation.attempts.select_related("connection", "via").order_by("number")
    context = {
        "title": "Attempts",
        "body": "generations/attempts_list.html",
        "generation": generation,
        "calls": [Call(attempt) for attempt in calls],
    }
    return render(request, "components/dialog_content.html" if request.htmx else "generations/attempts.html", context)
