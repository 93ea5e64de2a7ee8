use crate::model::{Geo, Instant, Value, folded, unfolded};
use hashbrown::HashTable;

/// A value in eight bytes.
///
/// Floats are stored as they are. Everything else hides in the payload of a NaN (which no accepted message
/// holds): a tag of three bits and 48 bits of content, which for texts, lists, places and numbers that need
/// more is the number of an entry in [`Symbols`].
///
/// Equal texts have equal bits; for other values ask [`Symbols::same`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Packed(u64);

const NAN_BASE: u64 = 0xFFF8_0000_0000_0000;
const CONTENT: u64 = (1 << 48) - 1;
const TAG_BOOL: u64 = 1;
const TAG_INT: u64 = 2;
const TAG_TEXT: u64 = 3;
const TAG_INSTANT: u64 = 4;
const TAG_BOXED: u64 = 5;
// Beside the tags, the forms of floats.
const FORM_FLOAT: u8 = 8;
const FORM_HUNDREDTHS: u8 = 9;

impl Packed {
    pub(crate) const MISSING: Packed = Packed(NAN_BASE);

    const fn tagged(tag: u64, content: u64) -> Packed {
        Packed(NAN_BASE | tag << 48 | content & CONTENT)
    }

    /// The number of an entry that this value holds a share of.
    fn entry(self) -> Option<u32> {
        let tag = self.0 >> 48 & 7;
        (self.0 >= NAN_BASE && (tag == TAG_TEXT || tag == TAG_BOXED)).then_some(self.0 as u32)
    }

    /// The number of the text it is.
    pub(crate) fn text_symbol(self) -> Option<Symbol> {
        (self.0 >= NAN_BASE && self.0 >> 48 & 7 == TAG_TEXT).then_some(Symbol(self.0 as u32))
    }

    /// The eight bytes.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn is_missing(self) -> bool {
        self == Packed::MISSING
    }

    pub(crate) fn is_float(self) -> bool {
        self.0 < NAN_BASE
    }

    /// The number it is, if it is one that needs no entry; as a float it is exact.
    pub(crate) fn small_number(self) -> Option<f64> {
        if self.is_float() {
            return Some(f64::from_bits(self.0));
        }
        (self.0 >> 48 & 7 == TAG_INT).then_some((((self.0 << 16) as i64) >> 16) as f64)
    }

    /// Whether it is a whole number that is too large for eight bytes, or anything else that is kept apart.
    pub(crate) fn is_boxed(self) -> bool {
        self.0 >= NAN_BASE && self.0 >> 48 & 7 == TAG_BOXED
    }

    pub(crate) fn is_instant(self) -> bool {
        self.0 >= NAN_BASE && self.0 >> 48 & 7 == TAG_INSTANT
    }

    /// What it is, in four bits, and the rest of it: a number that is small where the value is.
    pub(crate) fn form(self) -> (u8, u64) {
        if self.0 < NAN_BASE {
            return match hundredths(f64::from_bits(self.0)) {
                Some(n) => (FORM_HUNDREDTHS, folded(n)),
                None => (FORM_FLOAT, self.0),
            };
        }
        let (tag, content) = (self.0 >> 48 & 7, self.0 & CONTENT);
        let is_signed = tag == TAG_INT || tag == TAG_INSTANT;
        (tag as u8, if is_signed { folded((self.0 << 16) as i64 >> 16) } else { content })
    }

    /// The value of a [form](Packed::form).
    pub(crate) fn of_form(form: u8, rest: u64) -> Packed {
        match form {
            FORM_FLOAT => Packed(rest),
            FORM_HUNDREDTHS => Packed((unfolded(rest) as f64 / 100.0).to_bits()),
            tag => {
                let is_signed = u64::from(tag) == TAG_INT || u64::from(tag) == TAG_INSTANT;
                Packed::tagged(tag.into(), if is_signed { unfolded(rest) as u64 } else { rest })
            }
        }
    }

    /// Whether it can be the key of a part: a text or a number.
    pub(crate) fn is_key(self, symbols: &Symbols) -> bool {
        matches!(symbols.unpack(self), Unpacked::Text(_) | Unpacked::Int(_) | Unpacked::Float(_))
    }
}

/// How many hundredths a float is, where it is what so many are.
pub(crate) fn hundredths(x: f64) -> Option<i64> {
    let n = (x * 100.0).round();
    (n.abs() < 1e15 && (n as i64 as f64 / 100.0).to_bits() == x.to_bits()).then_some(n as i64)
}

/// A number of an interned text. Equal texts have equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Symbol(u32);

impl Symbol {
    /// Of no text: equal to no symbol that is given out.
    pub(crate) const NONE: Symbol = Symbol(u32::MAX);

    pub(crate) fn packed(self) -> Packed {
        Packed::tagged(TAG_TEXT, self.0.into())
    }
}

/// A [`Packed`] value taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unpacked<'a> {
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Symbol),
    Instant(Instant),
    Geo(Geo),
    List(&'a [Value]),
}

