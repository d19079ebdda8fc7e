"""Addresses of exports, all below /t/<team_slug>/downloads/."""

from django.urls import path

from studio.exports import views

app_name = "exports"
urlpatterns = [
    path("t/<slug:team_slug>/downloads/", views.index, name="index"),
    path("t/<slug:team_slug>/downloads/new/", views.new, name="new"),
    path("t/<slug:team_slug>/downloads/<int:pk>/", views.export, name="export"),
    path("t/<slug:team_slug>/downloads/<int:pk>/parts/<int:number>/", views.part, name="part"),
    path("t/<slug:team_slug>/downloads/<int:pk>/revoke/", views.revoke, name="revoke"),
]
