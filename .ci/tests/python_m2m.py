"""The Python SDK runs rust-m2m's six steps."""

import os

import httpx
from authgate.clientcreds import BearerAuth, TokenSource
from authgate.discovery import DiscoveryClient
from authgate.oauth.client import OAuthClient

url = os.environ["AUTHGATE_URL"]
metadata = DiscoveryClient(url).fetch()
client = OAuthClient(os.environ["CLIENT_ID"], metadata.to_endpoints(), client_secret=os.environ["CLIENT_SECRET"])
tokens = TokenSource(client, scopes=["profile", "email"], expiry_delta=30.0)
response = httpx.get(metadata.userinfo_endpoint, auth=BearerAuth(tokens))
print("Status:", response.status_code)
print("Body:", response.text)
assert response.status_code == 200
assert client.introspect(tokens.token().access_token).active
assert client.token_info_request(tokens.token().access_token).active
