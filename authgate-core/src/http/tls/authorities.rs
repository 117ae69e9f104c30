//! Reads the certificate authorities that we trust.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_native_certs::{
    CertificateResult, Error as LoadError, ErrorKind, load_certs_from_paths, load_native_certs,
};

use crate::error::{Cause, Error, Result};
use crate::text;

/// The files in which distributions bundle all authorities. Reading one file takes a quarter of the
/// time that the file and the directory beside it take together.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",                  // Alpine, the BSDs
];

/// Reads the authorities in `SSL_CERT_FILE` and `SSL_CERT_DIR` if set, as OpenSSL does, otherwise
/// the system's.
pub(super) fn read() -> Result<RootCertStore> {
    let file = set("SSL_CERT_FILE").map(PathBuf::from);
    let directories: Vec<PathBuf> =
        set("SSL_CERT_DIR").map_or_else(Vec::new, |list| env::split_paths(&list).collect());
    if file.is_none() && directories.is_empty() {
        return of_the_system();
    }
    let from_file = file.iter().map(|file| load_file(file));
    let from_directories = directories
        .iter()
        .map(|directory| load_certs_from_paths(None, Some(directory)));
    trusting(from_file.chain(from_directories)).map_err(|reason| {
        let places: Vec<String> =
            file.iter().chain(&directories).map(|path| text::printable(&path.to_string_lossy())).collect();
        Error::permanent(format!(
            "there is no certificate authority in {}{reason}. Name a file of PEM certificates in SSL_CERT_FILE, or a \
             folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities",
            places.join(", ")
        ))
    })
}

/// Returns a variable's value, unless it is empty.
fn set(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

fn of_the_system() -> Result<RootCertStore> {
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    let loaded = bundle.map_or_else(load_native_certs, |bundle| {
        load_certs_from_paths(Some(bundle), None)
    });
    trusting([loaded]).map_err(|reason| {
        Error::permanent(format!(
            "this system has no certificate authorities{reason}. Install them (package ca-certificates), or name a \
             file of PEM certificates in SSL_CERT_FILE"
        ))
    })
}

/// Opens only a regular file, because opening a pipe would wait for its writer.
fn load_file(path: &Path) -> CertificateResult {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let kind = ErrorKind::Io {
            inner: io::Error::other("not a regular file"),
            path: path.to_owned(),
        };
        let mut refused = CertificateResult::default();
        refused.errors.push(LoadError {
            context: "not opened",
            kind,
        });
        return refused;
    }
    load_certs_from_paths(Some(path), None)
}

/// Collects every certificate that was read. If there is none, returns the reason in brackets.
fn trusting(loaded: impl IntoIterator<Item = CertificateResult>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let mut errors = Vec::new();
    for part in loaded {
        roots.add_parsable_certificates(part.certs);
        errors.extend(part.errors);
    }
    if roots.is_empty() {
        return Err(errors
            .first()
            .map_or_else(String::new, |error| format!(" ({})", reason(&error.kind))));
    }
    Ok(roots)
}

/// Says why a file was not read. We do not show the parser's message, because it quotes the file,
/// which may hold a private key.
fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Io { inner, .. } => Cause::innermost(inner).to_string(),
        ErrorKind::Pem(_) => super::MALFORMED_PEM.to_owned(),
        _ => "the system cannot list them".to_owned(),
    }
}
