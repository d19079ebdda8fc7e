"""Every address of the site: each room brings its own."""

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import include, path

from studio.core.views import healthz

handler400 = "studio.core.views.bad_request"
handler403 = "studio.core.views.not_allowed"
handler404 = "studio.core.views.not_found"
handler500 = "studio.core.views.server_error"

# The operator's pages are entered through the same sign-in as everything else.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # the way allauth documents
# Rights come from roles in teams, not from groups; people change their own addresses.
admin.site.unregister([Group, EmailAddress])
admin.site.site_header = admin.site.site_title = "Atelier"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("auth/", include("allauth.account.urls")),
    path("account/", include("studio.accounts.urls")),
    path("set-up/", include("studio.setup.urls")),
    # Rooms with team pages: every address below /t/<team_slug>/ goes through studio.teams.access.team_required.
    path("", include("studio.teams.urls")),
    path("", include("studio.ledger.urls")),
    path("", include("studio.library.urls")),
    path("", include("studio.exports.urls")),
    path("", include("studio.catalogue.urls")),
    path("", include("studio.generations.urls")),
    path("", include("studio.connections.urls")),
]
