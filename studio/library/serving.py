"""How a single file leaves: through this process, by the server in front, or straight from the object store.

Whichever it is, the view has decided who may have it, for this one request.
"""

from typing import cast

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from studio.core.streaming import accelerated_response, stream_response
from studio.library import files
from studio.library.storage import Store


def send_file(
    request: HttpRequest,
    name: str,
    *,
    size: int | None = None,
    filename: str,
    content_type: str,
    etag: str,
    inline: bool = False,
    max_age: int = 0,
) -> HttpResponse:
    """Answer with a file of the library; raises FileNotFoundError also where it is not of the `size` it must have.

    Only what is saved as a file leads to the store: a picture on a page comes from this site, as its policy says.
    """
    if settings.ACCEL_REDIRECT:
        _check(name, size)
        location = settings.ACCEL_REDIRECT + name
        return accelerated_response(
            request,
            location,
            filename=filename,
            content_type=content_type,
            etag=etag,
            inline=inline,
            max_age=max_age,
        )
    if _store().presigns and not inline and request.method == "GET":
        _check(name, size)
        address = _store().address_of(name, filename=filename, content_type=content_type)
        return HttpResponseRedirect(address, headers={"Cache-Control": "no-store"})
    body = files.body_of(name)
    if size is not None and body.length != size:
        raise FileNotFoundError(name)
    return stream_response(
        request,
        body,
        filename=filename,
        content_type=content_type,
        etag=etag,
        inline=inline,
        max_age=max_age,
    )


def _check(name: str, size: int | None) -> None:
    """Look before somebody else is told to send it: their own error page would say nothing of use."""
    found = files.sizes_of([name])[name]
    if found is None or (size is not None and found != size):
        raise FileNotFoundError(name)


def _store() -> Store:
    return cast("Store", default_storage)
