use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The key under which values are kept as hashes. Whoever does not have it cannot find a value by trying many.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct HashKey(Box<str>);

impl HashKey {
    pub(crate) fn new(key: &str) -> HashKey {
        HashKey(key.into())
    }

    /// What is kept of a text (HMAC-SHA-256, RFC 2104, its first half): 32 hexadecimal digits, the same on every machine.
    pub(crate) fn hash(&self, text: &str) -> String {
        let keyed: Result<Hmac<Sha256>, _> = Hmac::new_from_slice(self.0.as_bytes());
        let mut hash = keyed.expect("HMAC takes keys of any length");
        hash.update(text.as_bytes());
        hash.finalize().into_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(‹hidden›)")
    }
}
