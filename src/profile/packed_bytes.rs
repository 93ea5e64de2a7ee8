//! Packed values as bytes, each text once in a record.
//!
//! A value begins with a number whose low three bits say what it is, and the others, `n`, how much of it:
//!
//! | bits | value |
//! | --- | --- |
//! | 0 | by `n`: missing, false, true, a float of eight bytes, a place, a list, a number of more than sixty bits |
//! | 1 | the text number `n` of the record |
//! | 2 | a new text: as many bytes as the next byte says of the one before it, then `n` of its own |
//! | 3 | a new text: `n` bytes of the one before it, then a number in decimal digits |
//! | 4 | the whole number `n` |
//! | 5 | the float that is `n` hundredths |
//! | 6 | the instant `n` |
//!
//! Ids of items are most of what is kept, and most of them differ in a number only.

use crate::model::{Bytes, Instant, Malformed, Record, Value, folded, unfolded, write_all};
use crate::profile::symbols::hundredths;
use crate::profile::{Packed, Symbol, Symbols, Unpacked};
use hashbrown::HashMap;
use smallvec::SmallVec;

const OTHER: u64 = 0;
const KNOWN: u64 = 1;
const TEXT: u64 = 2;
const NUMBERED: u64 = 3;
const INT: u64 = 4;
const HUNDREDTHS: u64 = 5;
const INSTANT: u64 = 6;

// What is behind `OTHER`.
const MISSING: u64 = 0;
const FALSE: u64 = 1;
const TRUE: u64 = 2;
const FLOAT: u64 = 3;
const GEO: u64 = 4;
const LIST: u64 = 5;
const WIDE: u64 = 6;

/// Most bytes that a text takes over from the one before: so a record cannot stand for much more than it is long.
const SHARED_MAX: usize = 127;
/// Longest number that a text ends with, in digits.
const DIGITS_MAX: usize = 18;

fn head(kind: u64, n: u64, out: &mut Vec<u8>) {
    (n << 3 | kind).write(out);
}

/// Folded; nothing where three bits more have no room.
fn short(n: i64) -> Option<u64> {
    Some(folded(n)).filter(|folded| folded >> 61 == 0)
}

/// Texts of a record that are looked for one after the other: most records have no more, and a table that is made for
/// each record costs more than that.
const FEW: usize = 32;

/// The numbers in a record of the texts that are in it, in order.
#[derive(Debug, Default)]
struct Known {
    few: SmallVec<[Symbol; FEW]>,
    /// Those behind the first few.
    more: Option<HashMap<Symbol, u64, ahash::RandomState>>,
}

impl Known {
    /// The number of a text; one that has none gets the next.
    fn number(&mut self, symbol: Symbol) -> Option<u64> {
        if let Some(place) = self.few.iter().position(|known| *known == symbol) {
            return Some(place as u64);
        }
        if self.few.len() < FEW {
            self.few.push(symbol);
            return None;
        }
        let more = self.more.get_or_insert_default();
        let number = (FEW + more.len()) as u64;
        let first = *more.entry(symbol).or_insert(number);
        (first < number).then_some(first)
    }
}

/// Writes the packed values and texts of one record.
#[derive(Debug)]
pub(crate) struct PackedWriter<'s> {
    symbols: &'s Symbols,
    known: Known,
    /// The text that was new last.
    last: &'s str,
}

impl<'s> PackedWriter<'s> {
    pub(crate) fn new(symbols: &'s Symbols) -> PackedWriter<'s> {
        PackedWriter { symbols, known: Known::default(), last: "" }
    }

    pub(crate) fn value(&mut self, value: Packed, out: &mut Vec<u8>) {
        match self.symbols.unpack(value) {
            Unpacked::Missing => head(OTHER, MISSING, out),
            Unpacked::Bool(b) => head(OTHER, if b { TRUE } else { FALSE }, out),
            Unpacked::Int(n) => match short(n) {
                Some(n) => head(INT, n, out),
                None => {
                    head(OTHER, WIDE, out);
                    n.write(out);
                }
            },
            Unpacked::Float(x) => match hundredths(x).and_then(short) {
                Some(n) => head(HUNDREDTHS, n, out),
                None => {
                    head(OTHER, FLOAT, out);
                    x.write(out);
                }
            },
            Unpacked::Text(symbol) => self.text(symbol, out),
            // No instant is so far away that it has no room.
            Unpacked::Instant(at) => head(INSTANT, short(at.as_millis()).unwrap_or(0), out),
            Unpacked::Geo(geo) => {
                head(OTHER, GEO, out);
                geo.write(out);
            }
            Unpacked::List(list) => {
                head(OTHER, LIST, out);
                write_all(list.iter(), out);
            }
        }
    }

    pub(crate) fn text(&mut self, symbol: Symbol, out: &mut Vec<u8>) {
        if let Some(number) = self.known.number(symbol) {
            return head(KNOWN, number, out);
        }
        let text = self.symbols.text(symbol);
        let (bytes, last) = (text.as_bytes(), self.last.as_bytes());
        let shared = bytes.iter().zip(last).take(SHARED_MAX).take_while(|(a, b)| a == b).count();
        match numbered(text, shared) {
            Some((shared, n)) => {
                head(NUMBERED, shared as u64, out);
                n.write(out);
            }
            None => {
                let own = &bytes[shared..];
                head(TEXT, own.len() as u64, out);
                out.push(shared as u8);
                out.extend_from_slice(own);
            }
        }
        self.last = text;
    }
}

/// How much of a text is before a number at its end, and the number, where it begins within so many first bytes.
fn numbered(text: &str, within: usize) -> Option<(usize, u64)> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().rev().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count();
    // Zeros before a number would not come back.
    let starts = bytes.len() - digits..bytes.len();
    let start = starts.take_while(|at| *at <= within).filter(|at| bytes[*at] != b'0').last()?;
    Some((start, text[start..].parse().ok()?))
}

