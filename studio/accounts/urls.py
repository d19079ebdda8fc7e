"""Addresses of a person's own pages."""

from django.urls import path

from studio.accounts import views

app_name = "accounts"
urlpatterns = [path("", views.profile, name="profile")]
