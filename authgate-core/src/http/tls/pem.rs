//! Reads certificates from PEM as OpenSSL reads them, so that a file that works for `curl` and for
//! Python works here.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

// The tags of DER.
const SEQUENCE: u8 = 0x30;
const REJECTED_USES: u8 = 0xa0;

/// The uses that cover a TLS server: `serverAuth` and `anyExtendedKeyUsage`, in DER.
const SERVER_USES: [&[u8]; 2] = [
    b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01",
    b"\x06\x04\x55\x1d\x25\x00",
];

/// Returns each certificate of a file, or the reason why we cannot use it. We do not show the
/// parser's message, because it quotes the file, which may hold a private key.
pub(super) fn certificates(file: &[u8]) -> Vec<Result<CertificateDer<'static>, &'static str>> {
    let pem = with_common_labels(file);
    CertificateDer::pem_slice_iter(&pem)
        .map(|block| match block {
            Ok(block) => for_servers(&block),
            Err(_) => Err("malformed PEM, perhaps with the characters \\n for line breaks"),
        })
        .collect()
}

/// Replaces OpenSSL's two other labels of a certificate by the common one, and drops byte order
/// marks, which an editor puts at the beginning of a file, and `cat` into the middle of a bundle.
fn with_common_labels(file: &[u8]) -> Vec<u8> {
    let mut pem = Vec::with_capacity(file.len());
    for line in file.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let (marker, label) = [b"-----BEGIN ".as_slice(), b"-----END "]
            .into_iter()
            .find_map(|marker| Some((marker, line.strip_prefix(marker)?)))
            .unwrap_or((b"", line));
        let common = [b"TRUSTED ".as_slice(), b"X509 "]
            .into_iter()
            .find_map(|kind| label.strip_prefix(kind))
            .filter(|label| !marker.is_empty() && label.starts_with(b"CERTIFICATE-----"));
        pem.extend_from_slice(marker);
        pem.extend_from_slice(common.unwrap_or(label));
    }
    pem
}

/// Returns the certificate without the trust settings that OpenSSL may have put behind it.
fn for_servers(block: &[u8]) -> Result<CertificateDer<'static>, &'static str> {
    let settings = element(block).map_or(&[][..], |(_, _, rest)| rest);
    if !allow_servers(settings) {
        return Err("OpenSSL's trust settings in it exclude servers");
    }
    let certificate = &block[..block.len() - settings.len()];
    Ok(CertificateDer::from(certificate.to_vec()))
}

/// Returns whether trust settings allow a TLS server: a sequence of the uses that are allowed, if
/// they are limited, the uses that are rejected, and more that does not matter here.
fn allow_servers(settings: &[u8]) -> bool {
    let Some((SEQUENCE, mut settings, _)) = element(settings) else {
        return settings.is_empty();
    };
    let name_servers = |uses: &[u8]| {
        SERVER_USES
            .iter()
            .any(|server| uses.windows(server.len()).any(|part| part == *server))
    };
    while let Some((tag, uses, rest)) = element(settings) {
        let excluded = match tag {
            SEQUENCE => !uses.is_empty() && !name_servers(uses),
            REJECTED_USES => name_servers(uses),
            _ => false,
        };
        if excluded {
            return false;
        }
        settings = rest;
    }
    true
}

/// Splits off the first element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        // No certificate needs more than three bytes for its length.
        if digits.len() > 3 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
