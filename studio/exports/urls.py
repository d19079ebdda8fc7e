"""Addresses of exports, all below /t/<team_slug>/downloads/."""

from django.urls import URLPattern

app_name = "exports"
urlpatterns: list[URLPattern] = []
