//! What is known of items: a row of values for each that messages have described.

use crate::engine::facts::{fits, words};
use crate::engine::item_rows::{ItemRows, Releases};
use crate::engine::{Error, Unknown};
use crate::journey::ItemChanges;
use crate::model::{CatalogueItem, Instant, Object, Value, nearest};
use crate::profile::{Packed, Symbols, Unpacked};
use crate::recommend::{ItemId, Items};
use crate::segment::{ITEM_TITLE, ITEM_VECTOR, ItemSchema, ItemSlot, Kind};
use serde::Serialize;
use smallvec::SmallVec;
use std::sync::Arc;

/// Stands for the row of an item that no message has described.
pub(super) const NONE: u32 = u32::MAX;
/// Stands for that of an item which was removed.
pub(super) const REMOVED: u32 = u32::MAX - 1;

/// The items of a partition that messages have described, by their numbers.
///
/// Four bytes for each item that has a number; for each that is described 24 bytes, eight an attribute, the vector, and
/// what texts and lists take, each text once.
///
/// Invariants: 1. a row has as many values as the schema has attributes, and holds their shares in the symbols of the
/// store. 2. a row is the item's whose place says so, or is free and missing throughout.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    pub(super) schema: Arc<ItemSchema>,
    own: OwnSlots,
    /// By item, its row.
    pub(super) places: Vec<u32>,
    pub(super) rows: ItemRows,
    pub(super) free: Vec<u32>,
    /// Of values that rows had.
    pub(super) releases: Releases,
    /// Counts changes since it was made or read. No state.
    revision: u64,
}

/// The attributes that mean something to the engine itself.
#[derive(Debug, Clone, Copy, Default)]
struct OwnSlots {
    price: Option<ItemSlot>,
    stock: Option<ItemSlot>,
    available: Option<ItemSlot>,
    expires: Option<ItemSlot>,
    title: Option<ItemSlot>,
}

impl OwnSlots {
    fn of(schema: &ItemSchema) -> OwnSlots {
        let slot = |name| schema.slot(name).map(|(slot, _)| slot);
        OwnSlots {
            price: slot("price"),
            stock: slot("stock"),
            available: slot("available"),
            expires: slot("expires"),
            title: slot(ITEM_TITLE),
        }
    }
}

/// How many texts a value is, or holds.
fn tags(value: &Unpacked<'_>) -> usize {
    match value {
        Unpacked::Text(_) => 1,
        Unpacked::List(values) => values.len(),
        _ => 0,
    }
}

impl Catalogue {
    /// Without items.
    pub(crate) fn new(schema: Arc<ItemSchema>) -> Catalogue {
        Catalogue {
            own: OwnSlots::of(&schema),
            rows: ItemRows::new(schema.len()),
            schema,
            places: Vec::new(),
            free: Vec::new(),
            releases: Releases::default(),
            revision: 0,
        }
    }

    /// Another one after each change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    // --- questions

