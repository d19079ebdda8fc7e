"""The address of the first run."""

from django.urls import path

from studio.setup import views

app_name = "setup"
urlpatterns = [path("<str:token>/", views.start, name="start")]
