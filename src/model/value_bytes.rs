//! Values as bytes: a byte for the kind, then what it holds.

use crate::model::{Bytes, Geo, Malformed, Object, Record, Value, record, write_text};

/// How deep lists and objects may lie in one another: deeper than messages and templates make them, and far from the
/// end of the stack.
const DEPTH_MAX: usize = 64;

record! { Geo { lat, lon } }

impl Record for Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.push(0),
            Value::Bool(false) => out.push(1),
            Value::Bool(true) => out.push(2),
            Value::Int(n) => {
                out.push(3);
                n.write(out);
            }
            Value::Float(x) => {
                out.push(4);
                x.write(out);
            }
            Value::String(text) => {
                out.push(5);
                text.write(out);
            }
            Value::Instant(at) => {
                out.push(6);
                at.write(out);
            }
            Value::Geo(geo) => {
                out.push(7);
                geo.write(out);
            }
            Value::List(list) => {
                out.push(8);
                list.write(out);
            }
            Value::Object(object) => {
                out.push(9);
                object.write(out);
            }
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Value, Malformed> {
        read_value(from, DEPTH_MAX)
    }
}

impl Record for Object {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for (name, value) in self.iter() {
            write_text(name, out);
            value.write(out);
        }
    }

    fn read(from: &mut Bytes<'_>) -> Result<Object, Malformed> {
        read_object(from, DEPTH_MAX)
    }
}

impl Value {
    /// Bytes on the heap, without what the allocator adds.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Value::String(text) => text.len(),
            Value::List(list) => {
                list.capacity() * size_of::<Value>() + list.iter().map(Value::heap_bytes).sum::<usize>()
            }
            Value::Object(object) => object.heap_bytes(),
            _ => 0,
        }
    }
}

impl Object {
    /// Bytes on the heap, without what the allocator adds.
    pub(crate) fn heap_bytes(&self) -> usize {
        let named = |(name, value): (&str, &Value)| name.len() + value.heap_bytes();
        self.len() * size_of::<(Box<str>, Value)>() + self.iter().map(named).sum::<usize>()
    }
}

fn read_value(from: &mut Bytes<'_>, depth: usize) -> Result<Value, Malformed> {
    let before = from.clone();
    let Some(inner) = depth.checked_sub(1) else { return Err(before.malformed("a value")) };
    Ok(match u8::read(from)? {
        0 => Value::Null,
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Int(from.read()?),
        4 => Value::Float(from.read()?),
        5 => Value::String(from.read()?),
        6 => Value::Instant(from.read()?),
        7 => Value::Geo(from.read()?),
        8 => {
            let len = from.len("a list")?;
            let mut list = Vec::with_capacity(len.min(64));
            for _ in 0..len {
                list.push(read_value(from, inner)?);
            }
            list.shrink_to_fit();
            Value::List(list)
        }
        9 => Value::Object(read_object(from, inner)?),
        _ => return Err(before.malformed("a value")),
    })
}

fn read_object(from: &mut Bytes<'_>, depth: usize) -> Result<Object, Malformed> {
    let len = from.len("an object")?;
    let mut entries = Vec::with_capacity(len.min(64));
    for _ in 0..len {
        entries.push((from.read()?, read_value(from, depth)?));
    }
    entries.shrink_to_fit();
    Ok(Object::last_of_each(entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Instant;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(Value::Float),
            ".{0,9}".prop_map(|text| Value::String(text.into())),
            any::<i32>().prop_map(|at| Value::Instant(Instant::from_millis(at.into()))),
            (-9.0..9.0).prop_map(|lat| Value::Geo(Geo { lat, lon: -lat })),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let fields = prop::collection::vec(("[a-c]", inner.clone()), 0..4);
            let object = |fields: Vec<(String, Value)>| {
                let mut object = Object::new();
                fields.into_iter().for_each(|(name, value)| object.set(name, value));
                Value::Object(object)
            };
            prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::List), fields.prop_map(object)]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values()) {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            let mut from = Bytes::new(&bytes);
            prop_assert_eq!(Value::read(&mut from), Ok(value));
            prop_assert_eq!(from.left(), 0);
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(0_u8..12, 0..60)) {
            let _ = Value::read(&mut Bytes::new(&bytes));
        }
    }

    #[test]
    fn depth_has_an_end() {
        let deep = [8_u8, 1].repeat(1_000_000);
        assert!(Value::read(&mut Bytes::new(&deep)).is_err());
    }
}
