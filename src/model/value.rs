use crate::model::Instant;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What an attribute, a property or a template variable can hold.
///
/// Reads and writes JSON with serde. An instant is written as an RFC 3339 string and read back as a string:
/// only a schema knows which strings are instants.
///
/// ```
/// use bespoke::model::Value;
/// let value: Value = serde_json::from_str(r#"{"lat": 48.85, "lon": 2.35}"#)?;
/// assert_eq!(value.as_geo().unwrap().lat, 48.85);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// No value; as a trait it unsets the attribute.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; finite in every message that was accepted.
    Float(f64),
    /// Text.
    String(Box<str>),
    /// A point in time.
    Instant(Instant),
    /// A place on Earth.
    Geo(Geo),
    /// Several values in order.
    List(Vec<Value>),
    /// Named values.
    Object(Object),
}

/// A place on Earth in degrees.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Geo, Instant, Message}};
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     attributes = { home = "geo" }
///     segments = { parisian = "distance(home, geo(48.8566, 2.3522)) < 30 km" }
/// "#)?;
/// # let mut partition = Partition::new(&definitions);
/// let versailles = Geo { lat: 48.8049, lon: 2.1204 }; // in JSON {"lat": 48.8049, "lon": 2.1204}
/// let outcome = partition.ingest(&Message::identify("ada").with("home", versailles), Instant::from_millis(0))?;
/// assert_eq!(outcome.changes[0].to_string(), "ada entered parisian");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geo {
    /// Degrees north of the equator.
    pub lat: f64,
    /// Degrees east of Greenwich.
    pub lon: f64,
}

impl Geo {
    /// Mean radius of the Earth in metres.
    pub const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

    /// Great-circle distance in metres, by the haversine formula.
    ///
    /// ```
    /// use bespoke::model::Geo;
    /// let (paris, berlin) = (Geo { lat: 48.8566, lon: 2.3522 }, Geo { lat: 52.52, lon: 13.405 });
    /// assert_eq!((paris.distance_metres(berlin) / 1000.0).round(), 877.0);
    /// ```
    #[must_use]
    pub fn distance_metres(self, other: Geo) -> f64 {
        let (lat_a, lat_b) = (self.lat.to_radians(), other.lat.to_radians());
        let (half_lat, half_lon) = ((lat_b - lat_a) / 2.0, (other.lon - self.lon).to_radians() / 2.0);
        let (sin_lat, sin_lon) = (libm::sin(half_lat), libm::sin(half_lon));
        let a = sin_lat * sin_lat + libm::cos(lat_a) * libm::cos(lat_b) * sin_lon * sin_lon;
        2.0 * Self::EARTH_RADIUS_METRES * libm::asin(libm::sqrt(a.clamp(0.0, 1.0)))
    }
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The place: a geo point, or an object whose `lat` and `lon` are numbers.
    #[must_use]
    pub fn as_geo(&self) -> Option<Geo> {
        match self {
            Value::Geo(geo) => Some(*geo),
            Value::Object(object) => {
                Some(Geo { lat: object.get("lat")?.as_f64()?, lon: object.get("lon")?.as_f64()? })
            }
            _ => None,
        }
    }

    /// The number as a float, if it is one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// What kind of value it is, in the words of the segment language.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Instant(_) => "an instant",
            Value::Geo(_) => "a geo point",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// Named values in the order in which they were given; a name that is given twice keeps the last value.
///
/// Messages carry a handful of properties, so look-up is a scan.
///
/// ```
/// use bespoke::model::{Object, Value};
/// let traits = Object::new().with("age", 36).with("address", Object::new().with("city", "Paris"));
/// assert_eq!(traits.get_path("address.city").and_then(Value::as_str), Some("Paris"));
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Object(Vec<(Box<str>, Value)>);

impl Object {
    /// Without any names.
    #[must_use]
    pub const fn new() -> Object {
        Object(Vec::new())
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }

