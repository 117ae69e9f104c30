//! Settings from the environment and from `.env`.

use std::path::PathBuf;

use authgate_core::{Environment, Result};
use authgate_test_support::Home;

use crate::support::lines;

struct EnvironmentFile {
    path: PathBuf,
    _home: Home,
}

impl EnvironmentFile {
    fn with(content: impl AsRef<[u8]>) -> Self {
        let home = Home::new();
        Self {
            path: home.place(".env", content),
            _home: home,
        }
    }

    fn load(&self) -> Result<Environment> {
        Environment::load_from(&self.path)
    }

    fn value(&self, name: &str) -> Option<String> {
        let value = self.load().unwrap().get(name).unwrap();
        value.map(|value| value.expose().to_owned())
    }

    /// Checks that each of these names has this value.
    #[track_caller]
    fn assert_values<const N: usize>(&self, expected: [(&str, &str); N]) {
        let values = expected.map(|(name, _)| (name, self.value(name).unwrap()));
        assert_eq!(
            values
                .each_ref()
                .map(|(name, value)| (*name, value.as_str())),
            expected
        );
    }

    /// Returns why the file is refused, without its folder.
    fn refusal(&self) -> String {
        self.load()
            .unwrap_err()
            .to_string()
            .replace(&*self.path.to_string_lossy(), ".env")
    }
}

#[test]
fn a_missing_file_is_no_error() {
    let environment = Environment::load_from(&Home::new().path().join(".env")).unwrap();
    assert!(environment.get("AUTHGATE_TEST_UNSET").unwrap().is_none());
}

