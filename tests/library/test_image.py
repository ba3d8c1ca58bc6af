"""What becomes of the files that people upload as images: real ones, broken ones, and what only looks like one."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from mpp_supabase.files.image import MOST_PIXELS, ImageError, clean_image

TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
#: Where a photo was taken, as a telephone writes it, and a word that nothing else in a file holds.
SECRET = b"48 rue du Secret"


def picture(size: tuple[int, int] = (64, 32), mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new(mode, size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    return image


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_position(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (48.0, 51.0, 24.0), "E", (2.0, 21.0, 7.0)
    return exif


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>' + SECRET + b"</exif:GPSLatitude></x:xmpmeta>"


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        ("jpg", written(picture(), "JPEG", exif=with_position(), xmp=XMP, comment=SECRET, quality=95)),
        ("jpeg", written(picture(), "JPEG", icc_profile=SECRET * 8, quality=95)),
        ("webp", written(picture(), "WEBP", exif=with_position(), xmp=XMP, lossless=True)),
        ("png", written(picture(), "PNG", exif=with_position())),
    ],
)
def test_the_pixels_stay_and_what_goes_with_them_is_left_out(ending: str, content: bytes) -> None:
    assert SECRET in content
    cleaned = clean_image(content, ending, TYPES[ending], 512)
    assert SECRET not in cleaned
    image = opened(cleaned)
    assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (64, 32), {})
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    left, right = image.getpixel((8, 16)), image.getpixel((56, 16))
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]


def test_a_photo_stays_upright_without_the_note_that_says_how_it_was_held() -> None:
    turned = opened(clean_image(written(picture(), "JPEG", exif=with_position(6)), "jpg", "image/jpeg", 512))
    assert turned.size == (32, 64)
    assert turned.getpixel((16, 8))[0] > 200


def test_what_is_transparent_becomes_white_and_an_animation_its_first_frame() -> None:
    see_through = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert opened(clean_image(written(see_through, "PNG"), "png", "image/png", 512)).getpixel((4, 4)) == (255, 255, 255)
    frames = written(picture(), "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 32), "green")])
    assert opened(clean_image(frames, "webp", "image/webp", 512)).getpixel((8, 16))[0] > 200
    palette = written(picture(mode="RGB").convert("P"), "PNG", transparency=0)
    assert opened(clean_image(palette, "png", "image/png", 512)).size == (64, 32)


def test_a_large_photo_is_made_smaller() -> None:
    assert opened(clean_image(written(picture((4000, 3000)), "JPEG"), "jpg", "image/jpeg", 512)).size == (512, 384)


def test_a_file_that_is_two_things_keeps_only_its_pixels() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("secret.html", "<script>alert(1)</script>")
    for behind in (archive.getvalue(), b"<script>alert(1)</script>", b"%PDF-1.7"):
        both = written(picture(), "JPEG") + behind
        cleaned = clean_image(both, "jpg", "image/jpeg", 512)
        assert behind not in cleaned
        assert not zipfile.is_zipfile(io.BytesIO(cleaned))


JPEG = written(picture(), "JPEG")
PNG = written(picture(), "PNG")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
LARGE = written(Image.new("1", (10_000, 5_000)), "PNG")
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)


@pytest.mark.parametrize(
    ("name", "content", "ending", "media_type", "problem"),
    [
        ("nothing", b"", "jpg", "image/jpeg", "unreadable"),
        ("HTML", b"<!doctype html><script>alert(1)</script>", "jpg", "image/jpeg", "unreadable"),
        ("SVG", SVG, "png", "image/png", "unreadable"),
        ("HEIC", HEIC, "jpg", "image/jpeg", "unreadable"),
        ("GIF", written(picture(), "GIF"), "jpg", "image/jpeg", "unreadable"),
        ("TIFF", written(picture(), "TIFF"), "jpg", "image/jpeg", "unreadable"),
        ("half a JPEG", JPEG[: len(JPEG) // 2], "jpg", "image/jpeg", "unreadable"),
        ("half a PNG", PNG[:-30], "png", "image/png", "unreadable"),
        ("a broken PNG", PNG[:40] + bytes(20) + PNG[60:], "png", "image/png", "unreadable"),
        ("PNG as JPEG", PNG, "jpg", "image/jpeg", "another_type"),
        ("JPEG as PNG", JPEG, "png", "image/png", "another_type"),
        ("JPEG that is said to be HTML", JPEG, "jpg", "text/html", "another_type"),
        ("JPEG without an ending", JPEG, "", None, "another_type"),
        ("50 megapixels", bomb(10_000, 5_000), "png", "image/png", "too_many_pixels"),
        ("100 megapixels", bomb(10_000, 10_000), "png", "image/png", "too_many_pixels"),
        ("a thousand megapixels", bomb(40_000, 25_000), "png", "image/png", "too_many_pixels"),
        ("50 megapixels that are there", LARGE, "png", "image/png", "too_many_pixels"),
    ],
)  # fmt: skip
def test_what_is_not_the_image_it_says_is_refused(
    name: str, content: bytes, ending: str, media_type: str | None, problem: str
) -> None:
    with pytest.raises(ImageError) as caught:
        clean_image(content, ending, media_type, 512)
    assert caught.value.problem == problem, (name, str(caught.value))


def test_an_image_of_just_as_many_pixels_as_there_may_be_is_taken() -> None:
    most = written(Image.new("L", (8_000, MOST_PIXELS // 8_000)), "JPEG")
    assert opened(clean_image(most, "jpg", "image/jpeg", 64)).size[0] == 64