/// The one owner of what does not fit into eight bytes: texts, each kept once and counted, and boxed values.
///
/// Invariants: 1. a text has at most one entry. 2. an entry lives while its count is above zero; counts are
/// changed by `pack`, `intern`, `share` and `release` only. 3. the table holds the live texts and nothing else.
#[derive(Debug, Default, Clone)]
pub(crate) struct Symbols {
    entries: Vec<Entry>,
    texts: HashTable<u32>,
    free: Vec<u32>,
    hasher: ahash::RandomState,
}

#[derive(Debug, Clone)]
struct Entry {
    value: Value,
    shares: u32,
}

impl Symbols {
    /// Takes one share of the entry of a text.
    pub(crate) fn intern(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        if let Some(&number) =
            self.texts.find(hash, |&n| self.entries[n as usize].value.as_str() == Some(text))
        {
            self.entries[number as usize].shares += 1;
            return Symbol(number);
        }
        let number = self.insert(Value::String(text.into()));
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.texts.insert_unique(hash, number, |&n| hasher.hash_one(text_of(&entries[n as usize])));
        Symbol(number)
    }

    /// A copy in which everything has one share, whoever takes the copy over.
    pub(crate) fn with_one_share_each(&self) -> Symbols {
        let mut copy = self.clone();
        copy.entries.iter_mut().for_each(|entry| entry.shares = entry.shares.min(1));
        copy
    }

    /// All texts that anything holds a share of.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (Symbol, &str)> {
        let entries = self.entries.iter().zip(0..).filter(|(entry, _)| entry.shares > 0);
        entries.filter_map(|(entry, number)| Some((Symbol(number), entry.value.as_str()?)))
    }

    fn insert(&mut self, value: Value) -> u32 {
        let entry = Entry { value, shares: 1 };
        if let Some(number) = self.free.pop() {
            self.entries[number as usize] = entry;
            return number;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1).expect("four thousand million live texts exceed any memory")
    }

    /// The symbol of a text, if anything holds a share of it.
    pub(crate) fn get(&self, text: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(text);
        self.texts.find(hash, |&n| text_of(&self.entries[n as usize]) == text).map(|n| Symbol(*n))
    }

    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        text_of(&self.entries[symbol.0 as usize])
    }

    /// Packs a value; scalars of a list stay, its other elements go; an object is a place or missing.
    pub(crate) fn pack(&mut self, value: &Value) -> Packed {
        match value {
            Value::Null => Packed::MISSING,
            Value::Bool(b) => Packed::tagged(TAG_BOOL, u64::from(*b)),
            Value::Int(n) if (-(1 << 47)..1 << 47).contains(n) => Packed::tagged(TAG_INT, *n as u64),
            Value::Float(x) if x.is_nan() => Packed::MISSING,
            Value::Float(x) => Packed(x.to_bits()),
            Value::String(text) => self.intern(text).packed(),
            Value::Instant(at) if (-(1 << 47)..1 << 47).contains(&at.as_millis()) => {
                Packed::tagged(TAG_INSTANT, at.as_millis() as u64)
            }
            Value::Int(_) | Value::Instant(_) | Value::Geo(_) => self.boxed(value.clone()),
            Value::List(list) => {
                let scalars =
                    list.iter().filter(|v| !matches!(v, Value::Null | Value::List(_) | Value::Object(_)));
                let scalars = scalars.cloned().collect();
                self.boxed(Value::List(scalars))
            }
            Value::Object(_) => value.as_geo().map_or(Packed::MISSING, |geo| self.boxed(Value::Geo(geo))),
        }
    }

    /// Packs a list of objects as it is.
    pub(crate) fn pack_objects(&mut self, objects: Vec<Value>) -> Packed {
        self.boxed(Value::List(objects))
    }

    fn boxed(&mut self, value: Value) -> Packed {
        Packed::tagged(TAG_BOXED, self.insert(value).into())
    }

    /// Takes another share of what a packed value refers to.
    pub(crate) fn share(&mut self, packed: Packed) -> Packed {
        if let Some(number) = packed.entry() {
            self.entries[number as usize].shares += 1;
        }
        packed
    }

    /// Gives a share back; with the last one the entry is gone.
    pub(crate) fn release(&mut self, packed: Packed) {
        let Some(number) = packed.entry() else { return };
        let entry = &mut self.entries[number as usize];
        entry.shares -= 1;
        if entry.shares > 0 {
            return;
        }
        let value = std::mem::take(&mut entry.value);
        self.free.push(number);
        if let Value::String(text) = value {
            let hash = self.hasher.hash_one(&*text);
            if let Ok(found) = self.texts.find_entry(hash, |&n| n == number) {
                found.remove();
            }
        }
    }

    /// Whether nothing holds a share of anything.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.entries.len() && self.texts.is_empty()
    }

    /// How many shares are held of everything together.
    #[cfg(test)]
    pub(crate) fn shares(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.shares)).sum()
    }

    pub(crate) fn unpack(&self, packed: Packed) -> Unpacked<'_> {
        if packed.0 < NAN_BASE {
            return Unpacked::Float(f64::from_bits(packed.0));
        }
        // Sign extension of the 48 bits.
        let content = ((packed.0 << 16) as i64) >> 16;
        match packed.0 >> 48 & 7 {
            TAG_BOOL => Unpacked::Bool(content != 0),
            TAG_INT => Unpacked::Int(content),
            TAG_TEXT => Unpacked::Text(Symbol(content as u32)),
            TAG_INSTANT => Unpacked::Instant(Instant::from_millis(content)),
            TAG_BOXED => match &self.entries[content as u32 as usize].value {
                Value::Int(n) => Unpacked::Int(*n),
                Value::Instant(at) => Unpacked::Instant(*at),
                Value::Geo(geo) => Unpacked::Geo(*geo),
                Value::List(list) => Unpacked::List(list),
                _ => Unpacked::Missing,
            },
            _ => Unpacked::Missing,
        }
    }

    /// The value in the form that hosts see.
    pub(crate) fn value(&self, packed: Packed) -> Value {
        match self.unpack(packed) {
            Unpacked::Missing => Value::Null,
            Unpacked::Bool(b) => Value::Bool(b),
            Unpacked::Int(n) => Value::Int(n),
            Unpacked::Float(x) => Value::Float(x),
            Unpacked::Text(symbol) => Value::String(self.text(symbol).into()),
            Unpacked::Instant(at) => Value::Instant(at),
            Unpacked::Geo(geo) => Value::Geo(geo),
            Unpacked::List(list) => Value::List(list.to_vec()),
        }
    }

    /// Whether two values are the same; numbers by value, whether whole or not.
    pub(crate) fn same(&self, a: Packed, b: Packed) -> bool {
        if a == b {
            return true;
        }
        // Equal texts are one, and a text equals nothing else.
        if a.text_symbol().is_some() || b.text_symbol().is_some() {
            return false;
        }
        match (self.unpack(a), self.unpack(b)) {
            (Unpacked::Int(x), Unpacked::Int(y)) => x == y,
            (Unpacked::Float(x), Unpacked::Float(y)) => x == y,
            (Unpacked::Int(n), Unpacked::Float(x)) | (Unpacked::Float(x), Unpacked::Int(n)) => {
                compare_int_float(n, x).is_eq()
            }
            (Unpacked::Instant(x), Unpacked::Instant(y)) => x == y,
            (Unpacked::Geo(x), Unpacked::Geo(y)) => x == y,
            (Unpacked::List(x), Unpacked::List(y)) => {
                x.len() == y.len() && x.iter().zip(y.iter()).all(|(x, y)| is_same(x, y))
            }
            _ => false,
        }
    }
}

