"""A job's result as it is kept with the attempt until a worker fetches its pictures."""

from typing import Any, Final

from studio.providers.adapters.base import ImageResult, ReceivedImage

NO_ADDRESS: Final = "The provider named no address for the picture."


def result_to_json(result: ImageResult) -> dict[str, Any]:
    """Return the form that is stored; pictures are addresses here, never bytes."""
    images = [
        {
            "url": image.url,
            "revised_prompt": image.revised_prompt,
            "reason": image.reason or ("" if image.url else NO_ADDRESS),
        }
        for image in result.images
    ]
    return {"images": images, "request_id": result.request_id, "reported": dict(result.reported)}


def result_from_json(stored: Any) -> ImageResult:
    """Return the result that `result_to_json` stored."""
    images = tuple(ReceivedImage(**image) for image in stored["images"])
    return ImageResult(images=images, request_id=stored["request_id"], reported=stored["reported"])
