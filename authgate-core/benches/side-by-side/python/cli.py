"""rust-cli's steps with the Python SDK: discovery, the stored token, userinfo, tokeninfo."""

import os
import time

import authgate

client, token = authgate.authenticate(
    os.environ["AUTHGATE_URL"],
    os.environ["CLIENT_ID"],
    scopes=["profile", "email"],
    store_path=os.path.expanduser("~/.authgate-tokens.json"),
)
user = client.userinfo(token.access_token)
print(f"User: {user.name} ({user.email})")
print("Subject:", user.sub)
print(f"Access Token: {token.access_token[:8]}...")
print(f"Refresh Token: {token.refresh_token[:8]}...")
print("Token Type:", token.token_type)
print("Expires In:", token.expires_in)
print("Expires At:", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token.expires_at)))
info = client.token_info_request(token.access_token)
print("TokenInfo Active:", info.active)
print("TokenInfo UserID:", info.user_id)
print("TokenInfo ClientID:", info.client_id)
print("TokenInfo Scope:", info.scope)
print("TokenInfo SubjectType:", info.subject_type)
print("TokenInfo Issuer:", info.iss)
print("TokenInfo Exp:", info.exp)
