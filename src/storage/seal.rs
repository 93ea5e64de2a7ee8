use crate::model::{Bytes, Record};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use std::fmt;

/// What a user's records are sealed with, or the store's own.
#[derive(Clone)]
pub(crate) struct Key(pub(super) [u8; Key::BYTES]);

impl Key {
    pub(super) const BYTES: usize = 32;
}

/// Never shows the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Sealed bytes that the key does not open: they are not what was sealed, or were sealed with another key or for
/// another context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open with their key: they are not what was written")]
pub(crate) struct Unsealable;

/// Seals bytes so that who has not the key can neither read nor change them (ChaCha20-Poly1305, RFC 8439).
///
/// Sealed bytes are
///
/// | part | bytes |
/// | --- | --- |
/// | epoch | number, 1 to 5 |
/// | counter | number, 1 to 10 |
/// | ciphertext | as many as were sealed |
/// | tag | 16 |
///
/// Law: no two seals have the same epoch and counter, which together are the nonce: an epoch is one opening of the
/// store, and has one sealer. So it is neither `Clone` nor made anywhere but where the store's keys are opened.
#[derive(Debug)]
pub(crate) struct Sealer {
    epoch: u32,
    next: u64,
}

const TAG: usize = 16;

impl Sealer {
    /// The sealer of an epoch that has had none.
    pub(super) fn new(epoch: u32) -> Sealer {
        Sealer { epoch, next: 0 }
    }

    /// Appends the bytes to `out`, sealed. They open with the same key and context only.
    ///
    /// Takes time in proportion to the bytes, about that of copying them from memory; allocates only where `out` grows.
    pub(crate) fn seal(&mut self, key: &Key, context: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        let nonce = nonce(self.epoch, self.next);
        self.epoch.write(out);
        self.next.write(out);
        self.next = self.next.checked_add(1).expect("2^64 seals take longer than an opening lasts");
        out.reserve(plain.len() + TAG);
        let start = out.len();
        out.extend_from_slice(plain);
        let tag = ChaCha20Poly1305::new((&key.0).into())
            .encrypt_inout_detached(&nonce, context, (&mut out[start..]).into())
            .expect("a record is far below the cipher's 256 GiB");
        out.extend_from_slice(&tag);
    }
}

/// Appends what was sealed to `out`, which is as it was after an error.
///
/// # Errors
/// [`Unsealable`] where a single bit of `sealed`, the key or the context is not as it was.
pub(crate) fn open(key: &Key, context: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Unsealable> {
    let mut from = Bytes::new(sealed);
    let epoch = from.read::<u32>().map_err(|_| Unsealable)?;
    let counter = from.read::<u64>().map_err(|_| Unsealable)?;
    let len = from.left().checked_sub(TAG).ok_or(Unsealable)?;
    let ciphertext = from.take(len, "a sealed record").map_err(|_| Unsealable)?;
    let tag = Tag::from(from.array::<TAG>("a seal").map_err(|_| Unsealable)?);
    let start = out.len();
    out.extend_from_slice(ciphertext);
    let opened = ChaCha20Poly1305::new((&key.0).into()).decrypt_inout_detached(
        &nonce(epoch, counter),
        context,
        (&mut out[start..]).into(),
        &tag,
    );
    opened.map_err(|_| {
        out.truncate(start);
        Unsealable
    })
}

fn nonce(epoch: u32, counter: u64) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[..4].copy_from_slice(&epoch.to_le_bytes());
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(sealer: &mut Sealer, key: &Key, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        sealer.seal(key, context, plain, &mut out);
        out
    }

    fn opened(key: &Key, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let mut out = b"before".to_vec();
        let result = open(key, context, sealed, &mut out);
        assert!(out.starts_with(b"before"));
        if result.is_err() {
            assert_eq!(out, b"before");
        }
        result.map(|()| out.split_off(6))
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(
            key in any::<[u8; 32]>(),
            epoch in any::<u32>(),
            next in 0..u64::MAX,
            context in prop::collection::vec(any::<u8>(), 0..40),
            plain in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let key = Key(key);
            let sealed = sealed(&mut Sealer { epoch, next }, &key, &context, &plain);
            prop_assert_eq!(opened(&key, &context, &sealed), Ok(plain));
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(opened(&Key([1; 32]), b"journal", &bytes), Err(Unsealable));
        }
    }

    #[test]
    fn every_bit_counts() {
        let key = Key([7; 32]);
        let mut sealer = Sealer { epoch: 300, next: 20_000 };
        let sealed = sealed(&mut sealer, &key, b"journal", b"ada bought boots");
        assert_eq!(sealed.len(), 2 + 3 + 16 + TAG);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&key, b"journal", &flipped), Err(Unsealable), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert_eq!(opened(&key, b"journal", &sealed[..len]), Err(Unsealable), "cut to {len}");
        }
        for bit in 0..Key::BYTES * 8 {
            let mut other = key.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&other, b"journal", &sealed), Err(Unsealable), "bit {bit} of the key");
        }
        for context in [&b""[..], b"journa", b"journal ", b"Journal"] {
            assert_eq!(opened(&key, context, &sealed), Err(Unsealable));
        }
        assert_eq!(opened(&key, b"journal", &sealed).as_deref(), Ok(&b"ada bought boots"[..]));
    }

    /// RFC 8439 has its example with a nonce that can be read as an epoch and a counter.
    #[test]
    fn the_example_of_the_standard() {
        let key = Key(std::array::from_fn(|i| 0x80 + i as u8));
        let context = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let plain =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        let mut sealer = Sealer { epoch: 7, next: u64::from_le_bytes(*b"@ABCDEFG") };
        let sealed = sealed(&mut sealer, &key, &context, plain);
        let tag =
            [0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a, 0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91];
        assert!(sealed.ends_with(&tag));
        assert_eq!(sealed[1 + 9..][..4], [0xd3, 0x1a, 0x8d, 0x34]);
    }

    #[test]
    fn no_two_seals_are_alike() {
        let key = Key([7; 32]);
        let mut sealer = Sealer::new(1);
        let first = sealed(&mut sealer, &key, b"", b"the same");
        let second = sealed(&mut sealer, &key, b"", b"the same");
        let third = sealed(&mut Sealer::new(2), &key, b"", b"the same");
        assert_ne!(first[2..], second[2..]);
        assert_ne!(first[2..], third[2..]);
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", Key([250; 32])), "Key(..)");
    }
}
