"""Addresses of the library, all below /t/<team_slug>/."""

from django.urls import path

from studio.library import views, views_files

app_name = "library"
urlpatterns = [
    path("t/<slug:team_slug>/library/", views.grid, name="grid"),
    path("t/<slug:team_slug>/library/download/", views.download, name="download"),
    path("t/<slug:team_slug>/assets/<int:pk>/", views.asset, name="asset"),
    path("t/<slug:team_slug>/assets/<int:pk>/file/<str:variant>/", views_files.file, name="file"),
]