#[test]
fn the_process_environment_wins_over_the_file() {
    let file = EnvironmentFile::with("CARGO_MANIFEST_DIR=from-the-file\n");
    file.assert_values([("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))]);
}

#[test]
fn single_quotes_keep_a_secret_unchanged() {
    let values = [
        ("DOLLAR", "pa$$word$HOME"),
        ("HASH", "a#b # c"),
        ("SPACES", "  two  spaces  "),
        ("DOUBLE", "say \"hello\""),
        ("BACKSLASH", "a\\b"),
        ("EQUALS", "a=b=="),
    ];
    let content = values
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .concat();
    EnvironmentFile::with(content).assert_values(values);
    EnvironmentFile::with("QUOTE='it'\"'\"'s'\n").assert_values([("QUOTE", "it's")]);
}

#[test]
fn a_name_outside_single_quotes_is_replaced_by_its_value() {
    let file =
        EnvironmentFile::with("FIRST=x\nPLAIN=$FIRST\nDOUBLE=\"a${FIRST}\"\nSINGLE='$FIRST'\n");
    file.assert_values([("PLAIN", "x"), ("DOUBLE", "ax"), ("SINGLE", "$FIRST")]);
}

#[test]
fn a_name_ends_where_a_shell_would_end_it() {
    let file = EnvironmentFile::with(
        "A=1\nA_B=2\nUNDERSCORE=$A_B\nTWICE=$A$A\nQUOTED=\"$A\"\nDOT=$A.b\nBRACES=${A}_B\nNOTE=$A # note\n",
    );
    file.assert_values([
        ("UNDERSCORE", "2"),
        ("TWICE", "11"),
        ("QUOTED", "1"),
        ("DOT", "1.b"),
        ("BRACES", "1_B"),
        ("NOTE", "1"),
    ]);
}

#[test]
fn an_escaped_dollar_is_a_dollar() {
    let file = EnvironmentFile::with(
        "A=1\nPLAIN=pa\\$A\nDOUBLE=\"\\$A\"\nBACKSLASH=\\\\$A\nSINGLE='\\$A'\nBREAK=\\n$A\nENDS='n'$A\nLAST=a\\$\n",
    );
    file.assert_values([
        ("PLAIN", "pa$A"),
        ("DOUBLE", "$A"),
        ("BACKSLASH", "\\1"),
        ("SINGLE", "\\$A"),
        ("BREAK", "\n1"),
        ("ENDS", "n1"),
        ("LAST", "a$"),
    ]);
}

#[test]
fn a_name_never_stands_for_a_variable_of_the_process() {
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    for value in [
        "http://evil.example/${CARGO_MANIFEST_DIR}",
        "$CARGO_MANIFEST_DIR",
        "\"$CARGO_MANIFEST_DIR\"",
        "a$LATER\nLATER=1",
        "canary$",
        "pa$$canary",
        "${}",
        "\"${CARGO_MANIFEST_DIR\"",
    ] {
        let refusal = EnvironmentFile::with(format!("ONE=1\n\n# note\nTWO={value}\n")).refusal();
        insta::allow_duplicates!(
            insta::assert_snapshot!(refusal, @".env: line 4 has a $ that names no variable from an earlier line of the file (the environment is not searched). Put a value with $ in single quotes")
        );
    }
    // A file that defines the name itself gets its own value, or it could name the process's.
    let file = EnvironmentFile::with("CARGO_MANIFEST_DIR=ours\nURL=$CARGO_MANIFEST_DIR\n");
    file.assert_values([("URL", "ours")]);
}

#[test]
fn byte_order_mark_line_ends_export_and_comments_are_understood() {
    let file = EnvironmentFile::with(
        "\u{feff}# comment\r\nexport FIRST=1\r\n\r\nSECOND=two # note\r\nLAST=3 ",
    );
    file.assert_values([("FIRST", "1"), ("SECOND", "two"), ("LAST", "3")]);
}

#[test]
fn the_first_of_two_entries_counts() {
    EnvironmentFile::with("NAME_TWICE=first\nNAME_TWICE=second\n")
        .assert_values([("NAME_TWICE", "first")]);
}

#[test]
fn a_blank_value_is_no_value() {
    let file = EnvironmentFile::with("BLANK='   '\nEMPTY=\n");
    assert_eq!(
        ["BLANK", "EMPTY"].map(|name| file.value(name)),
        [None, None]
    );
}

#[test]
fn a_malformed_entry_is_named_by_its_line_and_never_shown() {
    for (content, line) in [
        ("ONE=1\nTWO=2\nthis is canary no entry\n", 3),
        ("ONE='canary never closed\nTWO=2\n", 1),
        ("ONE='a\nb'\n\n# comment\nTWO=canary canary\n", 5),
        ("\n\nCLIENT_SECRET canary\n", 3),
        ("ONE=\"canary\\q\"\n", 1),
        (&format!("ONE='{}'\ncanary!\n", "x".repeat(20_000)), 2),
    ] {
        let refusal = EnvironmentFile::with(content)
            .refusal()
            .replace(&format!("line {line} "), "line [line] ");
        insta::allow_duplicates!(
            insta::assert_snapshot!(refusal, @".env: line [line] is not of the form NAME=value, or does not close a quote. Put a value with spaces, quotes, $ or # in single quotes")
        );
    }
}

#[test]
fn a_file_that_is_no_small_text_is_refused_by_name() {
    let too_large = EnvironmentFile::with("A=1\n".repeat(20_000)).refusal();
    let not_text = EnvironmentFile::with(b"SECRET=\xff\xfe\n").refusal();
    let with_nul = EnvironmentFile::with("S\0E\0C\0").refusal();
    insta::assert_snapshot!(lines([too_large, not_text, with_nul]), @"
    .env: is larger than 64 KiB
    .env: is not UTF-8 text
    .env: contains a NUL character. Save it as UTF-8 text
    ");
    let refusal = Environment::load_from(Home::new().path())
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("not a regular file") || refusal.contains("cannot be read"),
        "{refusal}"
    );
}

#[test]
fn expanded_values_do_not_fill_the_memory() {
    let doubling = |lines: usize| {
        let entries = (1..=lines).map(|line| format!("A{line}=$A{0}$A{0}\n", line - 1));
        EnvironmentFile::with(format!(
            "A0={}\n\n{}",
            "canary".repeat(10),
            entries.collect::<String>()
        ))
    };
    doubling(3).assert_values([("A3", &"canary".repeat(80))]);
    insta::assert_snapshot!(doubling(18).refusal(), @".env: line 12 makes the file larger than 64 KiB when its variables are expanded");
    let one_line = format!("A={}\nB={}\n", "canary".repeat(5000), "$A".repeat(15_000));
    insta::assert_snapshot!(EnvironmentFile::with(one_line).refusal(), @".env: line 2 makes the file larger than 64 KiB when its variables are expanded");
    let many_lines: Vec<_> = (0..4000).map(|line| format!("B{line}=$A\n")).collect();
    let many_lines = format!("A={}\n{}", "canary".repeat(3000), many_lines.concat());
    insta::assert_snapshot!(EnvironmentFile::with(many_lines).refusal(), @".env: line 4 makes the file larger than 64 KiB when its variables are expanded");
}

#[cfg(unix)]
#[test]
fn a_named_pipe_does_not_hold_the_program_up() {
    let home = Home::new();
    let path = home.path().join(".env");
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    assert!(
        Environment::load_from(&path)
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
}

#[cfg(unix)]
mod of_others {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    impl EnvironmentFile {
        fn with_mode(self, mode: u32) -> Self {
            set_permissions(&self.path, Permissions::from_mode(mode)).unwrap();
            self
        }

        fn owned_by(self, user: u32, group: u32) -> Self {
            chown(&self.path, Some(user), Some(group)).unwrap();
            self
        }

        /// The same file, by a link to it.
        fn linked(mut self) -> Self {
            let link = self.path.with_file_name("link");
            symlink(&self.path, &link).unwrap();
            self.path = link;
            self
        }
    }

    #[test]
    fn a_file_that_others_can_change_is_refused() {
        for mode in [0o666, 0o602, 0o777] {
            let file = EnvironmentFile::with("CLIENT_SECRET=canary\n").with_mode(mode);
            insta::allow_duplicates!(
                insta::assert_snapshot!(file.refusal(), @".env: other users can change it, and with it where secrets are sent. Run: chmod go-w .env")
            );
            assert!(file.linked().load().is_err());
        }
        for mode in [0o600, 0o644, 0o400] {
            let file = EnvironmentFile::with("A=1\n").with_mode(mode);
            assert_eq!(file.linked().value("A").unwrap(), "1");
        }
    }

    #[test]
    #[ignore = "needs root: run with --include-ignored"]
    fn a_file_of_another_user_or_group_is_refused() {
        let file = || EnvironmentFile::with("CLIENT_SECRET=canary\n").with_mode(0o664);
        insta::assert_snapshot!(file().owned_by(12345, 12345).refusal(), @".env: belongs to another user, who could decide where secrets are sent. Make a copy of your own, or export the variables");
        assert!(file().owned_by(12345, 12345).linked().load().is_err());
        assert!(file().owned_by(0, 12345).load().is_err());

        // A group with the user's number is the user's own.
        let own = file();
        assert_eq!(own.path.metadata().unwrap().uid(), 0);
        assert!(own.owned_by(0, 0).load().is_ok());
    }
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let environment = EnvironmentFile::with("AUTHGATE_TEST_B=here\n")
        .load()
        .unwrap();
    let refusal = environment
        .require(["AUTHGATE_TEST_A", "AUTHGATE_TEST_B", "AUTHGATE_TEST_C"])
        .unwrap_err();
    insta::assert_snapshot!(refusal, @"not set: AUTHGATE_TEST_A, AUTHGATE_TEST_C. Export them, or write them into a file .env in the current directory (.env.example shows how)");
}

#[test]
fn an_empty_value_of_the_file_is_named_by_its_line() {
    let refusal = |content: &str| {
        let file = EnvironmentFile::with(content);
        let refusal = file
            .load()
            .unwrap()
            .require(["AUTHGATE_TEST_A", "AUTHGATE_TEST_B"])
            .unwrap_err();
        refusal
            .to_string()
            .replace(&*file.path.to_string_lossy(), ".env")
    };
    insta::assert_snapshot!(lines([
        refusal("AUTHGATE_TEST_B=here\n\n# A secret\nAUTHGATE_TEST_A=#canary\n"),
        refusal("AUTHGATE_TEST_A=''\nAUTHGATE_TEST_B= # canary\n"),
        refusal("NOTHING=\nAUTHGATE_TEST_A=$NOTHING\nAUTHGATE_TEST_B=\"\n\"\n"),
    ]), @"
    not set: AUTHGATE_TEST_A. Export it, or write it into a file .env in the current directory (.env.example shows how). .env gives an empty value to AUTHGATE_TEST_A (line 4): put a value with $ or # in single quotes
    not set: AUTHGATE_TEST_A, AUTHGATE_TEST_B. Export them, or write them into a file .env in the current directory (.env.example shows how). .env gives an empty value to AUTHGATE_TEST_A (line 1), AUTHGATE_TEST_B (line 2): put a value with $ or # in single quotes
    not set: AUTHGATE_TEST_A, AUTHGATE_TEST_B. Export them, or write them into a file .env in the current directory (.env.example shows how). .env gives an empty value to AUTHGATE_TEST_A (line 2), AUTHGATE_TEST_B (line 3): put a value with $ or # in single quotes
    ");
}

#[test]
fn a_shells_default_value_is_refused_by_its_form() {
    for value in [
        "${NOPE:-canary}",
        "${ONE:-canary}",
        "\"a${ONE-canary}\"",
        "${NOPE:?canary}",
        "${ONE%canary}",
        "${canary+canary}",
    ] {
        let refusal = EnvironmentFile::with(format!("ONE=1\nTWO={value}\n")).refusal();
        insta::allow_duplicates!(
            insta::assert_snapshot!(refusal, @".env: line 2 has a ${...} with more than a name in it, such as a shell's ${NAME:-DEFAULT}, which is not supported. Write the value itself, and put a value with $ in single quotes")
        );
    }
}

#[test]
fn values_do_not_show_in_debug_output() {
    let environment = EnvironmentFile::with("CLIENT_SECRET=canary\n")
        .load()
        .unwrap();
    insta::assert_snapshot!(format!("{environment:?}"), @r#"{"CLIENT_SECRET"}"#);
}
