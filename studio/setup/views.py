"""The page of the first run."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from studio.setup import services
from studio.setup.forms import SetupForm


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the first person and team; a post creates them, signs the person in and goes to the studio."""
    if not services.is_setup_link(token):
        raise Http404("No such set-up link.")
    form = SetupForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        team, owner = services.set_up(token=token, founder=form.founder())
        login(request, owner)
        return redirect("generations:studio", team_slug=team.slug)
    return render(request, "setup/start.html", {"form": form}, status=422 if form.is_bound else 200)
