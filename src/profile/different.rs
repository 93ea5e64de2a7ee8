use crate::profile::symbols::{Packed, Symbols, Unpacked, compare_int_float};
use hashbrown::HashMap;
use smallvec::SmallVec;

/// Values, each once whatever its form: `1` and `1.0` are one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Different {
    all: SmallVec<[Packed; FEW]>,
    /// Where they are, once they are more than a few.
    places: HashMap<Key, usize, ahash::RandomState>,
}

/// Up to so many are gone through.
const FEW: usize = 16;

/// What values that are the same have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Number(u64),
    /// A whole number that no float is.
    Int(i64),
    Instant(i64),
    Bits(u64),
}

impl Different {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Forgets them, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.places.clear();
    }

    /// The number of a value that is known.
    pub(crate) fn find(&self, value: Packed, symbols: &Symbols) -> Option<usize> {
        if self.all.len() <= FEW {
            return self.all.iter().position(|known| symbols.same(*known, value));
        }
        match key(value, symbols) {
            Some(key) => self.places.get(&key).copied(),
            None => self.all.iter().position(|known| known.is_boxed() && symbols.same(*known, value)),
        }
    }

    /// The number of a value, in the order of their first sights; a new one has the next. O(1), but for places and lists.
    pub(crate) fn number(&mut self, value: Packed, symbols: &Symbols) -> usize {
        self.find(value, symbols).unwrap_or_else(|| self.push(value, symbols))
    }

    /// The value of a number, as it was seen first.
    pub(crate) fn value(&self, number: usize) -> Packed {
        self.all[number]
    }

    fn push(&mut self, value: Packed, symbols: &Symbols) -> usize {
        let number = self.all.len();
        self.all.push(value);
        let unlisted = match number {
            ..FEW => return number,
            FEW => 0,
            _ => number,
        };
        let keys = self.all[unlisted..].iter().map(|value| key(*value, symbols)).zip(unlisted..);
        self.places.extend(keys.filter_map(|(key, number)| Some((key?, number))));
        number
    }
}

fn key(value: Packed, symbols: &Symbols) -> Option<Key> {
    let number = |x: f64| Key::Number((x + 0.0).to_bits()); // minus zero is zero
    match symbols.unpack(value) {
        Unpacked::Int(n) if compare_int_float(n, n as f64).is_eq() => Some(number(n as f64)),
        Unpacked::Int(n) => Some(Key::Int(n)),
        Unpacked::Float(x) => Some(number(x)),
        Unpacked::Geo(_) | Unpacked::List(_) => None,
        Unpacked::Instant(at) => Some(Key::Instant(at.as_millis())),
        Unpacked::Missing | Unpacked::Bool(_) | Unpacked::Text(_) => Some(Key::Bits(value.bits())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Geo, Instant, Value};

    fn value(dice: &mut fastrand::Rng) -> Value {
        let n = dice.i64(0..40);
        let large = (1_i64 << 53) + n / 8;
        match dice.u32(0..9) {
            0 => Value::Int(n),
            1 => Value::Float(n as f64 / 2.0),
            2 => Value::from(format!("{n}")),
            3 => Value::Int(large),
            4 => Value::Float(large as f64),
            5 => Value::Instant(Instant::from_millis(n)),
            6 => Value::Geo(Geo { lat: (n % 4) as f64, lon: 1.0 }),
            7 => Value::List(vec![Value::Int(n % 4)]),
            _ => [Value::Bool(n > 9), Value::Float(-0.0), Value::Int(0)][n as usize % 3].clone(),
        }
    }

    #[test]
    fn each_is_there_once() {
        for seed in 0..200 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut symbols = Symbols::default();
            let (mut different, mut naive) = (Different::default(), Vec::<Packed>::new());
            for _ in 0..dice.usize(0..300) {
                let value = symbols.pack(&value(dice));
                let known = naive.iter().position(|known| symbols.same(*known, value));
                let expected = known.unwrap_or(naive.len());
                if known.is_none() {
                    naive.push(value);
                }
                assert_eq!(different.number(value, &symbols), expected, "seed {seed}");
                assert_eq!(different.len(), naive.len());
            }
        }
    }
}
