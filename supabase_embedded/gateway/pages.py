"""Built web pages, served beside the API as a web host would serve them.

Each page is a folder with an index.html. `config.json` beside it is made up here: where the API is, and the publishable
key, which is public.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send


class Pages:
    """An ASGI application: `/NAME/…` is a file of the folder of that page. Only reading, and nothing outside of it."""

    def __init__(self, folders: Mapping[str, str], url: str, publishable: str) -> None:
        self._folders = {
            # A page may be built anew, or for the first time, while the stack runs.
            name: StaticFiles(directory=folder, html=True, check_dir=False)
            for name, folder in folders.items()
        }
        self._config = {"url": url, "publishableKey": publishable}
        sources = f"'self' {url} {url.replace('http', 'ws', 1)}"
        self._policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
            f"img-src 'self' data: blob: {url}; connect-src {sources}; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    def serves(self, path: str) -> bool:
        """Whether a path belongs to a page."""
        return path.split("/")[1] in self._folders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._response(scope)
        headers = MutableHeaders(raw=response.raw_headers)
        headers["content-security-policy"] = self._policy
        headers["x-content-type-options"] = "nosniff"
        headers["referrer-policy"] = "no-referrer"
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        _, name, *rest = scope["path"].split("/")
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("A page is only read", 405, {"allow": "GET, HEAD"})
        if name not in self._folders:
            return PlainTextResponse("No such page", 404)
        if not rest:
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(f"/{name}/" + (f"?{query}" if query else ""), 308)
        path = "/".join(rest)
        if path == "config.json":
            return JSONResponse(self._config, headers={"cache-control": "no-cache"})
        files = self._folders[name]
        try:
            response = await files.get_response(path or ".", scope)
        except HTTPException as error:
            built = files.lookup_path("index.html")[1] is not None
            missing = "No such file" if built else f"The page {name} is not built. Run `make web`."
            return PlainTextResponse(missing, error.status_code)
        # A built file has a digest of what it holds in its name.
        lasting = path.startswith("assets/") and response.status_code == 200
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return response
