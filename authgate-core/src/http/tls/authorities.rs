//! Reads the certificate authorities that we trust.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;

use super::pem;
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

/// The authorities that we trust, and where we read them.
pub(in crate::http) struct Authorities {
    roots: RootCertStore,
    /// The number of certificates that we could not use.
    unusable: usize,
    place: String,
    /// Whether the user named the place.
    is_named: bool,
}

impl Authorities {
    /// Reads the authorities in `SSL_CERT_FILE` and `SSL_CERT_DIR` if set, as OpenSSL does,
    /// otherwise the system's.
    pub(in crate::http) fn read() -> Result<Self> {
        let file = set("SSL_CERT_FILE").map(PathBuf::from);
        let directories: Vec<PathBuf> =
            set("SSL_CERT_DIR").map_or_else(Vec::new, |list| env::split_paths(&list).collect());
        if file.is_none() && directories.is_empty() {
            return Self::of_the_system();
        }
        let mut found = Certificates::default();
        if let Some(file) = &file {
            found.read_file(file);
        }
        for directory in &directories {
            found.read_directory(directory);
        }
        let places: Vec<String> = file
            .iter()
            .chain(&directories)
            .map(|path| text::printable_path(path))
            .collect();
        let place = places.join(", ");
        found.trust(&place, true).map_err(|reason| {
            Error::permanent(format!(
                "there is no certificate authority in {place}{reason}. Name a file of PEM certificates in \
                 SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's \
                 authorities"
            ))
        })
    }

    fn of_the_system() -> Result<Self> {
        let mut found = Certificates::default();
        let place = if let Some(bundle) = BUNDLES.iter().map(Path::new).find(|path| path.is_file())
        {
            found.read_file(bundle);
            text::printable_path(bundle)
        } else {
            let loaded = load_native_certs();
            found.usable = loaded.certs;
            if !loaded.errors.is_empty() {
                found.fail("the system cannot list them");
            }
            "this system".to_owned()
        };
        found.trust(&place, false).map_err(|reason| {
            Error::permanent(format!(
                "this system has no certificate authorities{reason}. Install them (package ca-certificates), or name a \
                 file of PEM certificates in SSL_CERT_FILE"
            ))
        })
    }

    /// Builds the configuration for https: it trusts these authorities and nobody else.
    pub(in crate::http) fn configuration(&self) -> Result<ClientConfig> {
        Ok(super::builder()?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth())
    }

    /// Returns whether these are the same authorities, wherever we read them.
    pub(in crate::http) fn are_the_same_as(&self, other: &Self) -> bool {
        self.roots.roots == other.roots.roots
    }

    /// Says that none of these authorities issued a certificate, and what to do.
    pub(super) fn none_issued_it(&self) -> (String, &'static str) {
        let place = &self.place;
        let trusted = match self.roots.len() {
            1 => format!("the authority in {place} did not issue it"),
            number => format!("none of the {number} authorities in {place} issued it"),
        };
        let unusable = match self.unusable {
            0 => String::new(),
            1 => "; 1 certificate there cannot be used".to_owned(),
            number => format!("; {number} certificates there cannot be used"),
        };
        let advice = if self.is_named {
            "Add the certificate of the authority that issued it. If it is there, the server's operator must make the \
             server send its intermediate certificates"
        } else {
            super::UNKNOWN_ISSUER
        };
        (trusted + &unusable, advice)
    }
}

/// Returns a variable's value, unless it is empty.
fn set(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// The certificates that we found in files.
#[derive(Default)]
struct Certificates {
    usable: Vec<CertificateDer<'static>>,
    unusable: usize,
    /// The reason why the first one that failed cannot be used.
    reason: Option<String>,
    /// The files that we have read. A folder made by `openssl rehash` links to each file twice.
    files: BTreeSet<PathBuf>,
}

impl Certificates {
    fn read_directory(&mut self, directory: &Path) {
        let files = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let files = match files {
            Ok(files) => files,
            Err(error) => return self.fail(&Cause::innermost(&error).to_string()),
        };
        // A broken link or another folder is no error.
        let files = files.iter().map(fs::DirEntry::path);
        for file in files.filter(|path| path.is_file()) {
            self.read_file(&file);
        }
    }

    fn read_file(&mut self, path: &Path) {
        let content = match self.read_new(path) {
            Ok(content) => content,
            Err(error) => return self.fail(&Cause::innermost(&error).to_string()),
        };
        for certificate in pem::certificates(&content) {
            match certificate {
                Ok(certificate) => self.usable.push(certificate),
                Err(reason) => {
                    self.unusable += 1;
                    self.fail(reason);
                }
            }
        }
    }

    /// Reads a file, unless we have read it before. Opens only a regular file, because opening a
    /// pipe would wait for its writer.
    fn read_new(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let path = fs::canonicalize(path)?;
        if !fs::metadata(&path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if !self.files.insert(path.clone()) {
            return Ok(Vec::new());
        }
        fs::read(path)
    }

    fn fail(&mut self, reason: &str) {
        self.reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Returns the authorities that can be used. If there is none, returns the reason in brackets.
    fn trust(mut self, place: &str, is_named: bool) -> Result<Authorities, String> {
        self.usable
            .sort_unstable_by(|one, other| one.as_ref().cmp(other));
        self.usable.dedup();
        let mut roots = RootCertStore::empty();
        let (_, unparsable) = roots.add_parsable_certificates(self.usable);
        if roots.is_empty() {
            return Err(self
                .reason
                .map_or_else(String::new, |reason| format!(" ({reason})")));
        }
        Ok(Authorities {
            roots,
            unusable: self.unusable + unparsable,
            place: place.to_owned(),
            is_named,
        })
    }
}
