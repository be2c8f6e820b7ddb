//! Payloads as histories in JSON hold them, in base64: how long one is, and its bytes.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};

/// Bytes that `text` decodes to, without decoding it. Padding may be missing.
pub fn decoded_length(text: &str) -> u64 {
    let digits = text.trim_end_matches('=').len() as u64;
    digits * 6 / 8
}

/// The bytes of `text` in the standard or the URL alphabet; `None` if it is not base64. Padding may be missing.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|letters| GeneralPurpose::new(letters, lenient).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn decodes_the_rfcs_vectors() {
        for (text, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()), "{text}");
            assert_eq!(decoded_length(text), plain.len() as u64, "{text}");
        }
        assert_eq!(decode("Zm9v!"), None);
    }
}
