"""Addresses of teams and their people."""

from django.urls import include, path

from studio.teams import views

app_name = "teams"

members_urls = [
    path("", views.members, name="members"),
    path("invite/", views.invite, name="invite"),
    path("leave/", views.leave, name="leave"),
    path("<int:pk>/role/", views.change_role, name="change_role"),
    path("<int:pk>/remove/", views.remove, name="remove"),
    path("invitations/<int:pk>/revoke/", views.revoke, name="revoke"),
]

urlpatterns = [
    path("", views.home, name="home"),
    path("invite/<str:token>/", views.accept, name="accept"),
    path("t/<slug:team_slug>/team/members/", include(members_urls)),
]