/// Whether two elements of lists are the same; numbers by value here as well.
fn is_same(x: &Value, y: &Value) -> bool {
    match (x, y) {
        (Value::Int(n), Value::Float(x)) | (Value::Float(x), Value::Int(n)) => {
            compare_int_float(*n, *x).is_eq()
        }
        _ => x == y,
    }
}

fn text_of(entry: &Entry) -> &str {
    entry.value.as_str().expect("the table of texts holds entries of texts only")
}

/// Compares an integer with a float that is not NaN, exactly: neither is rounded to the kind of the other.
pub(crate) fn compare_int_float(n: i64, x: f64) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    if x >= 9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    if x < -9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    let whole = x.trunc();
    n.cmp(&(whole as i64)).then(0.0_f64.partial_cmp(&(x - whole)).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_packing() {
        let mut symbols = Symbols::default();
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Int(0),
            Value::Int(-1),
            Value::Int(i64::MAX),
            Value::Int(i64::MIN),
            Value::Int((1 << 47) - 1),
            Value::Int(-(1 << 47)),
            Value::Float(0.5),
            Value::Float(-0.0),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NEG_INFINITY),
            Value::Float(f64::MIN_POSITIVE),
            "text".into(),
            "".into(),
            Value::Instant(Instant::from_millis(-5)),
            Value::Instant(Instant::MAX),
            Value::Geo(Geo { lat: 1.0, lon: -2.0 }),
            vec!["a", "b"].into(),
        ] {
            let packed = symbols.pack(&value);
            assert_eq!(symbols.value(packed), value);
            symbols.release(packed);
        }
        assert!(symbols.is_empty(), "every share was given back");
    }

    #[test]
    fn equal_texts_are_kept_once_while_anything_holds_them() {
        let mut symbols = Symbols::default();
        let (a, b) = (symbols.pack(&"boot".into()), symbols.pack(&"boot".into()));
        assert_eq!(a, b);
        symbols.release(a);
        assert!(symbols.get("boot").is_some());
        symbols.release(b);
        assert!(symbols.get("boot").is_none());
    }

    #[test]
    fn integers_and_floats_compare_by_value() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (n, x, expected) in [
            (1, 1.0, Equal),
            (1, 1.5, Less),
            (-1, -1.5, Greater),
            (i64::MAX, 9.3e18, Less),
            (i64::MIN, -9.3e18, Greater),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Greater),
            (0, -0.0, Equal),
        ] {
            assert_eq!(compare_int_float(n, x), expected, "{n} {x}");
        }
    }
}
