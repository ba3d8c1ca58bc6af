"""Images that people upload: read as what they say they are, within bounds, and written anew without anything else."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from mpp_supabase.errors import MPPError

if TYPE_CHECKING:
    from PIL.Image import Image as Decoded

#: The most pixels of an image, three bytes each while it is decoded: what a telephone takes, and no bomb.
MOST_PIXELS = 40_000_000

_FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_QUALITY = 85


class ImageError(MPPError):
    """An upload is not an image that may be shown; `problem` is unreadable, another_type or too_many_pixels."""

    code = "image"

    def __init__(self, problem: str, message: str) -> None:
        super().__init__(message, "Send a JPEG, PNG or WebP of 40 million pixels at most.")
        self.problem = problem


def clean_image(content: bytes, ending: str, media_type: str | None, longest_side: int) -> bytes:
    """Return an upload as a JPEG of which no side is longer than `longest_side` pixels: the pixels and nothing else.

    `ending` is that of its name, and `media_type` what its uploader said. EXIF with its position, XMP, comments, colour
    profiles, further frames and whatever stands behind the image are left out; how the camera was held is kept by
    turning the pixels. Raises ImageError.
    """
    from PIL import Image, ImageOps

    expected = _FORMATS.get(ending.lower())
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=tuple(_MEDIA_TYPES)) as image:
                found = str(image.format)
                if found != expected or media_type not in (None, _MEDIA_TYPES[found]):
                    raise ImageError("another_type", f"The image is {found}, and its name says {ending}.")
                if image.width * image.height > MOST_PIXELS:
                    raise _too_many()
                # A JPEG is decoded at the smallest scale that does.
                image.draft("RGB", (longest_side, longest_side))
                turned = ImageOps.exif_transpose(image)
                turned.thumbnail((longest_side, longest_side))
                return _written(turned)
        except ImageError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_many() from None
        except Exception as error:
            # Decoders of broken files raise whatever they meet: OSError, SyntaxError, ValueError, struct.error…
            raise ImageError("unreadable", f"This is no whole image ({type(error).__name__}).") from None


def _too_many() -> ImageError:
    return ImageError("too_many_pixels", f"The image has more than {MOST_PIXELS:,} pixels.")


def _written(image: Decoded) -> bytes:
    """The pixels as a new JPEG, what is transparent on white."""
    from PIL import Image

    coloured = image.convert("RGBA" if image.has_transparency_data else "RGB")
    # A new image: that one carries the metadata of what it was made from.
    plain = Image.new("RGB", coloured.size, "white")
    plain.paste(coloured, mask=coloured if coloured.mode == "RGBA" else None)
    written = io.BytesIO()
    plain.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()
