"""Addresses of the library, all below /t/<team_slug>/."""

from django.urls import path

from studio.library import (
    views,
    views_bin,
    views_bulk,
    views_collections,
    views_files,
    views_grid,
    views_look,
    views_organise,
    views_saved,
    views_tags,
    views_upload,
)

app_name = "library"
urlpatterns = [
    path("t/<slug:team_slug>/library/", views_grid.grid, name="grid"),
    path("t/<slug:team_slug>/library/views/", views_saved.views, name="views"),
    path("t/<slug:team_slug>/library/views/<int:pk>/", views_saved.view, name="view"),
    path("t/<slug:team_slug>/library/duplicates/", views_saved.duplicates, name="duplicates"),
    path("t/<slug:team_slug>/assets/<int:pk>/", views.asset, name="asset"),
    path("t/<slug:team_slug>/assets/<int:pk>/file/<str:variant>/", views_files.file, name="file"),
    path("t/<slug:team_slug>/assets/<int:pk>/around/", views_look.slides, name="slides"),
    path("t/<slug:team_slug>/compare/", views_look.compare, name="compare"),
    path("t/<slug:team_slug>/compare/pick/", views_look.pick, name="pick"),
    path("t/<slug:team_slug>/compare/add/", views_look.compare_add, name="compare_add"),
    path("t/<slug:team_slug>/library/upload/", views_upload.upload, name="upload"),
    # Acts on many, and the bin
    path("t/<slug:team_slug>/library/bulk/", views_bulk.bulk, name="bulk"),
    path("t/<slug:team_slug>/library/bulk/running/", views_bulk.running, name="bulk_running"),
    path("t/<slug:team_slug>/library/bulk/<int:pk>/", views_bulk.bulk_act, name="bulk_act"),
    path("t/<slug:team_slug>/library/bulk/<int:pk>/cancel/", views_bulk.cancel, name="bulk_cancel"),
    path("t/<slug:team_slug>/library/bulk/<int:pk>/undo/", views_bulk.undo, name="bulk_undo"),
    path("t/<slug:team_slug>/library/bin/", views_bin.bin_, name="bin"),
    path("t/<slug:team_slug>/library/rules/", views_bin.rules, name="rules"),
    path("t/<slug:team_slug>/assets/<int:pk>/edit/", views_organise.edit_asset, name="edit_asset"),
    path("t/<slug:team_slug>/assets/<int:pk>/favourite/", views_organise.favourite, name="favourite"),
    path("t/<slug:team_slug>/assets/<int:pk>/tags/", views_organise.asset_tags, name="asset_tags"),
    path("t/<slug:team_slug>/assets/<int:pk>/collections/", views_organise.asset_collections, name="asset_collections"),
    path("t/<slug:team_slug>/library/tags/", views_tags.tags, name="tags"),
    path("t/<slug:team_slug>/library/tags/new/", views_tags.new_tag, name="new_tag"),
    path("t/<slug:team_slug>/library/tags/names/", views_tags.tag_names, name="tag_names"),
    path("t/<slug:team_slug>/library/tags/<int:pk>/edit/", views_tags.edit_tag, name="edit_tag"),
    path("t/<slug:team_slug>/library/tags/<int:pk>/merge/", views_tags.merge_tag, name="merge_tag"),
    path("t/<slug:team_slug>/library/tags/<int:pk>/delete/", views_tags.delete_tag, name="delete_tag"),
    path("t/<slug:team_slug>/library/collections/", views_collections.collections, name="collections"),
    path("t/<slug:team_slug>/library/collections/new/", views_collections.new_collection, name="new_collection"),
    path(
        "t/<slug:team_slug>/library/collections/<int:pk>/edit/",
        views_collections.edit_collection,
        name="edit_collection",
    ),
    path(
        "t/<slug:team_slug>/library/collections/<int:pk>/delete/",
        views_collections.delete_collection,
        name="delete_collection",
    ),
    path("t/<slug:team_slug>/library/collections/<int:pk>/cover/", views_collections.cover, name="set_cover"),
    path("t/<slug:team_slug>/library/collections/<int:pk>/arrange/", views_collections.arrange, name="arrange"),
    path("t/<slug:team_slug>/library/collections/<int:pk>/order/", views_collections.order, name="order"),
]