/// Reads the packed values and texts of one record. The shares that it takes are given back with it, unless they are
/// [kept](PackedReader::keep): so whoever reads can stop at anything that is not what was written.
#[derive(Debug)]
pub(crate) struct PackedReader<'s> {
    symbols: &'s mut Symbols,
    texts: SmallVec<[Symbol; FEW]>,
    taken: SmallVec<[Packed; 2 * FEW]>,
    /// The text that is being read.
    text: SmallVec<[u8; 2 * FEW]>,
}

impl Drop for PackedReader<'_> {
    fn drop(&mut self) {
        self.taken.drain(..).for_each(|packed| self.symbols.release(packed));
    }
}

impl<'s> PackedReader<'s> {
    pub(crate) fn new(symbols: &'s mut Symbols) -> PackedReader<'s> {
        PackedReader { symbols, texts: SmallVec::new(), taken: SmallVec::new(), text: SmallVec::new() }
    }

    /// Says that all shares are in what was read.
    pub(crate) fn keep(mut self) {
        self.taken.clear();
    }

    pub(crate) fn symbols(&self) -> &Symbols {
        self.symbols
    }

    pub(crate) fn value(&mut self, from: &mut Bytes<'_>) -> Result<Packed, Malformed> {
        let head = u64::read(from)?;
        let n = head >> 3;
        let value = match head & 7 {
            OTHER => match n {
                MISSING => Value::Null,
                FALSE => Value::Bool(false),
                TRUE => Value::Bool(true),
                FLOAT => Value::Float(from.read()?),
                GEO => Value::Geo(from.read()?),
                LIST => {
                    let list: Vec<Value> = from.read()?;
                    if !list.iter().all(is_sound) {
                        return Err(from.malformed("a list"));
                    }
                    return Ok(self.take(|symbols| symbols.pack_objects(list)));
                }
                WIDE => Value::Int(from.read()?),
                _ => return Err(from.malformed("a value")),
            },
            INT => Value::Int(unfolded(n)),
            HUNDREDTHS => Value::Float(unfolded(n) as f64 / 100.0),
            INSTANT => {
                let at = Instant::checked_from_millis(unfolded(n));
                Value::Instant(at.ok_or_else(|| from.malformed("an instant"))?)
            }
            _ => return Ok(self.text_of(head, from)?.packed()),
        };
        if !is_sound(&value) {
            return Err(from.malformed("a number"));
        }
        Ok(self.take(|symbols| symbols.pack(&value)))
    }

    fn take(&mut self, share: impl FnOnce(&mut Symbols) -> Packed) -> Packed {
        let packed = share(self.symbols);
        self.taken.push(packed);
        packed
    }

    pub(crate) fn text(&mut self, from: &mut Bytes<'_>) -> Result<Symbol, Malformed> {
        let head = u64::read(from)?;
        self.text_of(head, from)
    }

    fn text_of(&mut self, head: u64, from: &mut Bytes<'_>) -> Result<Symbol, Malformed> {
        let malformed = from.malformed("a text");
        let n = usize::try_from(head >> 3).map_err(|_| malformed)?;
        if head & 7 == KNOWN {
            let symbol = *self.texts.get(n).ok_or(malformed)?;
            self.take(|symbols| symbols.share(symbol.packed()));
            return Ok(symbol);
        }
        let last = self.texts.last().map_or("", |last| self.symbols.text(*last)).as_bytes();
        let shared = |len: usize| last.get(..len).filter(|_| len <= SHARED_MAX).ok_or(malformed);
        let text = &mut self.text;
        text.clear();
        match head & 7 {
            TEXT => {
                text.extend_from_slice(shared(u8::read(from)?.into())?);
                text.extend_from_slice(from.take(n, "a text")?);
            }
            NUMBERED => {
                text.extend_from_slice(shared(n)?);
                write_digits(u64::read(from)?, text);
            }
            _ => return Err(malformed),
        }
        let text = std::str::from_utf8(text).map_err(|_| malformed)?;
        let symbol = self.symbols.intern(text);
        self.taken.push(symbol.packed());
        self.texts.push(symbol);
        Ok(symbol)
    }
}

fn write_digits(n: u64, out: &mut SmallVec<[u8; 2 * FEW]>) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), n);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

