"""Addresses of a team's models. Names of models contain dots, so they are no slugs to Django."""

from django.urls import path

from studio.catalogue import views

app_name = "catalogue"

urlpatterns = [
    path("t/<slug:team_slug>/team/models/", views.models, name="models"),
    path("t/<slug:team_slug>/team/models/<str:slug>/", views.model, name="model"),
    path("t/<slug:team_slug>/team/models/<str:slug>/available/", views.available, name="available"),
    path("t/<slug:team_slug>/team/models/<str:slug>/route/", views.add_step, name="add_step"),
    path("t/<slug:team_slug>/team/models/<str:slug>/route/<int:pk>/", views.change_step, name="change_step"),
]
