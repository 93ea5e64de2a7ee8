//! State as bytes: what the store keeps of every room. Short, the same on every machine, and read back with an error
//! for whatever is not what was written.
//!
//! | type | bytes |
//! | --- | --- |
//! | `u8`, `bool` | one |
//! | `u16`, `u32`, `u64`, `usize` | seven bits a byte, the low ones first; the high bit says that more follow |
//! | `i64`, [`Instant`], [`Duration`] | the same, of the number folded so that small ones of either sign are short |
//! | `f32`, `f64`, `u128` | four, eight and sixteen, little-endian |
//! | texts | length, then UTF-8 |
//! | `Option` | 0, or 1 and the value |
//! | lists | length, then the elements |
//! | tuples and structs | their parts in order |

use crate::model::{Duration, Instant};
use smallvec::{Array, SmallVec};
use std::sync::Arc;

/// Bytes that are not what was written: cut off, or of another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read, {left} bytes before the end of its record")]
pub(crate) struct Malformed {
    /// What was to be read.
    pub(crate) what: &'static str,
    /// How many bytes were left.
    pub(crate) left: usize,
}

/// What is written as bytes and read back.
///
/// Law: `read` of what `write` wrote gives an equal value and takes exactly those bytes; `read` of any other bytes gives
/// a value or [`Malformed`], in time and memory linear in the bytes.
pub(crate) trait Record: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Bytes<'_>) -> Result<Self, Malformed>;
}

/// Far above what can be counted, and far below where sums and products of a few would overflow.
pub(crate) const SUM_MAX: f64 = 1e200;

/// Bytes that are being read.
#[derive(Clone, Debug)]
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes(bytes)
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, left: self.0.len() }
    }

    /// The next so many bytes.
    pub(crate) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(|| self.malformed(what))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| self.malformed(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.len("a text")?;
        let before = self.clone();
        std::str::from_utf8(self.take(len, "a text")?).map_err(|_| before.malformed("a text"))
    }

    /// The length of a list or text: at most as many as there are bytes left, since each element takes one at least.
    pub(crate) fn len(&mut self, what: &'static str) -> Result<usize, Malformed> {
        let len = usize::read(self)?;
        if len > self.left() { Err(self.malformed(what)) } else { Ok(len) }
    }

    /// A number that is counted on from: far from where it would overflow.
    pub(crate) fn counter(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.valid(what, |count: &u64| *count <= u64::MAX / 2)
    }

    /// A sum of weights, at most [`SUM_MAX`].
    pub(crate) fn weight(&mut self, what: &'static str) -> Result<f64, Malformed> {
        self.valid(what, |weight: &f64| (0.0..=SUM_MAX).contains(weight))
    }

    /// A value that holds what the code behind relies on.
    pub(crate) fn valid<T: Record>(
        &mut self,
        what: &'static str,
        is_valid: impl FnOnce(&T) -> bool,
    ) -> Result<T, Malformed> {
        let before = self.clone();
        let value = T::read(self)?;
        if is_valid(&value) { Ok(value) } else { Err(before.malformed(what)) }
    }

    pub(crate) fn read<T: Record>(&mut self) -> Result<T, Malformed> {
        T::read(self)
    }

    /// Says that all has been read.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(self.malformed("an end")) }
    }
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    text.len().write(out);
    out.extend_from_slice(text.as_bytes());
}

/// Writes a list of anything that can be gone through.
pub(crate) fn write_all<'a, T: Record + 'a>(all: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) {
    all.len().write(out);
    all.for_each(|one| one.write(out));
}

impl Record for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(from: &mut Bytes<'_>) -> Result<u8, Malformed> {
        Ok(from.array::<1>("a byte")?[0])
    }
}

impl Record for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(from: &mut Bytes<'_>) -> Result<bool, Malformed> {
        match u8::read(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(from.malformed("a truth")),
        }
    }
}

impl Record for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn read(from: &mut Bytes<'_>) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = u8::read(from)?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(from.malformed("a number"))
    }
}

macro_rules! unsigned {
    ($($t:ty),*) => {$(
        impl Record for $t {
            fn write(&self, out: &mut Vec<u8>) {
                (*self as u64).write(out);
            }

            fn read(from: &mut Bytes<'_>) -> Result<$t, Malformed> {
                u64::read(from)?.try_into().map_err(|_| from.malformed("a number"))
            }
        }
    )*};
}
unsigned!(u16, u32, usize);

/// Small numbers of either sign become small ones.
pub(crate) fn folded(n: i64) -> u64 {
    (n << 1 ^ n >> 63) as u64
}

/// The number that was [folded].
pub(crate) fn unfolded(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

impl Record for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        folded(*self).write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<i64, Malformed> {
        Ok(unfolded(u64::read(from)?))
    }
}

impl Record for f64 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn read(from: &mut Bytes<'_>) -> Result<f64, Malformed> {
        Ok(f64::from_bits(u64::from_le_bytes(from.array("a number")?)))
    }
}

impl Record for f32 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn read(from: &mut Bytes<'_>) -> Result<f32, Malformed> {
        Ok(f32::from_bits(u32::from_le_bytes(from.array("a number")?)))
    }
}

impl Record for u128 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn read(from: &mut Bytes<'_>) -> Result<u128, Malformed> {
        Ok(u128::from_le_bytes(from.array("a number")?))
    }
}