/// Whether all numbers of a value have an order, and those of places an end, as in every message that was accepted.
fn is_sound(value: &Value) -> bool {
    match value {
        Value::Float(x) => !x.is_nan(),
        Value::Geo(geo) => geo.lat.is_finite() && geo.lon.is_finite(),
        Value::List(list) => list.iter().all(is_sound),
        Value::Object(object) => object.iter().all(|(_, value)| is_sound(value)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Geo, Object};
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let texts = prop_oneof!["(a|sku-|é|è)?[0-9]{0,4}", "[0-9]{15,24}", ".{0,5}"];
        let number = any::<f64>().prop_filter("a value is a number", |x| !x.is_nan());
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-70_i64..70).prop_map(Value::Int),
            number.prop_map(Value::Float),
            (-2_000_i64..10_000).prop_map(|n| Value::Float(n as f64 / 100.0)),
            texts.prop_map(Value::from),
            any::<i64>().prop_map(|ms| Value::Instant(Instant::from_millis(ms))),
            (-90.0..90.0, -180.0..180.0).prop_map(|(lat, lon)| Value::Geo(Geo { lat, lon })),
            prop::collection::vec("[a-c]{0,2}", 0..3).prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in prop::collection::vec(value(), 0..20)) {
            let mut symbols = Symbols::default();
            let packed: Vec<Packed> = values.iter().map(|value| symbols.pack(value)).collect();
            let mut bytes = Vec::new();
            let mut writer = PackedWriter::new(&symbols);
            packed.iter().for_each(|value| writer.value(*value, &mut bytes));
            let mut other = Symbols::default();
            other.intern("sku-1");
            let mut reader = PackedReader::new(&mut other);
            let mut from = Bytes::new(&bytes);
            let read: Vec<Packed> = values.iter().map(|_| reader.value(&mut from).unwrap()).collect();
            prop_assert_eq!(from.end(), Ok(()));
            reader.keep();
            let is_same_text = |a: &Packed, b: &Packed| {
                a.text_symbol().is_some() == b.text_symbol().is_some() && a.is_boxed() == b.is_boxed()
            };
            for ((value, packed), read) in values.iter().zip(&packed).zip(&read) {
                prop_assert_eq!(&other.value(*read), value);
                prop_assert!(is_same_text(packed, read));
                let is_entry = packed.text_symbol().is_some() || packed.is_boxed();
                prop_assert!(is_entry || packed.bits() == read.bits(), "{:?}", value);
            }
            read.into_iter().for_each(|packed| other.release(packed));
            let own = other.get("sku-1").unwrap();
            other.release(own.packed());
            prop_assert!(other.is_empty(), "a share is left");
        }

        #[test]
        fn any_bytes_give_values_or_an_error_and_no_share_is_lost(
            bytes in prop::collection::vec(prop_oneof![0..40_u8, any::<u8>()], 0..60),
        ) {
            let mut symbols = Symbols::default();
            let mut reader = PackedReader::new(&mut symbols);
            let mut from = Bytes::new(&bytes);
            while reader.value(&mut from).is_ok() {}
            drop(reader);
            prop_assert!(symbols.is_empty());
        }
    }

    #[test]
    fn what_is_kept_most_is_short() {
        let mut symbols = Symbols::default();
        for (values, len) in [
            (vec!["sku-1234".into()], 4 + 6),
            (vec!["sku-1234".into(), "sku-4711".into(), "sku-1234".into()], 10 + 3 + 1),
            (vec!["sku-1299".into(), "sku-1204".into()], 10 + 3),
            (vec!["123456789".into()], 1 + 4),
            (vec!["FR".into(), "FR".into()], 4 + 1),
            (vec![Value::Float(59.99)], 3),
            (vec![Value::Float(0.1 + 0.2)], 9),
            (vec![Value::Int(7)], 1),
            (vec![Value::Null, Value::Bool(true)], 2),
        ] {
            let mut bytes = Vec::new();
            let packed: Vec<Packed> = values.iter().map(|value| symbols.pack(value)).collect();
            let mut writer = PackedWriter::new(&symbols);
            packed.iter().for_each(|value| writer.value(*value, &mut bytes));
            assert_eq!(bytes.len(), len, "{values:?}");
            packed.into_iter().for_each(|value| symbols.release(value));
        }
    }

    #[test]
    fn what_no_message_says_is_refused() {
        let nan = Value::Float(f64::NAN);
        let mut object = Object::new();
        object.set("x", nan.clone());
        let mut symbols = Symbols::default();
        for value in [
            Value::Geo(Geo { lat: f64::INFINITY, lon: 0.0 }),
            vec![nan].into(),
            vec![Value::Object(object)].into(),
        ] {
            let mut bytes = Vec::new();
            match &value {
                Value::List(list) => {
                    head(OTHER, LIST, &mut bytes);
                    list.write(&mut bytes);
                }
                Value::Geo(geo) => {
                    head(OTHER, GEO, &mut bytes);
                    geo.write(&mut bytes);
                }
                _ => {}
            }
            let mut reader = PackedReader::new(&mut symbols);
            assert!(reader.value(&mut Bytes::new(&bytes)).is_err(), "{value:?}");
        }
        assert!(symbols.is_empty());
    }
}
