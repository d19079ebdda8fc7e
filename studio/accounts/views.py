"""The account page. Sign-in, password and e-mail pages are allauth's, with Atelier's templates."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from studio.accounts import services
from studio.accounts.forms import NameForm
from studio.accounts.models import User
from studio.core.http import HtmxRequest


class SignedInRequest(HtmxRequest):
    """A request of somebody who is signed in, in no team's name."""

    user: User


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: SignedInRequest) -> HttpResponse:
    """Show the account; a post changes the name."""
    form = NameForm(request.POST if request.method == "POST" else None, initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        services.rename(user=request.user, name=form.cleaned_data["name"])
        messages.success(request, "Name saved.")
        return redirect("accounts:profile")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/profile.html", {"form": form}, status=status)
