"""Where a person's teams begin, and the pages about a team's people."""

from collections.abc import Callable
from typing import Final

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from studio.accounts.errors import EmailTaken
from studio.accounts.forms import NewAccountForm
from studio.accounts.models import User
from studio.accounts.views import SignedInRequest
from studio.core.errors import StudioError
from studio.core.http import HtmxRequest
from studio.teams import links, services
from studio.teams.access import TeamRequest, find_membership, team_required
from studio.teams.errors import (
    AlreadyMember,
    InvitationEnded,
    InvitationForSomebodyElse,
    InvitationUnknown,
    TooManyTries,
)
from studio.teams.forms import InviteForm, RoleForm
from studio.teams.models import Invitation, Membership, Role
from studio.teams.queries import find_last_used, open_invitations_of, people_for

_PAGE: Final = ["GET", "HEAD", "POST"]


@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    """Go to the studio of the team that was used last."""
    team = find_last_used(request.user)
    if team is None:
        return render(request, "teams/none.html")
    return redirect("generations:studio", team_slug=team.slug)


@team_required(Role.VIEWER)
@require_safe
def members(request: TeamRequest) -> HttpResponse:
    """List the team's people; those who may change them also see the open invitations."""
    token = None if request.htmx else links.find_token(request)
    link = request.build_absolute_uri(reverse("teams:accept", kwargs={"token": token})) if token else ""
    response = _members_page(request, new_link=link)
    if token:
        links.forget(response, path=request.path)
    return response


@team_required(Role.ADMIN)
@require_http_methods(_PAGE)
def invite(request: TeamRequest) -> HttpResponse:
    """Ask whom to invite; a post makes the link, which the members page then shows once."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.invite(team=request.team, actor=request.user, **form.cleaned_data)
        except StudioError as error:
            form.add_error(None, error.message)
        else:
            path = reverse("teams:members", kwargs={"team_slug": request.team.slug})
            return links.remember(redirect(path), path=path, token=made.token)
    status = 422 if form.is_bound else 200
    return render(request, "teams/invite.html", {"form": form}, status=status)


@team_required(Role.ADMIN)
@require_POST
def revoke(request: TeamRequest, pk: int) -> HttpResponse:
    """End an open invitation."""
    invitation = get_object_or_404(Invitation.objects.for_team(request.team), pk=pk)
    return _change(request, lambda: services.revoke_invitation(invitation=invitation, actor=request.user))


@team_required(Role.ADMIN)
@require_POST
def change_role(request: TeamRequest, pk: int) -> HttpResponse:
    """Give a member another role."""
    membership = _get_membership(request, pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _members_page(request, problem="There is no such role.", status=422)
    role = form.cleaned_data["role"]
    return _change(request, lambda: services.change_role(membership=membership, role=role, actor=request.user))


@team_required(Role.ADMIN)
@require_http_methods(_PAGE)
def remove(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask before a member is removed; a post removes them."""
    membership = _get_membership(request, pk)
    if membership.user == request.user:
        return redirect("teams:leave", team_slug=request.team.slug)
    if request.method == "POST":
        return _change(request, lambda: services.remove_member(membership=membership, actor=request.user))
    return _ask(request, f"Remove {membership.user.display_name}?", person=membership.user)


@team_required(Role.VIEWER)
@require_http_methods(_PAGE)
def leave(request: TeamRequest) -> HttpResponse:
    """Ask before leaving the team; a post leaves it."""
    if request.method != "POST":
        return _ask(request, f"Leave {request.team}?", leaving=True)
    try:
        services.leave(membership=request.membership)
    except StudioError as error:
        return _members_page(request, problem=error.message, status=error.http_status)
    messages.success(request, f"You have left {request.team}.")
    return redirect("teams:home")


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(_PAGE)
def accept(request: HtmxRequest, token: str) -> HttpResponse:
    """Let whoever holds an invitation join, with an account they have or with a new one."""
    try:
        invitation = services.get_open_invitation(token)
        if request.user.is_authenticated:
            return _accept_signed_in(request, request.user, invitation, token)
        return _accept_signed_out(request, invitation, token)
    except (InvitationUnknown, InvitationEnded) as error:
        return render(request, "teams/invitation_ended.html", status=error.http_status)


def _accept_signed_in(request: HtmxRequest, user: User, invitation: Invitation, token: str) -> HttpResponse:
    state, status = "join", 200
    try:
        if request.method == "POST":
            services.accept_invitation(token=token, user=user)
            return _welcome(request, invitation)
        services.check_may_accept(invitation=invitation, user=user)
    except InvitationForSomebodyElse as error:
        state, status = "somebody_else", error.http_status
    except AlreadyMember:
        return redirect("generations:studio", team_slug=invitation.team.slug)
    return render(request, "teams/accept.html", {"invitation": invitation, "state": state}, status=status)


def _accept_signed_out(request: HtmxRequest, invitation: Invitation, token: str) -> HttpResponse:
    form = NewAccountForm(request.POST if request.method == "POST" else None, fixed_email=invitation.email)
    if request.method == "POST":
        if not ratelimit.consume(request, action="signup"):
            raise TooManyTries
        if form.is_valid():
            try:
                user = services.join_with_new_account(token=token, **form.cleaned_data)
            except EmailTaken as error:
                form.add_error("email", error.message)
            else:
                login(request, user)
                return _welcome(request, invitation)
    status = 422 if form.is_bound else 200
    return render(
        request, "teams/accept.html", {"invitation": invitation, "state": "sign_up", "form": form}, status=status
    )


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    role = invitation.get_role_display().lower()
    messages.success(request, f"You are in {invitation.team} now, as {role}.")
    return redirect("generations:studio", team_slug=invitation.team.slug)


def _get_membership(request: TeamRequest, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.for_team(request.team).select_related("team", "user"), pk=pk)


def _ask(request: TeamRequest, title: str, *, person: User | None = None, leaving: bool = False) -> HttpResponse:
    """Ask before a membership ends: htmx puts the question into the page's dialog, else it is a page."""
    context = {
        "title": title,
        "action": request.path,
        "body": "teams/remove_form.html",
        "person": person,
        "leaving": leaving,
    }
    return render(request, "components/dialog_content.html" if request.htmx else "teams/remove.html", context)


def _change(request: TeamRequest, change: Callable[[], None]) -> HttpResponse:
    """Do it and show the members again; what stands against it is said above them."""
    problem, status = "", 200
    try:
        change()
    except StudioError as error:
        problem, status = error.message, error.http_status
    if not problem and not request.htmx:
        return redirect("teams:members", team_slug=request.team.slug)
    current = find_membership(user=request.user, team_slug=request.team.slug)
    if current is None:
        raise Http404("The person was removed meanwhile.")
    request.membership = current
    return _members_page(request, problem=problem, status=status)


def _members_page(request: TeamRequest, *, new_link: str = "", problem: str = "", status: int = 200) -> HttpResponse:
    may_change = request.membership.may(Role.ADMIN)
    context = {
        "people": people_for(request.membership),
        "invitations": list(open_invitations_of(request.team)) if may_change else [],
        "may_change": may_change,
        "invite_form": InviteForm(auto_id="invite_%s") if may_change else None,
        "new_link": new_link,
        "problem": problem,
    }
    template = "teams/members.html#people" if request.htmx else "teams/members.html"
    return render(request, template, context, status=status)
