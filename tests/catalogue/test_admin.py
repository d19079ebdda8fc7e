"""The operator switches models, and only looks at what the files say."""

import pytest
from django.urls import reverse

from studio.accounts.models import User
from studio.catalogue.models import ImageModel, Price
from studio.catalogue.services import sync_catalogue
from tests.conftest import ClientOf

pytestmark = pytest.mark.django_db


def test_model_is_switched_and_nothing_else(operator: User, client_of: ClientOf) -> None:
    sync_catalogue()
    model = ImageModel.objects.get(slug="gpt-image-1.5")
    client = client_of(operator)
    assert client.get(reverse("admin:catalogue_imagemodel_changelist")).status_code == 200
    row = reverse("admin:catalogue_imagemodel_change", args=[model.pk])
    assert client.get(row).status_code == 200
    assert client.post(row, {"title": "Mine", "slug": "mine"}).status_code == 302
    changed = ImageModel.objects.get(pk=model.pk)
    assert (changed.enabled, changed.slug, changed.title) == (False, "gpt-image-1.5", "GPT Image 1.5")
    assert client.get(reverse("admin:catalogue_imagemodel_add")).status_code == 403
    assert client.post(reverse("admin:catalogue_imagemodel_delete", args=[model.pk])).status_code == 403


def test_prices_are_read_only(operator: User, client_of: ClientOf) -> None:
    sync_catalogue()
    price = Price.objects.earliest("pk")
    client = client_of(operator)
    assert client.get(reverse("admin:catalogue_price_changelist")).status_code == 200
    row = reverse("admin:catalogue_price_change", args=[price.pk])
    assert client.get(row).status_code == 200
    assert client.post(row, {"credits": 1}).status_code == 403
