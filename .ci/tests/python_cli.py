"""The Python SDK as a client that a person logs in to: prints the access token in use."""

import os

import authgate

client, token = authgate.authenticate(
    os.environ["AUTHGATE_URL"],
    os.environ["CLIENT_ID"],
    scopes=["profile", "email"],
    flow_mode=authgate.FlowMode.DEVICE,
)
assert client.userinfo(token.access_token).email == "jane@example.com"
print(token.access_token)
