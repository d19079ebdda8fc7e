"""Addresses of the connections page."""

from django.urls import include, path

from studio.connections import views

app_name = "connections"

providers_urls = [
    path("", views.index, name="index"),
    path("new/", views.new, name="new"),
    path("<int:pk>/", views.edit, name="edit"),
    path("<int:pk>/test/", views.test, name="test"),
    path("<int:pk>/key/", views.key, name="key"),
    path("<int:pk>/pause/", views.pause, name="pause"),
    path("<int:pk>/resume/", views.resume, name="resume"),
    path("<int:pk>/remove/", views.remove, name="remove"),
]

urlpatterns = [path("t/<slug:team_slug>/team/providers/", include(providers_urls))]
