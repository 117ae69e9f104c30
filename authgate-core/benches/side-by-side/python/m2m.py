"""rust-m2m's six steps with the Python SDK and one httpx client."""

import os

import httpx
from authgate.clientcreds import BearerAuth, TokenSource
from authgate.discovery import DiscoveryClient
from authgate.oauth.client import OAuthClient

with httpx.Client(timeout=30.0) as http:
    metadata = DiscoveryClient(os.environ["AUTHGATE_URL"], http_client=http).fetch()
    client = OAuthClient(
        os.environ["CLIENT_ID"],
        metadata.to_endpoints(),
        client_secret=os.environ["CLIENT_SECRET"],
        http_client=http,
    )
    tokens = TokenSource(client, scopes=["profile", "email"], expiry_delta=30.0)
    with http.stream("GET", metadata.userinfo_endpoint, auth=BearerAuth(tokens)) as response:
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) >= 1024 * 1024:
                break
    print("Status:", response.status_code)
    print("Body:", body.decode())
    raise SystemExit(0 if response.status_code == 200 else 1)
