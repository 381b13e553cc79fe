"""The data plane. aiohttp lives here."""
