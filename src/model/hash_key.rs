use crate::model::sha256::keyed_sha256;
use std::fmt;

/// The key under which values are kept as hashes. Whoever does not have it cannot find a value by trying many.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct HashKey(Box<str>);

impl HashKey {
    pub(crate) fn new(key: &str) -> HashKey {
        HashKey(key.into())
    }

    /// What is kept of a text: 32 hexadecimal digits, the same on every machine.
    pub(crate) fn hash(&self, text: &str) -> String {
        let hash = keyed_sha256(self.0.as_bytes(), text.as_bytes());
        hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(‹hidden›)")
    }
}
