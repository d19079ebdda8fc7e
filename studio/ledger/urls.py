"""Addresses of a team's credits."""

from django.urls import path

from studio.ledger import views

app_name = "ledger"

urlpatterns = [
    path("t/<slug:team_slug>/team/credits/", views.statement, name="statement"),
    path("t/<slug:team_slug>/team/credits/top-up/", views.top_up, name="top_up"),
    path("t/<slug:team_slug>/balance/", views.badge, name="badge"),
]
