"""What a picture's page says of its origin, and the file as it was received."""

from django.core.files.base import ContentFile
from django.urls import reverse

from studio.accounts.models import User
from studio.library.intake import add_upload
from studio.library.models import Asset
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset
from tests.library import corpus

LABEL = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + b'<a DigitalSourceType="trainedAlgorithmicMedia"/>'


def page_of(asset: Asset, team: Team, user: User, client_of: ClientOf) -> str:
    answer = client_of(user).get(reverse("library:asset", args=[team.slug, asset.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_says_what_the_file_says_and_offers_it_as_received(
    team: Team, member: User, viewer: User, client_of: ClientOf
) -> None:
    data = corpus.with_chunk(corpus.png(), b"iTXt", LABEL)
    asset = add_upload(team=team, actor=member, file=ContentFile(data), file_name="a.png").asset
    page = page_of(asset, team, viewer, client_of)
    assert page.count('data-mark="iptc:trainedAlgorithmicMedia">Made by generative AI.</li>') == 1
    assert "Read from the file as received; whether it is true was not checked." in page
    assert reverse("library:file", args=[team.slug, asset.pk, "received"]) in page


def test_page_of_a_picture_that_says_nothing_is_silent(team: Team, viewer: User, client_of: ClientOf) -> None:
    page = page_of(make_asset(team, data=corpus.png()), team, viewer, client_of)
    assert 'id="provenance"' not in page


def test_text_of_a_file_never_reaches_the_page(team: Team, viewer: User, client_of: ClientOf) -> None:
    data = corpus.with_metadata("<script>alert(1)</script> NovelAI")
    page = page_of(make_asset(team, data=data), team, viewer, client_of)
    assert "alert(1)" not in page
    assert page.count('data-mark="tool:novelai"') == 1
