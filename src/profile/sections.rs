//! What the store knows that is about no user, as bytes: facts for everyone, the order of arrival, what is known of ids
//! beside their owners, and since when what is kept.

use crate::model::{Bytes, Instant, Malformed, Record, Value, write_text};
use crate::profile::attributes::{Attribute, Attributes};
use crate::profile::facts::Fact;
use crate::profile::{AffinityRule, EventKind, Keep, ProfileStore};
use std::sync::Arc;

impl ProfileStore {
    /// Writes the order of arrival and the facts for everyone, in order of their names.
    pub(crate) fn write_section(&self, out: &mut Vec<u8>) {
        self.arrivals.write(out);
        let mut facts: Vec<(&str, &Attribute)> =
            self.world.iter().map(|fact| (self.symbols.text(fact.name), fact)).collect();
        facts.sort_unstable_by_key(|(name, _)| *name);
        facts.len().write(out);
        for (name, fact) in facts {
            write_text(name, out);
            fact.written.write(out);
            self.symbols.value(fact.value).write(out);
        }
        self.write_linking(out);
    }

    /// Goes on with what was written.
    ///
    /// # Errors
    /// Bytes that were not written so. What was there stays then.
    pub(crate) fn read_section(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        let arrivals = from.counter("the order of arrival")?;
        let mut facts: Vec<(&str, Instant, Value)> = Vec::new();
        for _ in 0..from.len("facts for everyone")? {
            let name = from.text()?;
            let is_next = facts.last().is_none_or(|(last, ..)| *last < name);
            if !is_next || !matches!(Fact::of(name), Some(Fact::World(_))) {
                return Err(from.malformed("the name of a fact"));
            }
            facts.push((name, from.read()?, from.read()?));
        }
        self.arrivals = arrivals;
        let Self { symbols, world, .. } = self;
        std::mem::take(world).release(symbols);
        let mut read = Attributes::default();
        let mut changed = Vec::new();
        for (name, written, value) in facts {
            let (name, value) = (symbols.intern(name), symbols.pack(&value));
            let fact = Attribute { name, arrival: 0, written, value };
            read.put(fact, symbols, &mut changed);
        }
        changed.into_iter().for_each(|(_, before)| symbols.release(before));
        *world = read;
        self.read_linking(from)
    }
}

/// Writes since when what is kept, of what is not there from the beginning. Kinds, columns and rules have the numbers
/// of the definitions, whatever these took the place of.
pub(crate) fn write_since(keep: &Keep, rules: &[AffinityRule], out: &mut Vec<u8>) {
    let sinces = || sinces(keep).chain(rules.iter().map(|rule| rule.since));
    let later: Vec<(usize, Instant)> =
        sinces().enumerate().filter_map(|(place, since)| Some((place, since?))).collect();
    sinces().count().write(out);
    later.write(out);
}

/// Kind by kind: of the kind, then of its columns.
fn sinces(keep: &Keep) -> impl Iterator<Item = Option<Instant>> {
    let of_kind = |kind: EventKind| keep.kind(kind).columns.iter().map(|column| column.since);
    keep.kinds().flat_map(move |(kind, own)| std::iter::once(own.since).chain(of_kind(kind)))
}

/// What is kept, and the rules of affinities: of one set of definitions.
pub(crate) type Kept = (Arc<Keep>, Arc<[AffinityRule]>);

/// What definitions that take the place of no others keep, with what was written; nothing where all is there from the
/// beginning.
///
/// # Errors
/// Bytes that were not written so, or under other definitions.
pub(crate) fn read_since(
    from: &mut Bytes<'_>,
    keep: &Keep,
    rules: &[AffinityRule],
) -> Result<Option<Kept>, Malformed> {
    let count = sinces(keep).count() + rules.len();
    from.valid("since when what is kept", |known: &usize| *known == count)?;
    let mut later = vec![None; count];
    for _ in 0..from.len("since when what is kept")? {
        let (place, since): (usize, Instant) = from.read()?;
        let malformed = from.malformed("since when what is kept");
        *later.get_mut(place).ok_or(malformed)? = Some(since);
    }
    if later.iter().all(Option::is_none) {
        return Ok(None);
    }
    let (mut keep, mut rules) = (keep.clone(), rules.to_vec());
    let mut later = later.into_iter();
    let kinds = keep.kinds().len();
    for number in 0..kinds {
        let kind = keep.kind_mut(EventKind(number as u16));
        let columns = kind.columns.iter_mut().map(|column| &mut column.since);
        std::iter::once(&mut kind.since).chain(columns).zip(&mut later).for_each(|(own, since)| *own = since);
    }
    rules.iter_mut().zip(&mut later).for_each(|(rule, since)| rule.since = since);
    Ok(Some((Arc::new(keep), rules.into())))
}
