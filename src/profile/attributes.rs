use crate::model::{Instant, Object, Value};
use crate::profile::facts::{outranks, theirs_holds};
use crate::profile::keep::{pack_declared, pack_objects};
use crate::profile::redefine::Declared;
use crate::profile::{Keep, Packed, Symbol, Symbols};
use thin_vec::ThinVec;

/// The attributes of a user by last write: the later instant wins, of equals the later arrival, also where they came to
/// two profiles that were merged since.
///
/// An attribute that was unset stays as a tomb with its instant, so that a late message cannot bring it back.
/// Invariants: 1. sorted by name's symbol, each once. 2. names and values hold shares in `Symbols`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes(ThinVec<Attribute>);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: Symbol,
    /// Order of arrival of the message that wrote it.
    pub(crate) arrival: u32,
    pub(crate) written: Instant,
    pub(crate) value: Packed,
}

/// What is left of an attribute of which less is to be kept.
#[derive(Debug)]
pub(crate) enum Less {
    /// All of it.
    All,
    This(Value),
    /// Not even that it was there.
    Nothing,
}

impl Attributes {
    /// Takes over attributes in any order; nothing where a name is there twice.
    pub(crate) fn from_rows(mut rows: Vec<Attribute>) -> Option<Attributes> {
        rows.sort_unstable_by_key(|attribute| attribute.name);
        let is_once = rows.windows(2).all(|pair| pair[0].name != pair[1].name);
        is_once.then(|| Attributes(rows.into()))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Attribute>()
    }

    pub(crate) fn get(&self, name: Symbol) -> Packed {
        match self.0.binary_search_by_key(&name, |a| a.name) {
            Ok(place) => self.0[place].value,
            Err(_) => Packed::MISSING,
        }
    }