    /// The value of a dotted path; a name that itself contains dots is found too.
    #[must_use]
    pub fn get_path(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.get(path) {
            return Some(value);
        }
        path.match_indices('.').find_map(|(dot, _)| match self.get(&path[..dot]) {
            Some(Value::Object(inner)) => inner.get_path(&path[dot + 1..]),
            _ => None,
        })
    }

    /// Sets a name, in place of what it had.
    pub fn set(&mut self, name: impl Into<Box<str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// The same with a name set.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Object {
        self.set(name, value);
        self
    }

    /// Takes the value of a name out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(key, _)| &**key == name)?;
        Some(self.0.remove(place).1)
    }

    /// Takes out what [`get_path`](Object::get_path) finds.
    pub(crate) fn take_path(&mut self, path: &str) -> Option<Value> {
        self.take(path).or_else(|| {
            path.match_indices('.').find_map(|(dot, _)| {
                let (_, value) = self.0.iter_mut().find(|(key, _)| **key == path[..dot])?;
                let Value::Object(inner) = value else { return None };
                inner.take_path(&path[dot + 1..])
            })
        })
    }

    /// Keeps the last value of every name.
    pub(super) fn last_of_each(mut entries: Vec<(Box<str>, Value)>) -> Object {
        // A hostile message may hold thousands of names, so sort where comparing all pairs would be slow.
        let repeated = if entries.len() <= 16 {
            (1..entries.len()).any(|i| entries[..i].iter().any(|(key, _)| *key == entries[i].0))
        } else {
            let mut names: Vec<&str> = entries.iter().map(|(key, _)| &**key).collect();
            names.sort_unstable();
            names.windows(2).any(|pair| pair[0] == pair[1])
        };
        if repeated {
            let mut seen = hashbrown::HashSet::with_hasher(ahash::RandomState::new());
            entries.reverse();
            entries.retain(|(key, _)| seen.insert(key.clone()));
            entries.reverse();
        }
        Object(entries)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// How many names it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

macro_rules! value_from {
    ($($from:ty => |$x:ident| $value:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($x: $from) -> Value {
                $value
            }
        })*
    };
}

value_from! {
    bool => |x| Value::Bool(x);
    i64 => |x| Value::Int(x);
    i32 => |x| Value::Int(x.into());
    u32 => |x| Value::Int(x.into());
    f64 => |x| Value::Float(x);
    &str => |x| Value::String(x.into());
    String => |x| Value::String(x.into());
    Instant => |x| Value::Instant(x);
    Geo => |x| Value::Geo(x);
    Object => |x| Value::Object(x);
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Value {
        Value::List(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(x) => serializer.serialize_bool(*x),
            Value::Int(x) => serializer.serialize_i64(*x),
            Value::Float(x) => serializer.serialize_f64(*x),
            Value::String(x) => serializer.serialize_str(x),
            Value::Instant(x) => serializer.collect_str(x),
            Value::Geo(x) => x.serialize(serializer),
            Value::List(list) => {
                let mut sequence = serializer.serialize_seq(Some(list.len()))?;
                for value in list {
                    sequence.serialize_element(value)?;
                }
                sequence.end()
            }
            Value::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(object) => Ok(object),
            other => {
                Err(serde::de::Error::custom(format_args!("an object is wanted, not {}", other.kind_name())))
            }
        }
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, x: bool) -> Result<Value, E> {
        Ok(Value::Bool(x))
    }

    fn visit_i64<E>(self, x: i64) -> Result<Value, E> {
        Ok(Value::Int(x))
    }

    fn visit_u64<E>(self, x: u64) -> Result<Value, E> {
        Ok(i64::try_from(x).map_or(Value::Float(x as f64), Value::Int))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Value, E> {
        Ok(Value::Float(x))
    }

    fn visit_str<E>(self, x: &str) -> Result<Value, E> {
        Ok(Value::String(x.into()))
    }

    fn visit_string<E>(self, x: String) -> Result<Value, E> {
        Ok(Value::String(x.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = sequence.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Box<str>, Value)> = Vec::new();
        while let Some(entry) = map.next_entry::<Box<str>, Value>()? {
            entries.push(entry);
        }
        Ok(Value::Object(Object::last_of_each(entries)))
    }
}
