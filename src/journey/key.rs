use crate::model::{Bytes, Malformed, Record, Value};
use serde::{Serialize, Serializer};
use std::cmp::Ordering;

/// What keys an instance: a text, a number, or nothing. Eight bytes, because most instances have none.
///
/// Invariant: a whole number is an integer, so that `7` and `7.0` are one key, as in the segment language.
#[derive(Clone, Debug, Default)]
pub(crate) struct InstanceKey(Option<Box<Value>>);

/// Floats hold whole numbers exactly up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl InstanceKey {
    /// The key that a value makes, if it can be one: no key hangs on a place, a list or a truth.
    pub(crate) fn of(value: &Value) -> Option<InstanceKey> {
        let key = match value {
            Value::Float(x) if x.fract() == 0.0 && x.abs() < EXACT => Value::Int(*x as i64),
            Value::Float(x) if x.is_nan() => return None,
            Value::String(_) | Value::Int(_) | Value::Float(_) => value.clone(),
            _ => return None,
        };
        Some(InstanceKey(Some(Box::new(key))))
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whether something about a key, or about all, is about this one. What has no key is about all, and all is about it.
    pub(crate) fn matches(&self, key: Option<&InstanceKey>) -> bool {
        key.is_none_or(|key| key.is_none() || self.is_none() || self == key)
    }

    pub(crate) fn value(&self) -> Option<&Value> {
        self.0.as_deref()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.value().map_or(0, |value| size_of::<Value>() + value.heap_bytes())
    }

    /// For the stable id of an action: texts and numbers never give the same bytes.
    pub(crate) fn stable_text(&self) -> String {
        match self.value() {
            Some(Value::String(text)) => format!("s{text}"),
            Some(Value::Int(n)) => format!("n{n}"),
            Some(Value::Float(x)) => format!("n{x}"),
            _ => String::new(),
        }
    }
}

/// No key, then numbers, then texts, each in their own order.
impl Ord for InstanceKey {
    fn cmp(&self, other: &InstanceKey) -> Ordering {
        let (Some(a), Some(b)) = (self.value(), other.value()) else {
            return self.0.is_some().cmp(&other.0.is_some());
        };
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Int(n), Value::Float(x)) => crate::profile::compare_int_float(*n, *x),
            (Value::Float(x), Value::Int(n)) => crate::profile::compare_int_float(*n, *x).reverse(),
            (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
            (a, b) => a.as_str().cmp(&b.as_str()),
        }
    }
}

impl PartialOrd for InstanceKey {
    fn partial_cmp(&self, other: &InstanceKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for InstanceKey {
    fn eq(&self, other: &InstanceKey) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for InstanceKey {}

impl Record for InstanceKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Bytes<'_>) -> Result<InstanceKey, Malformed> {
        let before = from.clone();
        match Option::<Value>::read(from)? {
            None => Ok(InstanceKey::default()),
            Some(value) => InstanceKey::of(&value)
                .filter(|key| key.value() == Some(&value))
                .ok_or(before.malformed("a key")),
        }
    }
}

impl Serialize for InstanceKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_one_key_and_keys_have_one_order() {
        let key = |value: Value| InstanceKey::of(&value).unwrap();
        assert_eq!(key(Value::Int(7)), key(Value::Float(7.0)));
        assert_eq!(key(Value::Float(-0.0)), key(Value::Int(0)));
        assert_ne!(key(Value::Int(7)), key("7".into()));
        assert_ne!(key(Value::Int(7)).stable_text(), key("7".into()).stable_text());
        let mut keys = [
            key("b".into()),
            key(Value::Float(1e300)),
            key(Value::Float(1.5)),
            InstanceKey::default(),
            key("a".into()),
            key(Value::Int(i64::MAX)),
            key(Value::Int(1)),
        ];
        keys.sort();
        let shown: Vec<String> = keys.iter().map(InstanceKey::stable_text).collect();
        assert_eq!(shown[..4], ["", "n1", "n1.5", "n9223372036854775807"]);
        assert_eq!(shown[5..], ["sa", "sb"]);
    }

    #[test]
    fn only_texts_and_numbers_are_keys() {
        for value in [Value::Null, Value::Bool(true), vec![1_i64].into(), Value::Float(f64::NAN)] {
            assert!(InstanceKey::of(&value).is_none(), "{value:?}");
        }
    }
}
