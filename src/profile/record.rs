//! Events that the engine records itself, and facts that it writes.

use crate::model::{Instant, Object, Value};
use crate::profile::attributes::Attribute;
use crate::profile::event_rows::Moved;
use crate::profile::facts::Fact;
use crate::profile::keep::Source;
use crate::profile::{Applied, EventKind, Horizon, Packed, ProfileStore, Symbol, UserKey};

impl ProfileStore {
    /// Begins to note what happens at an instant.
    pub(crate) fn begin(&mut self, at: Instant, out: &mut Applied) {
        self.arrivals += 1;
        out.arrival = self.arrivals as u32;
        out.at = at.as_millis();
    }

    /// Keeps the events that were noted, from a place on, as far as definitions look back at them.
    pub(super) fn keep_events(&mut self, user: UserKey, from: usize, now: Instant, out: &Applied) {
        let part = self.part_told(user);
        let Self { keep, symbols, profiles, rings, .. } = self;
        profiles.unfold(user);
        profiles.get_mut(user).each(part, |profile, is_whole| {
            for (kind, start) in &out.events[from..] {
                let keep_kind = keep.kind(*kind);
                if keep_kind.horizon == Horizon::None && !keep_kind.session {
                    continue;
                }
                let values = &out.values[*start..][..keep_kind.columns.len()];
                values.iter().for_each(|value| {
                    symbols.share(*value);
                });
                let event = (Instant::from_millis(out.at), *kind, out.arrival);
                let session = profile.kept_session();
                let moved = profile.history.insert(event, values, (now, &session), keep, symbols);
                if is_whole
                    && moved != Moved::default()
                    && let Some(rings) = rings.get_mut(&user)
                {
                    rings.drop_rows(&moved.gone);
                    moved.between.into_iter().for_each(|place| rings.part(place));
                }
            }
        });
    }

    /// Whether a definition reads an event that the engine would record.
    pub(crate) fn is_read(&self, event: &str) -> bool {
        self.keep.kind_of(event) != EventKind::OTHER
    }

    /// Records an event of the engine's own, if a definition reads it. It makes no session and feeds no affinity.
    pub(crate) fn record(
        &mut self,
        user: UserKey,
        event: &str,
        properties: Object,
        now: Instant,
        out: &mut Applied,
    ) {
        if !self.is_read(event) {
            return;
        }
        let kind = self.keep.kind_of(event);
        let (from, start, context) = (out.events.len(), out.values.len(), Object::new());
        let source = Source { own: &properties, outer: None, context: &context, name: None };
        self.keep.kind(kind).pack(&source, &mut self.symbols, &mut out.values);
        out.events.push((kind, start));
        out.own.push(properties);
        self.keep_events(user, from, now, out);
    }

    /// Records `attribute.changed` for what a message changed.
    pub(crate) fn record_changes(&mut self, user: UserKey, now: Instant, out: &mut Applied) {
        if !self.is_read("attribute.changed") {
            return;
        }
        for place in 0..out.attributes.len() {
            let (name, before) = out.attributes[place];
            if Fact::of(self.symbols.text(name)).is_some() {
                continue;
            }
            let mut properties = Object::new();
            properties.set("name", self.symbols.text(name));
            if self.keep.is_copied(self.symbols.text(name)) {
                properties.set("from", self.symbols.value(before));
                properties.set("to", self.symbols.value(self.get(user).attributes.get(name)));
            }
            self.record(user, "attribute.changed", properties, now, out);
        }
    }

    /// Writes a fact of a user; null is none.
    pub(crate) fn set_fact(
        &mut self,
        user: UserKey,
        name: &str,
        value: &Value,
        at: Instant,
        out: &mut Applied,
    ) {
        let part = self.part_told(user);
        let is_derived = Fact::of(name).is_some_and(Fact::is_derived);
        let Self { symbols, profiles, .. } = self;
        let mut of_part = Vec::new();
        profiles.get_mut(user).each(part, |profile, is_whole| {
            // What follows from other state follows from the whole.
            if is_whole || !is_derived {
                let (name, value) = (symbols.intern(name), symbols.pack(value));
                let new = Attribute { name, arrival: out.arrival, written: at, value };
                let changed = if is_whole { &mut out.attributes } else { &mut of_part };
                profile.attributes.put(new, symbols, changed);
            }
        });
        of_part.into_iter().for_each(|(_, before)| symbols.release(before));
    }

    /// Whether a user was exposed to an arm of an experiment.
    pub(crate) fn is_exposed(&self, user: UserKey, (experiment, arm): (&str, &str)) -> bool {
        let fact = self.symbols.get(&Fact::Exposed(experiment, arm).name());
        fact.is_some_and(|fact| !self.fact(user, fact).is_missing())
    }

    /// Notes that a user was exposed to an arm, and records `experiment.exposed`, once for each user and arm: who comes to
    /// see another arm was exposed to both.
    pub(crate) fn expose(
        &mut self,
        user: UserKey,
        (experiment, arm): (&str, &str),
        now: Instant,
        out: &mut Applied,
    ) {
        if self.is_exposed(user, (experiment, arm)) {
            return;
        }
        self.set_fact(user, &Fact::Exposed(experiment, arm).name(), &Value::Bool(true), now, out);
        let mut properties = Object::new();
        properties.set("experiment", experiment);
        properties.set("arm", arm);
        self.record(user, "experiment.exposed", properties, now, out);
    }

    /// Writes an attribute of a user, as a message would.
    pub(crate) fn set_trait(
        &mut self,
        user: UserKey,
        name: &str,
        value: &Value,
        at: Instant,
        out: &mut Applied,
    ) {
        let part = self.part_told(user);
        let Self { keep, symbols, profiles, .. } = self;
        let when = (at, out.arrival);
        let mut of_part = Vec::new();
        profiles.get_mut(user).each(part, |profile, is_whole| {
            let changed = if is_whole { &mut out.attributes } else { &mut of_part };
            profile.attributes.set(name, value, when, keep, symbols, changed);
        });
        of_part.into_iter().for_each(|(_, before)| symbols.release(before));
        if out.attributes.iter().any(|(name, _)| *name == self.timezone) {
            self.refresh_zone(user);
        }
    }

    /// Writes a fact for everyone; null is none.
    pub(crate) fn set_world(&mut self, name: &str, value: &Value, at: Instant, out: &mut Applied) {
        let symbols = &mut self.symbols;
        let name = symbols.intern(&Fact::World(name).name());
        let new = Attribute { name, arrival: out.arrival, written: at, value: symbols.pack(value) };
        self.world.put(new, symbols, &mut out.attributes);
    }

    /// Drops facts that hold no longer and follow from other state, so that their names cost nothing.
    pub(crate) fn drop_ended_facts(&mut self, user: UserKey) {
        let Self { symbols, profiles, .. } = self;
        let profile = profiles.get_mut(user);
        profile.attributes.drop_derived(false, symbols);
    }

    /// The value of a fact of a user.
    pub(crate) fn fact(&self, user: UserKey, name: Symbol) -> Packed {
        self.get(user).attributes.get(name)
    }
}