    /// How many items are described.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    fn place(&self, item: ItemId) -> u32 {
        self.places.get(item.index()).copied().unwrap_or(NONE)
    }

    fn row_of(&self, item: ItemId) -> Option<usize> {
        Some(self.place(item)).filter(|place| *place < REMOVED).map(|place| place as usize)
    }

    /// The values of an item, by number of the attribute; nothing where it is not described.
    pub(crate) fn row(&self, item: ItemId) -> Option<&[Packed]> {
        Some(self.rows.values(self.row_of(item)?))
    }

    /// The vector of an item, where it has one.
    pub(crate) fn vector(&self, item: ItemId) -> Option<&[f32]> {
        self.rows.vector(self.row_of(item)?)
    }

    /// What items can have, and of which kind it is.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.schema.iter()
    }

    /// Calls `each` with the values that an item has of an attribute, as texts: a string, number or truth, or those of a
    /// list.
    pub(crate) fn texts(&self, item: ItemId, name: &str, symbols: &Symbols, each: &mut dyn FnMut(&str)) {
        let place = self.schema.slot(name).map(|(slot, _)| usize::from(slot.0));
        let Some(value) = place.and_then(|place| self.row(item)?.get(place)) else { return };
        let mut of = |value: &Value| match value {
            Value::String(text) => each(text),
            Value::Bool(truth) => each(&truth.to_string()),
            Value::Int(number) => each(&number.to_string()),
            Value::Float(number) => each(&number.to_string()),
            _ => {}
        };
        match symbols.value(*value) {
            Value::List(values) => values.iter().for_each(of),
            value => of(&value),
        }
    }

    /// What a person calls an item, where the catalogue says it.
    pub(crate) fn title<'s>(&self, item: ItemId, symbols: &'s Symbols) -> Option<&'s str> {
        let slot = self.own.title?;
        match symbols.unpack(self.row(item)?[usize::from(slot.0)]) {
            Unpacked::Text(title) => Some(symbols.text(title)).filter(|title| !title.is_empty()),
            _ => None,
        }
    }

    /// The number that an item has of an attribute.
    pub(crate) fn number(&self, item: ItemId, name: &str, symbols: &Symbols) -> Option<f64> {
        let (slot, _) = self.schema.slot(name)?;
        symbols.value(*self.row(item)?.get(usize::from(slot.0))?).as_f64()
    }

    /// How alike the texts and lists of two items are: the common ones among all of both, from 0 to 1; 0 where there are
    /// none. O(attributes + elements²).
    pub(crate) fn likeness(&self, one: ItemId, other: ItemId, symbols: &Symbols) -> f64 {
        let (Some(one), Some(other)) = (self.row(one), self.row(other)) else { return 0.0 };
        let (mut common, mut all) = (0, 0);
        for (a, b) in one.iter().zip(other) {
            match (symbols.unpack(*a), symbols.unpack(*b)) {
                (Unpacked::Text(a), Unpacked::Text(b)) if a == b => (common, all) = (common + 1, all + 1),
                (Unpacked::List(a), Unpacked::List(b)) => {
                    let both = a.iter().filter(|value| b.contains(value)).count();
                    (common, all) = (common + both, all + a.len() + b.len() - both);
                }
                (a, b) => all += tags(&a) + tags(&b),
            }
        }
        if all == 0 { 0.0 } else { common as f64 / all as f64 }
    }

    /// Whether an item may be recommended at all: it was not removed, is available and has not expired. One that is not
    /// described may. O(1).
    #[inline]
    pub(crate) fn is_on_offer(&self, item: ItemId, now: Instant, symbols: &Symbols) -> bool {
        match self.place(item) {
            NONE => true,
            REMOVED => false,
            row => {
                let row = self.rows.values(row as usize);
                self.is_available(row, symbols) && !self.has_expired(row, now, symbols)
            }
        }
    }

    fn is_available(&self, row: &[Packed], symbols: &Symbols) -> bool {
        let value = |slot: Option<ItemSlot>| slot.map(|slot| symbols.unpack(row[usize::from(slot.0)]));
        let is_out = match value(self.own.stock) {
            Some(Unpacked::Int(stock)) => stock <= 0,
            Some(Unpacked::Float(stock)) => stock <= 0.0,
            _ => false,
        };
        !is_out && !matches!(value(self.own.available), Some(Unpacked::Bool(false)))
    }

    fn has_expired(&self, row: &[Packed], now: Instant, symbols: &Symbols) -> bool {
        let expires = self.own.expires.map(|slot| symbols.unpack(row[usize::from(slot.0)]));
        matches!(expires, Some(Unpacked::Instant(at)) if at <= now)
    }

    /// What is known of an item, as hosts see it.
    pub(crate) fn item(&self, item: ItemId, id: &str, symbols: &Symbols) -> Option<CatalogueItem> {
        let row = self.row(item)?;
        let mut known = CatalogueItem::new(id);
        for ((name, _), value) in self.schema.iter().zip(row).filter(|(_, value)| !value.is_missing()) {
            known.attributes.set(name, symbols.value(*value));
        }
        known.vector = self.vector(item).map(Into::into);
        Some(known)
    }

    /// What of an item changed between two rows.
    pub(crate) fn changes(&self, before: &[Packed], now: &[Packed], symbols: &Symbols) -> ItemChanges {
        let price = |row: &[Packed]| match symbols.unpack(row[usize::from(self.own.price?.0)]) {
            Unpacked::Int(n) => Some(n as f64),
            Unpacked::Float(x) => Some(x),
            _ => None,
        };
        ItemChanges {
            price_drop: price(before).zip(price(now)).is_some_and(|(before, now)| now < before),
            back_in_stock: !self.is_available(before, symbols) && self.is_available(now, symbols),
            any: before.iter().zip(now).any(|(before, now)| !symbols.same(*before, *now)),
        }
    }

    /// What would change of an item by a message: of what cannot be told so, everything.
    pub(crate) fn coming(&self, item: ItemId, attributes: &Object, symbols: &Symbols) -> ItemChanges {
        let Some(row) = self.row(item) else { return ItemChanges::default() };
        let price = |value: &Value| value.as_f64();
        let known = self.own.price.and_then(|slot| price(&symbols.value(row[usize::from(slot.0)])));
        let coming = attributes.get("price").and_then(price);
        ItemChanges {
            price_drop: known.zip(coming).is_some_and(|(known, coming)| coming < known),
            back_in_stock: !self.is_available(row, symbols),
            any: true,
        }
    }

    /// A copy of what is known of an item, with shares of its own; nothing where it is not described.
    pub(crate) fn copy_row(&self, item: ItemId, symbols: &mut Symbols) -> Option<Vec<Packed>> {
        Some(self.row(item)?.iter().map(|value| symbols.share(*value)).collect())
    }

    /// The attributes that differ between two rows, as templates know them: as they were under `old`, as they are under
    /// `new`.
    pub(crate) fn difference(&self, before: &[Packed], now: &[Packed], symbols: &Symbols) -> Object {
        let (mut old, mut new) = (Object::new(), Object::new());
        for ((name, _), (before, now)) in self.schema.iter().zip(before.iter().zip(now)) {
            if !symbols.same(*before, *now) {
                old.set(name, symbols.value(*before));
                new.set(name, symbols.value(*now));
            }
        }
        let mut difference = Object::new();
        difference.set("old", old);
        difference.set("new", new);
        difference
    }

    // --- changes

    /// Whether a message may describe an item so; changes nothing.
    ///
    /// # Errors
    /// An attribute that is not declared, where names have to be; a value of another kind than is declared.
    pub(crate) fn check(&self, attributes: &Object, strict: bool) -> Result<(), Error> {
        let mut refused = None;
        each_attribute("", attributes, &self.schema, &mut |name, value| {
            let checked = self.check_attribute(name, value, strict);
            refused = refused.take().or(checked.err());
        });
        refused.map_or(Ok(()), Err)
    }

    fn check_attribute(&self, name: &str, value: &Value, strict: bool) -> Result<(), Error> {
        if name == ITEM_VECTOR && self.schema.vector > 0 {
            return match (value, vector(value, self.schema.vector)) {
                (Value::Null, _) | (_, Some(_)) => Ok(()),
                _ => Err(Error::WrongVector { wanted: self.schema.vector }),
            };
        }
        match self.schema.slot(name) {
            Some((_, kind)) if !fits(value, kind) => Err(Error::WrongKind {
                what: "item",
                name: name.into(),
                wanted: words(kind),
                found: value.kind_name(),
            }),
            None if strict => {
                let nearest = nearest(name, self.schema.names()).map(Into::into);
                Err(Unknown { what: "attribute of items", name: name.into(), nearest }.into())
            }
            _ => Ok(()),
        }
    }

    /// Describes an item, as was checked.
    pub(crate) fn set(&mut self, item: ItemId, attributes: &Object, symbols: &mut Symbols) {
        self.revision += 1;
        let row = self.row_to_write(item);
        let Catalogue { schema, rows, releases, .. } = self;
        let (values, own_vector) = rows.get_mut(row);
        each_attribute("", attributes, schema, &mut |name, value| match schema.slot(name) {
            Some((slot, kind)) => {
                let place = &mut values[usize::from(slot.0)];
                let before = std::mem::replace(place, pack(value, kind, symbols));
                releases.release(before, symbols);
            }
            None if name == ITEM_VECTOR && schema.vector > 0 => {
                *own_vector = vector(value, schema.vector);
            }
            None => {}
        });
    }

    /// Takes an item out.
    pub(crate) fn remove(&mut self, item: ItemId, symbols: &mut Symbols) {
        self.revision += 1;
        if let Some(row) = self.row_of(item) {
            let (values, vector) = self.rows.get_mut(row);
            for value in values {
                self.releases.release(std::mem::replace(value, Packed::MISSING), symbols);
            }
            *vector = None;
            self.rows.set_item(row, None);
            self.free.push(row as u32);
        }
        self.put_place(item, REMOVED);
    }

    pub(super) fn put_place(&mut self, item: ItemId, place: u32) {
        if self.places.len() <= item.index() {
            self.places.resize(item.index() + 1, NONE);
        }
        self.places[item.index()] = place;
    }

    /// The row of an item, which is made where there is none.
    fn row_to_write(&mut self, item: ItemId) -> usize {
        if let Some(row) = self.row_of(item) {
            return row;
        }
        let row = self.free.pop().unwrap_or_else(|| {
            self.rows.push();
            self.rows.len() as u32 - 1
        });
        self.rows.set_item(row as usize, Some(item));
        self.put_place(item, row);
        row as usize
    }

    /// Goes on under another schema: attributes are known by their names. What is of another kind now goes, unless it can
    /// be read so, and vectors of another length go. O(items · attributes), where anything changed.
    pub(crate) fn redefine(&mut self, schema: &Arc<ItemSchema>, symbols: &mut Symbols) {
        if *self.schema == **schema {
            return;
        }
        self.revision += 1;
        let mut rows = ItemRows::new(schema.len());
        for (item, before, vector) in self.rows.chunks().iter().flat_map(|chunk| chunk.iter()) {
            rows.push();
            let row = rows.len() - 1;
            rows.set_item(row, item);
            let (values, own_vector) = rows.get_mut(row);
            if self.schema.vector == schema.vector {
                *own_vector = vector.map(Into::into);
            }
            let mut left: SmallVec<[Packed; 16]> = before.into();
            for ((name, kind), value) in schema.iter().zip(values) {
                let Some((slot, old_kind)) = self.schema.slot(name) else { continue };
                let old = std::mem::replace(&mut left[usize::from(slot.0)], Packed::MISSING);
                *value = old;
                if old_kind != kind {
                    *value = pack_again(old, kind, symbols);
                    // As all that has no place any more.
                    left[usize::from(slot.0)] = old;
                }
            }
            left.into_iter().for_each(|value| self.releases.release(value, symbols));
        }
        self.rows = rows;
        self.own = OwnSlots::of(schema);
        self.schema = schema.clone();
    }

    /// Everything that counts, for a digest of the state.
    pub(crate) fn state<'a>(&'a self, items: &'a Items, symbols: &'a Symbols) -> impl Serialize + 'a {
        let known = items.iter().filter_map(move |(item, id)| match self.place(item) {
            NONE => None,
            _ => Some((id, self.item(item, id, symbols))),
        });
        known.collect::<Vec<_>>()
    }
}

