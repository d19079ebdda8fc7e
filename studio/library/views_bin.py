"""The bin, and the rules of a library."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from studio.library.bin_page import bin_page, storage_of
from studio.library.forms_rules import RulesForm
from studio.library.rules import change_rules, rules_of
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role


@team_required(Role.MEMBER)
@require_safe
def bin_(request: TeamRequest) -> HttpResponse:
    """What waits to be purged, newest first."""
    page = bin_page(request.team, request.GET.get("cursor", ""))
    context = {
        "page": page,
        "until": timezone.now().isoformat(),
        "may_purge": request.membership.may(Role.ADMIN),
        "is_selecting": request.GET.get("select") == "1",
    }
    template = "library/bin.html#page" if request.htmx and "cursor" in request.GET else "library/bin.html"
    return render(request, template, context)


@team_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: TeamRequest) -> HttpResponse:
    """For how long the bin keeps pictures, and when drafts go there; with what the team's pictures take up."""
    current = rules_of(request.team)
    sent = request.POST if request.method == "POST" else None
    form = RulesForm(sent, initial={"bin_days": current.bin_days, "draft_days": current.draft_days})
    if request.method == "POST" and form.is_valid():
        change_rules(team=request.team, actor=request.user, **form.cleaned_data)
        messages.success(request, "Rules saved.")
        return redirect("library:rules", request.team.slug)
    context = {"form": form, "storage": storage_of(request.team)}
    return render(request, "library/rules.html", context, status=422 if form.is_bound else 200)
