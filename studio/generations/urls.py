"""The addresses of the studio and the history."""

from django.urls import path

from studio.generations import views, views_attempts, views_hooks, views_inputs

app_name = "generations"
urlpatterns = [
    path("t/<slug:team_slug>/studio/", views.studio, name="studio"),
    path("t/<slug:team_slug>/generations/", views.create, name="create"),
    path("t/<slug:team_slug>/generations/<int:pk>/", views.card, name="card"),
    path("t/<slug:team_slug>/generations/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("t/<slug:team_slug>/generations/<int:pk>/retry/", views.retry, name="retry"),
    path("t/<slug:team_slug>/generations/<int:pk>/attempts/", views_attempts.attempts, name="attempts"),
    path(
        "t/<slug:team_slug>/generations/<int:pk>/preview/<int:slot>/<int:number>/",
        views_inputs.preview,
        name="preview",
    ),
    path("t/<slug:team_slug>/studio/pick/", views_inputs.pick, name="pick"),
    path("t/<slug:team_slug>/quote/", views.quote, name="quote"),
    path("t/<slug:team_slug>/history/", views.history, name="history"),
    path("hooks/<int:connection_id>/<str:secret>/", views_hooks.hook, name="hook"),
]
