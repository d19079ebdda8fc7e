import warnings

from django.apps import AppConfig
from django.conf import settings
from PIL import Image, ImageFile


class LibraryConfig(AppConfig):
    name = "studio.library"

    def ready(self) -> None:
        """Bind Pillow, in every process, to the limits that received pictures are held to."""
        Image.MAX_IMAGE_PIXELS = settings.MAX_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        warnings.simplefilter("error", Image.DecompressionBombWarning)