    pub(crate) fn find(&self, name: Symbol) -> Option<&Attribute> {
        self.0.binary_search_by_key(&name, |a| a.name).ok().map(|place| &self.0[place])
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Attribute> {
        self.0.iter()
    }

    /// A copy with shares of its own.
    pub(crate) fn copy(&self, symbols: &mut Symbols) -> Attributes {
        self.0.iter().for_each(|attribute| {
            symbols.share(attribute.name.packed());
            symbols.share(attribute.value);
        });
        Attributes(self.0.clone())
    }

    /// Writes traits, with nested objects as dotted names below `prefix`; `changed` gets each name whose value is
    /// another one now, with the value it had and its share. `when` is the instant with the order of arrival.
    pub(crate) fn write(
        &mut self,
        prefix: &str,
        traits: &Object,
        when: (Instant, u32),
        keep: &Keep,
        symbols: &mut Symbols,
        changed: &mut Vec<(Symbol, Packed)>,
    ) {
        for (name, value) in traits.iter() {
            let dotted;
            let name = if prefix.is_empty() {
                name
            } else {
                dotted = format!("{prefix}.{name}");
                &dotted
            };
            match value {
                Value::Object(inner) => {
                    let place = value.as_geo();
                    if let Some(geo) = place {
                        self.set(name, &Value::Geo(geo), when, keep, symbols, changed);
                    }
                    let mut inner = inner.clone();
                    if place.is_some() {
                        inner.take("lat");
                        inner.take("lon");
                    }
                    self.write(name, &inner, when, keep, symbols, changed);
                }
                _ => self.set(name, value, when, keep, symbols, changed),
            }
        }
    }

    pub(crate) fn set(
        &mut self,
        name: &str,
        value: &Value,
        when: (Instant, u32),
        keep: &Keep,
        symbols: &mut Symbols,
        changed: &mut Vec<(Symbol, Packed)>,
    ) {
        let value = match (value, keep.lists.get(name)) {
            (Value::List(list), Some(fields)) => pack_objects(list, fields, symbols),
            _ => pack_declared(value, keep.instants.contains(name), symbols),
        };
        let name = symbols.intern(name);
        let (written, arrival) = when;
        self.put(Attribute { name, arrival, written, value }, symbols, changed);
    }

    /// Takes over a written attribute with its shares.
    pub(crate) fn put(&mut self, new: Attribute, symbols: &mut Symbols, changed: &mut Vec<(Symbol, Packed)>) {
        match self.0.binary_search_by_key(&new.name, |a| a.name) {
            Ok(place) => {
                symbols.release(new.name.packed());
                if outranks(&self.0[place], &new, symbols) {
                    symbols.release(new.value);
                    return;
                }
                let old = &mut self.0[place];
                let before = std::mem::replace(&mut old.value, new.value);
                (old.written, old.arrival) = (new.written, new.arrival);
                if symbols.same(before, new.value) {
                    symbols.release(before);
                } else {
                    changed.push((new.name, before));
                }
            }
            Err(place) => {
                if !new.value.is_missing() {
                    changed.push((new.name, Packed::MISSING));
                }
                self.0.reserve_exact(1);
                self.0.insert(place, new);
            }
        }
    }

    /// Packs an attribute again whose declaration changed.
    pub(crate) fn redeclare(&mut self, name: Symbol, declared: Declared, symbols: &mut Symbols) {
        if let Ok(place) = self.0.binary_search_by_key(&name, |a| a.name) {
            self.0[place].value = declared.pack_again(self.0[place].value, symbols);
        }
    }

    /// Keeps each as it is to be kept from now on.
    pub(crate) fn keep_less(&mut self, less: &dyn Fn(&str, &Value) -> Less, symbols: &mut Symbols) {
        self.retain(symbols, |attribute, symbols| {
            let value = symbols.value(attribute.value);
            !matches!(less(symbols.text(attribute.name), &value), Less::Nothing)
        });
        for attribute in &mut self.0 {
            let value = symbols.value(attribute.value);
            if let Less::This(new) = less(symbols.text(attribute.name), &value) {
                let before = std::mem::replace(&mut attribute.value, symbols.pack(&new));
                symbols.release(before);
            }
        }
    }

    /// Takes over the attributes of another profile of the same user, which it has been since so many messages; facts of the
    /// engine's own have their own rules. Commutative and associative.
    pub(crate) fn absorb(&mut self, mut other: Attributes, joined: u32, symbols: &mut Symbols) {
        other.drop_derived(true, symbols);
        for theirs in other.0 {
            match self.0.binary_search_by_key(&theirs.name, |a| a.name) {
                Ok(place) => {
                    let own = self.0[place];
                    let lost = if theirs_holds(&own, &theirs, joined, symbols) {
                        std::mem::replace(&mut self.0[place], theirs)
                    } else {
                        theirs
                    };
                    // Who is on a list because of the earlier of two messages is on it since the later one.
                    let latest = (own.written, own.arrival).max((theirs.written, theirs.arrival));
                    (self.0[place].written, self.0[place].arrival) = latest;
                    symbols.release(lost.name.packed());
                    symbols.release(lost.value);
                }
                Err(place) => {
                    self.0.reserve_exact(1);
                    self.0.insert(place, theirs);
                }
            }
        }
    }

    /// Keeps what is to be kept, and gives back the shares of the rest.
    pub(crate) fn retain(
        &mut self,
        symbols: &mut Symbols,
        mut keeps: impl FnMut(&Attribute, &Symbols) -> bool,
    ) {
        self.0.retain(|attribute| {
            let is_kept = keeps(attribute, symbols);
            if !is_kept {
                symbols.release(attribute.name.packed());
                symbols.release(attribute.value);
            }
            is_kept
        });
    }

    /// Takes out the attributes that `wanted` chooses and gives them away, with their shares.
    pub(crate) fn extract(&mut self, wanted: impl FnMut(&Attribute) -> bool, take: impl FnMut(Attribute)) {
        let mut wanted = wanted;
        self.0.extract_if(.., |attribute| wanted(attribute)).for_each(take);
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        for attribute in self.0 {
            symbols.release(attribute.name.packed());
            symbols.release(attribute.value);
        }
    }
}
