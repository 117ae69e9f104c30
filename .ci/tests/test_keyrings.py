"""rust-cli saves its login in the keyring, or in the file if no keyring works."""

import pytest
import sessions

with_keyring = pytest.mark.parametrize("session", [sessions.unlocked_keyring], indirect=True, ids=["unlocked"])

# The sessions in which no keyring works, each with a limit in seconds for a login and for a later
# run. The two polls of a login take more than 1 s, and rust-cli waits 3 s for a bus that does not
# answer.
LIMITS = {
    sessions.without_bus: 4,
    sessions.without_keyring: 4,
    sessions.locked_keyring: 10,
    sessions.never_set_up: 10,
    sessions.silent_bus: 10,
}
NAMES = [open_session.__name__ for open_session in LIMITS]
where_no_keyring_works = pytest.mark.parametrize("session", LIMITS, indirect=True, ids=NAMES)


@with_keyring
def test_a_login_is_saved_in_the_keyring_only(rust, file, keyring):
    run = rust.log_in()
    assert keyring.items("authgate") == 1
    assert not file.entries()
    assert "keyring" not in run.said.lower()
    assert "saved" not in run.said.lower()


@with_keyring
def test_no_keyring_saves_a_second_login_in_the_file(rust, file, keyring):
    rust.log_in()
    assert "An older login may still be in the keyring" in rust.log_in("--no-keyring").said
    assert file.access_token != keyring.access_token


@with_keyring
def test_a_logout_deletes_this_clients_items_only(rust, file, keyring):
    keyring.add_neighbour("another-client", "theirs")
    rust.log_in()
    rust.log_in("--no-keyring")
    rust.log_out()
    assert (keyring.items("authgate"), keyring.items("authgate-rust")) == (0, 0)
    assert file.entry() is None
    assert keyring.text("another-client") == "theirs"


@with_keyring
def test_rust_cli_asks_again_after_a_logout(rust):
    rust.log_in()
    rust.log_out()
    rust.start("--flow", "device").finds("enter the code")


@pytest.mark.parametrize(("session", "limit"), LIMITS.items(), indirect=["session"], ids=NAMES)
def test_a_login_falls_back_to_the_file(rust, file, limit):
    login = rust.log_in()
    login.prints_block()
    assert sum(login.said.count(reason) for reason in ("Keyring: ", "No keyring ")) == 1, login.said
    assert login.said.count(f"The login is saved unencrypted in file {file.path}") == 1
    assert file.access_token.startswith("eyJ")

    run = rust.start_with_login("--print-access-token").succeeds()
    assert run.printed == f"{file.access_token}\n"
    assert [line for line in run.said.splitlines() if not line.startswith("Waiting for the stored login")] == []
    assert max(login.seconds, run.seconds) < limit


@where_no_keyring_works
def test_a_new_login_follows_a_revoked_one(rust, file):
    rust.log_in()
    revoked = file.access_token
    file.expire()
    file.change(refresh_token="gone")
    rust.log_in()
    assert file.access_token.startswith("eyJ")
    assert file.access_token != revoked


@where_no_keyring_works
def test_a_logout_without_a_keyring_deletes_the_entry(rust, file, request):
    rust.log_in()
    # A keyring that does not answer may have an older login. A locked one says that it has none.
    if "silent_bus" in request.node.name:
        logout = rust.start("--logout").ends()
        assert (logout.status, logout.printed) == (1, "Not logged out everywhere.\n"), str(logout)
        assert "warning: not logged out: keyring:" in logout.said
    else:
        rust.log_out()
    assert file.entry() is None
