use crate::model::{Bytes, Record};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

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

/// Seals bytes so that who has not the key cannot read them (ChaCha20, RFC 8439), and a record that is damaged or in
/// the place of another one is not taken for what it was.
///
/// Sealed bytes are
///
/// | part | bytes |
/// | --- | --- |
/// | epoch | number, 1 to 5 |
/// | counter | number, 1 to 10 |
/// | ciphertext | as many as were sealed |
/// | check, in cipher | 8: XXH3 of the bytes, seeded with that of context and nonce |
///
/// Why no authentication tag: the keys are in the same folder, so whoever can change what is sealed can seal it again. A
/// tag would tell nobody of that, and costs as much as the cipher.
///
/// Law: no two seals have the same epoch and counter, which together are the nonce: an epoch is one opening of the
/// store, and has one sealer. So it is neither `Clone` nor made anywhere but where the store's keys are opened.
#[derive(Debug)]
pub(crate) struct Sealer {
    epoch: u32,
    next: AtomicU64,
}

const CHECK: usize = 8;
/// Bytes of key stream that the processor's wide registers make in the time of any part of them.
pub(super) const STRIDE: usize = 256;
type Nonce = [u8; 12];

impl Sealer {
    /// The sealer of an epoch that has had none.
    pub(super) fn new(epoch: u32) -> Sealer {
        Sealer { epoch, next: AtomicU64::new(0) }
    }

    /// Appends the bytes to `out`, sealed. They open with the same key and context only.
    ///
    /// Takes time in proportion to the bytes, about that of copying them from memory; allocates only where `out` grows.
    pub(crate) fn seal(&self, key: &Key, context: &[u8], plain: &[u8], out: &mut Vec<u8>) {
        // Only that no two have the same matters. (2^64 seals take longer than an opening lasts.)
        let counter = self.next.fetch_add(1, Ordering::Relaxed);
        let nonce = nonce(self.epoch, counter);
        self.epoch.write(out);
        counter.write(out);
        let start = out.len();
        out.reserve((plain.len() + CHECK).next_multiple_of(STRIDE));
        out.extend_from_slice(plain);
        out.extend_from_slice(&check(context, &nonce, plain).to_le_bytes());
        apply_stream(key, &nonce, start, out);
    }
}

/// Appends what was sealed to `out`, which is as it was after an error.
///
/// # Errors
/// [`Unsealable`] where `sealed`, the key or the context is not as it was.
pub(crate) fn open(key: &Key, context: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Unsealable> {
    let mut from = Bytes::new(sealed);
    let epoch = from.read::<u32>().map_err(|_| Unsealable)?;
    let counter = from.read::<u64>().map_err(|_| Unsealable)?;
    let rest = from.take(from.left(), "a sealed record").map_err(|_| Unsealable)?;
    let len = rest.len().checked_sub(CHECK).ok_or(Unsealable)?;
    let nonce = nonce(epoch, counter);
    let start = out.len();
    out.reserve(rest.len().next_multiple_of(STRIDE));
    out.extend_from_slice(rest);
    apply_stream(key, &nonce, start, out);
    let is_whole = out[start + len..] == check(context, &nonce, &out[start..start + len]).to_le_bytes();
    out.truncate(if is_whole { start + len } else { start });
    if is_whole { Ok(()) } else { Err(Unsealable) }
}

/// Opens bytes where they are. After an error they are of no use.
///
/// # Errors
/// As for [`open`].
pub(crate) fn open_in_place(key: &Key, context: &[u8], bytes: &mut Vec<u8>) -> Result<(), Unsealable> {
    let mut from = Bytes::new(bytes);
    let epoch = from.read::<u32>().map_err(|_| Unsealable)?;
    let counter = from.read::<u64>().map_err(|_| Unsealable)?;
    let len = from.left().checked_sub(CHECK).ok_or(Unsealable)?;
    let nonce = nonce(epoch, counter);
    let head = bytes.len() - from.left();
    bytes.drain(..head);
    apply_stream(key, &nonce, 0, bytes);
    let is_whole = bytes[len..] == check(context, &nonce, &bytes[..len]).to_le_bytes();
    bytes.truncate(len);
    if is_whole { Ok(()) } else { Err(Unsealable) }
}

/// Seals or opens the bytes from a place on. What is not a multiple of the stride costs as if it were, several times over
/// where it is made block by block: so whole strides are made, and what is too much is cut off.
fn apply_stream(key: &Key, nonce: &Nonce, start: usize, out: &mut Vec<u8>) {
    let end = out.len();
    out.resize(start + (end - start).next_multiple_of(STRIDE), 0);
    ChaCha20::new((&key.0).into(), nonce.into()).apply_keystream(&mut out[start..]);
    out.truncate(end);
}

fn nonce(epoch: u32, counter: u64) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[..4].copy_from_slice(&epoch.to_le_bytes());
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// Also tells the length of the context from what follows it.
fn check(context: &[u8], nonce: &Nonce, plain: &[u8]) -> u64 {
    xxh3_64_with_seed(plain, xxh3_64_with_seed(nonce, xxh3_64(context)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(sealer: &Sealer, key: &Key, context: &[u8], plain: &[u8]) -> Vec<u8> {
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
            let sealed = sealed(&Sealer { epoch, next: next.into() }, &key, &context, &plain);
            let mut in_place = sealed.clone();
            prop_assert_eq!(open_in_place(&key, &context, &mut in_place), Ok(()));
            prop_assert_eq!(&in_place, &plain);
            prop_assert_eq!(opened(&key, &context, &sealed), Ok(plain));
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(opened(&Key([1; 32]), b"journal", &bytes), Err(Unsealable));
            prop_assert_eq!(open_in_place(&Key([1; 32]), b"journal", &mut bytes.clone()), Err(Unsealable));
        }
    }

    #[test]
    fn every_bit_counts() {
        let key = Key([7; 32]);
        let sealer = Sealer { epoch: 300, next: 20_000.into() };
        let sealed = sealed(&sealer, &key, b"journal", b"ada bought boots");
        assert_eq!(sealed.len(), 2 + 3 + 16 + CHECK);
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

    /// RFC 8439, A.1: the key stream of zeros.
    #[test]
    fn the_example_of_the_standard() {
        let sealed = sealed(&Sealer::new(0), &Key([0; 32]), b"", &[0; 32]);
        let stream = [
            0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28,
            0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
        ];
        assert_eq!(sealed[2..][..32], stream);
    }

    #[test]
    fn no_two_seals_are_alike() {
        let key = Key([7; 32]);
        let sealer = Sealer::new(1);
        let first = sealed(&sealer, &key, b"", b"the same");
        let second = sealed(&sealer, &key, b"", b"the same");
        let third = sealed(&Sealer::new(2), &key, b"", b"the same");
        assert_ne!(first[2..], second[2..]);
        assert_ne!(first[2..], third[2..]);
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", Key([250; 32])), "Key(..)");
    }
}
