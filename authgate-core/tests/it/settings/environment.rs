//! Settings from the environment and from `.env`.

use std::fs;
use std::path::PathBuf;

use authgate_core::Environment;
use tempfile::TempDir;

struct EnvironmentFile {
    folder: TempDir,
}

impl EnvironmentFile {
    fn with(content: impl AsRef<[u8]>) -> Self {
        let file = Self { folder: TempDir::new().unwrap() };
        fs::write(file.path(), content).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".env")
    }

    fn value(&self, name: &str) -> Option<String> {
        let value = Environment::load_from(&self.path()).unwrap().get(name).unwrap();
        value.map(|value| value.expose().to_owned())
    }

    fn refusal(&self) -> String {
        Environment::load_from(&self.path()).unwrap_err().to_string()
    }
}

#[test]
fn a_missing_file_is_no_error() {
    let folder = TempDir::new().unwrap();
    let environment = Environment::load_from(&folder.path().join(".env")).unwrap();
    assert!(environment.get("AUTHGATE_TEST_UNSET").unwrap().is_none());
}

/// case 7
#[test]
fn the_process_environment_wins_over_the_file() {
    let file = EnvironmentFile::with("CARGO_MANIFEST_DIR=from-the-file\n");
    assert_eq!(file.value("CARGO_MANIFEST_DIR").unwrap(), env!("CARGO_MANIFEST_DIR"));
}

/// case 9
#[test]
fn single_quotes_keep_a_secret_to_the_letter() {
    let file = EnvironmentFile::with(concat!(
        "DOLLAR='pa$$word$HOME'\n",
        "HASH='a#b # c'\n",
        "SPACES='  two  spaces  '\n",
        "DOUBLE='say \"hello\"'\n",
        "BACKSLASH='a\\b'\n",
        "EQUALS='a=b=='\n",
        "QUOTE='it'\"'\"'s'\n",
    ));
    assert_eq!(file.value("DOLLAR").unwrap(), "pa$$word$HOME");
    assert_eq!(file.value("HASH").unwrap(), "a#b # c");
    assert_eq!(file.value("SPACES").unwrap(), "  two  spaces  ");
    assert_eq!(file.value("DOUBLE").unwrap(), "say \"hello\"");
    assert_eq!(file.value("BACKSLASH").unwrap(), "a\\b");
    assert_eq!(file.value("EQUALS").unwrap(), "a=b==");
    assert_eq!(file.value("QUOTE").unwrap(), "it's");
}

/// case 9
#[test]
fn a_name_outside_single_quotes_stands_for_its_value() {
    let file = EnvironmentFile::with("FIRST=x\nPLAIN=$FIRST\nDOUBLE=\"a${FIRST}\"\nSINGLE='$FIRST'\n");
    let values = ["PLAIN", "DOUBLE", "SINGLE"].map(|name| file.value(name).unwrap());
    assert_eq!(values, ["x", "ax", "$FIRST"]);
}

/// case 9
#[test]
fn byte_order_mark_line_ends_export_and_comments_are_understood() {
    let file = EnvironmentFile::with("\u{feff}# comment\r\nexport FIRST=1\r\n\r\nSECOND=two # note\r\nLAST=3 ");
    assert_eq!(file.value("FIRST").unwrap(), "1");
    assert_eq!(file.value("SECOND").unwrap(), "two");
    assert_eq!(file.value("LAST").unwrap(), "3");
}

#[test]
fn the_first_of_two_entries_counts() {
    let file = EnvironmentFile::with("NAME_TWICE=first\nNAME_TWICE=second\n");
    assert_eq!(file.value("NAME_TWICE").unwrap(), "first");
}

/// case 1
#[test]
fn a_blank_value_is_no_value() {
    assert_eq!(EnvironmentFile::with("BLANK='   '\nEMPTY=\n").value("BLANK"), None);
    assert_eq!(EnvironmentFile::with("BLANK='   '\nEMPTY=\n").value("EMPTY"), None);
}

/// case 8
#[test]
fn a_malformed_entry_is_named_by_its_line_and_never_shown() {
    let malformed = [
        ("ONE=1\nTWO=2\nthis is canary no entry\n", 3),
        ("ONE='canary never closed\nTWO=2\n", 1),
        ("ONE='a\nb'\n\n# comment\nTWO=canary canary\n", 5),
        ("\n\nCLIENT_SECRET canary\n", 3),
        ("ONE=\"canary\\q\"\n", 1),
        (&format!("ONE='{}'\ncanary!\n", "x".repeat(20_000)), 2),
    ];
    for (content, line) in malformed {
        let refusal = EnvironmentFile::with(content).refusal();
        assert!(refusal.contains(&format!("line {line} ")), "{refusal}");
        assert!(!refusal.contains("canary"), "{refusal}");
    }
}

/// case 9
#[test]
fn a_file_that_is_no_small_text_is_refused_by_name() {
    let too_large = EnvironmentFile::with("A=1\n".repeat(20_000));
    assert!(too_large.refusal().contains("larger than 64 KiB"));
    let not_text = EnvironmentFile::with(b"SECRET=\xff\xfe\n");
    assert!(not_text.refusal().contains("not UTF-8"));
    let folder = TempDir::new().unwrap();
    let refusal = Environment::load_from(folder.path()).unwrap_err().to_string();
    assert!(refusal.contains("not a regular file") || refusal.contains("cannot be read"), "{refusal}");
}

/// case 9
#[test]
fn a_value_that_doubles_itself_with_each_line_is_refused_before_it_fills_the_memory() {
    let doubling = |lines: usize| {
        let entries = (1..=lines).map(|line| format!("A{line}=$A{0}$A{0}\n", line - 1));
        EnvironmentFile::with(format!("A0={}\n\n{}", "canary".repeat(10), entries.collect::<String>()))
    };
    assert_eq!(doubling(3).value("A3").unwrap(), "canary".repeat(80));
    let refusal = doubling(18).refusal();
    assert!(refusal.contains("line 13 ") && refusal.contains("64 KiB") && !refusal.contains("canary"), "{refusal}");
}

/// case 9
#[cfg(unix)]
#[test]
fn a_named_pipe_does_not_hold_the_program_up() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(".env");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert!(Environment::load_from(&path).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let file = EnvironmentFile::with("AUTHGATE_TEST_B=here\n");
    let environment = Environment::load_from(&file.path()).unwrap();
    let refusal = environment.require(["AUTHGATE_TEST_A", "AUTHGATE_TEST_B", "AUTHGATE_TEST_C"]).unwrap_err();
    assert!(refusal.to_string().contains("AUTHGATE_TEST_A, AUTHGATE_TEST_C"), "{refusal}");
}

#[test]
fn values_do_not_show_in_debug_output() {
    let file = EnvironmentFile::with("CLIENT_SECRET=canary\n");
    let environment = Environment::load_from(&file.path()).unwrap();
    let shown = format!("{environment:?}");
    assert!(shown.contains("CLIENT_SECRET") && !shown.contains("canary"));
}