impl Record for Instant {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_millis().write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Instant, Malformed> {
        let millis = i64::read(from)?;
        let at = Instant::from_millis(millis);
        // Instants beyond the calendar are cut to it when they are made.
        if at.as_millis() == millis { Ok(at) } else { Err(from.malformed("an instant")) }
    }
}

impl Record for Duration {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_millis().write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Duration, Malformed> {
        let millis = i64::read(from)?;
        let duration = Duration::from_millis(millis);
        if duration.as_millis() == millis { Ok(duration) } else { Err(from.malformed("a duration")) }
    }
}

macro_rules! text {
    ($($t:ty),*) => {$(
        impl Record for $t {
            fn write(&self, out: &mut Vec<u8>) {
                write_text(self, out);
            }

            fn read(from: &mut Bytes<'_>) -> Result<$t, Malformed> {
                Ok(from.text()?.into())
            }
        }
    )*};
}
text!(String, Box<str>, Arc<str>);

impl<T: Record> Record for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Option<T>, Malformed> {
        Ok(if bool::read(from)? { Some(T::read(from)?) } else { None })
    }
}

impl<T: Record> Record for Box<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Box<T>, Malformed> {
        T::read(from).map(Box::new)
    }
}

impl<T: Record> Record for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        write_all(self.iter(), out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<Vec<T>, Malformed> {
        let len = from.len("a list")?;
        // Not made in full at once: elements may be larger than their bytes, and the length is not yet believed.
        let mut list = Vec::with_capacity(len.min(64));
        for _ in 0..len {
            list.push(T::read(from)?);
        }
        list.shrink_to_fit();
        Ok(list)
    }
}

impl<A: Array<Item: Record>> Record for SmallVec<A> {
    fn write(&self, out: &mut Vec<u8>) {
        write_all(self.iter(), out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<SmallVec<A>, Malformed> {
        Ok(Vec::read(from)?.into())
    }
}

macro_rules! tuple {
    ($($name:ident),*) => {
        impl<$($name: Record),*> Record for ($($name,)*) {
            #[allow(non_snake_case)]
            fn write(&self, out: &mut Vec<u8>) {
                let ($($name,)*) = self;
                $($name.write(out);)*
            }

            fn read(from: &mut Bytes<'_>) -> Result<Self, Malformed> {
                Ok(($($name::read(from)?,)*))
            }
        }
    };
}
tuple!(A, B);
tuple!(A, B, C);
tuple!(A, B, C, D);

/// Makes structs records of their fields, in the order that is given here.
macro_rules! record {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl $crate::model::Record for $name {
            fn write(&self, out: &mut Vec<u8>) {
                let $name { $($field),* } = self;
                $($crate::model::Record::write($field, out);)*
            }

            fn read(from: &mut $crate::model::Bytes<'_>) -> Result<Self, $crate::model::Malformed> {
                Ok($name { $($field: $crate::model::Record::read(from)?),* })
            }
        }
    )*};
}
pub(crate) use record;

/// Makes enums without content records of a byte each. What a byte means never changes.
macro_rules! record_choice {
    ($($name:ident { $($byte:literal => $choice:ident),* $(,)? })*) => {$(
        impl $crate::model::Record for $name {
            fn write(&self, out: &mut Vec<u8>) {
                out.push(match self {
                    $($name::$choice => $byte),*
                });
            }

            fn read(from: &mut $crate::model::Bytes<'_>) -> Result<Self, $crate::model::Malformed> {
                match u8::read(from)? {
                    $($byte => Ok($name::$choice),)*
                    _ => Err(from.malformed("one of several words")),
                }
            }
        }
    )*};
}
pub(crate) use record_choice;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Debug;

    fn same<T: Record + PartialEq + Debug>(value: T) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let mut from = Bytes::new(&bytes);
        assert_eq!(T::read(&mut from).as_ref(), Ok(&value));
        assert_eq!(from.left(), 0);
        // Whatever is cut off is missed.
        assert!(bytes.is_empty() || T::read(&mut Bytes::new(&bytes[..bytes.len() - 1])).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers in prop::collection::vec(any::<(u64, i64)>(), 0..5),
            text in ".{0,20}",
            maybe in any::<Option<(u32, bool)>>(),
            float in any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()),
            wide in any::<u128>(),
        ) {
            same(numbers);
            same(text);
            same(maybe);
            same((float, wide));
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Vec::<(String, Option<i64>, Vec<f64>)>::read(&mut Bytes::new(&bytes));
            let _ = Vec::<Instant>::read(&mut Bytes::new(&bytes));
        }
    }

    #[test]
    fn small_numbers_are_short() {
        for (number, len) in [(0, 1), (-1, 1), (63, 1), (-64, 1), (64, 2), (i64::MIN, 10), (i64::MAX, 10)] {
            let mut bytes = Vec::new();
            number.write(&mut bytes);
            assert_eq!(bytes.len(), len, "{number}");
            same(number);
        }
        same(Instant::MIN);
        same(Instant::MAX);
    }

    #[test]
    fn a_length_is_not_believed() {
        let mut bytes = Vec::new();
        u64::MAX.write(&mut bytes);
        assert!(Vec::<u8>::read(&mut Bytes::new(&bytes)).is_err());
        assert!(String::read(&mut Bytes::new(&bytes)).is_err());
        assert!(u64::read(&mut Bytes::new(&[0xFF; 11])).is_err());
        assert!(u32::read(&mut Bytes::new(&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F])).is_err());
    }
}