/// Calls `f` with each attribute that a message names; nested objects are dotted names, unless they are places.
fn each_attribute(prefix: &str, object: &Object, schema: &ItemSchema, f: &mut impl FnMut(&str, &Value)) {
    for (name, value) in object.iter() {
        let dotted;
        let name = if prefix.is_empty() {
            name
        } else {
            dotted = format!("{prefix}.{name}");
            &dotted
        };
        match value {
            Value::Object(inner) if schema.slot(name).is_none() => each_attribute(name, inner, schema, f),
            _ => f(name, value),
        }
    }
}

fn pack(value: &Value, kind: Kind, symbols: &mut Symbols) -> Packed {
    match (kind, value) {
        (Kind::Instant, Value::String(text)) => {
            let at = text.parse().map_or(Value::Null, Value::Instant);
            symbols.pack(&at)
        }
        _ => symbols.pack(value),
    }
}

/// A value as it is where it is declared to be of another kind now, with a share of its own.
fn pack_again(value: Packed, kind: Kind, symbols: &mut Symbols) -> Packed {
    let new = match (kind, symbols.value(value)) {
        (Kind::String, Value::Instant(at)) => Value::String(at.to_string().into()),
        (_, known) if fits(&known, kind) => known,
        _ => Value::Null,
    };
    pack(&new, kind, symbols)
}

/// A vector of so many numbers; nothing where a value is none.
fn vector(value: &Value, dimensions: u16) -> Option<Box<[f32]>> {
    let Value::List(list) = value else { return None };
    let number = |value: &Value| value.as_f64().map(|x| x as f32).filter(|x| x.is_finite());
    (list.len() == usize::from(dimensions)).then(|| list.iter().map(number).collect())?
}
