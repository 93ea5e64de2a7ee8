//! What became one profile, so that it can be taken apart again.

use crate::model::{Duration, Instant};
use crate::profile::{AffinityRule, Keep, Past, Profile, Session, Symbols};
use std::sync::Arc;

/// What is known of where a profile comes from. One that has had one name and absorbed nothing has none of this.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineage {
    /// The first id it ever had, where that is not its name: buckets are drawn by it, so they do not jump.
    pub(crate) first_name: Option<Arc<str>>,
    pub(crate) merged: Option<Box<Merged>>,
}

/// What a profile absorbed.
///
/// While a merge can be undone, its parts go on beside the whole: what a message says is said to the whole, and to the
/// part that the message names.
///
/// Invariants: 1. there is no part, or there are two at least, of which the first is the profile's own. 2. each id of the
/// profile is one of exactly one part. 3. the parts, merged, are the whole, but for what follows from other state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merged {
    pub(crate) parts: Vec<Part>,
    /// Merges of users that the host confirmed, in the order in which they came.
    pub(crate) confirmed: Vec<Confirmed>,
    /// When parts were absorbed that were the own one's before a day was over: they count for the limit of a day.
    pub(crate) folded: Vec<Instant>,
    /// Of a profile that was a part and is one no more, the sessions before its latest one.
    pub(crate) past: Vec<Past>,
}

/// A profile as it would be if it had been on its own all the time.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) profile: Profile,
    /// When it was absorbed, by the clock; for the own one nothing.
    pub(crate) absorbed: Option<Instant>,
    /// How many messages had arrived then: what came later was said of all parts together.
    pub(crate) arrival: u32,
    /// The sessions before its latest one, as far as they are known.
    pub(crate) past: Vec<Past>,
}

/// A merge of two users, with the reason that the host gave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Confirmed {
    /// The user who ended.
    pub(crate) previous: Arc<str>,
    pub(crate) at: Instant,
    pub(crate) reason: Box<str>,
}

/// What a merge has to know of the definitions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergeRules<'a> {
    pub(crate) keep: &'a Keep,
    pub(crate) rules: &'a [AffinityRule],
    pub(crate) gap: Duration,
}

impl Lineage {
    pub(crate) fn parts(&self) -> &[Part] {
        self.merged.as_deref().map_or(&[], |merged| &merged.parts)
    }

    pub(crate) fn parts_mut(&mut self) -> &mut [Part] {
        self.merged.as_deref_mut().map_or(&mut [], |merged| &mut merged.parts)
    }

    fn is_empty(&self) -> bool {
        self.first_name.is_none() && self.merged.is_none()
    }
}

impl Merged {
    fn is_empty(&self) -> bool {
        let Merged { parts, confirmed, folded, past } = self;
        parts.is_empty() && confirmed.is_empty() && folded.is_empty() && past.is_empty()
    }
}

/// Whether something was absorbed within a day before an instant.
fn is_of_today(absorbed: Instant, now: Instant) -> bool {
    now - absorbed < Duration::days(1)
}

impl Profile {
    /// What it consists of, while that can be told apart: nothing, or two at least.
    pub(crate) fn parts(&self) -> &[Part] {
        self.lineage.as_deref().map_or(&[], Lineage::parts)
    }

    /// The merges that the host confirmed.
    pub(crate) fn confirmed(&self) -> &[Confirmed] {
        let merged = self.lineage.as_deref().and_then(|lineage| lineage.merged.as_deref());
        merged.map_or(&[], |merged| &merged.confirmed)
    }

    /// How many others it absorbed within a day.
    pub(crate) fn absorbed_lately(&self, now: Instant) -> usize {
        let merged = self.lineage.as_deref().and_then(|lineage| lineage.merged.as_deref());
        let folded = merged.into_iter().flat_map(|merged| merged.folded.iter().copied());
        let absorbed = self.parts().iter().filter_map(|part| part.absorbed).chain(folded);
        absorbed.filter(|absorbed| is_of_today(*absorbed, now)).count()
    }

    fn merged_mut(&mut self) -> &mut Merged {
        self.lineage.get_or_insert_default().merged.get_or_insert_default()
    }

    /// The part that an id belongs to; 0 for the own one, or where there are none.
    pub(crate) fn part_of(&self, id: u32) -> usize {
        self.parts().iter().position(|part| part.profile.ids.contains(&id)).unwrap_or(0)
    }

    /// Lets something happen to the profile, and then to one of its parts, where it has any. Says which of the two.
    pub(crate) fn each(&mut self, part: usize, mut happen: impl FnMut(&mut Profile, bool)) {
        happen(self, true);
        let Some(lineage) = &mut self.lineage else { return };
        let parts = lineage.parts_mut();
        let part = if part < parts.len() { part } else { 0 };
        if let Some(part) = parts.get_mut(part) {
            happen(&mut part.profile, false);
        }
    }

    /// Lets something happen to the profile and to all of its parts.
    pub(crate) fn each_part(&mut self, mut happen: impl FnMut(&mut Profile)) {
        happen(self);
        let parts = self.lineage.iter_mut().flat_map(|lineage| lineage.parts_mut());
        parts.for_each(|part| happen(&mut part.profile));
    }

    /// Gives the ids of parts that were read their numbers: what was read are places among the profile's own.
    pub(crate) fn number_parts(&mut self) {
        let Profile { ids, lineage, .. } = self;
        for part in lineage.iter_mut().flat_map(|lineage| lineage.parts_mut()) {
            let number = |place: &u32| ids.get(*place as usize).copied();
            part.profile.ids = part.profile.ids.iter().filter_map(number).collect();
        }
    }

    /// Exchanges what the profile knows for what one of its parts knows. Twice, and all is as it was.
    pub(crate) fn exchange(&mut self, part: usize) {
        let Some(mut lineage) = self.lineage.take() else { return };
        if let Some(part) = lineage.parts_mut().get_mut(part) {
            std::mem::swap(self, &mut part.profile);
            std::mem::swap(&mut self.lineage, &mut part.profile.lineage);
        }
        self.lineage = Some(lineage);
    }

    /// Takes an event into the sessions of the profile, and of one of its parts.
    pub(crate) fn note_session(&mut self, part: usize, at: Instant, gap: Duration) {
        let parts = self.lineage.as_deref_mut().map_or(&mut [][..], Lineage::parts_mut);
        let part = if part < parts.len() { part } else { 0 };
        let Some(part) = parts.get_mut(part) else { return self.session.note(at, gap) };
        let before = part.profile.session;
        part.profile.session.note(at, gap);
        let now = part.profile.session;
        if now.number > before.number && before.number > 0 {
            let Session { events, first, last, .. } = before;
            part.past.push(Past { first, last, events });
        }
        if now != before {
            self.settle_session(gap);
        }
    }

    /// The session as that of its parts together, where it has any.
    fn settle_session(&mut self, gap: Duration) {
        if !self.parts().is_empty() {
            let sessions = self.parts().iter().map(|part| (part.profile.session, &*part.past));
            self.session = Session::together(sessions, gap).0;
        }
    }

    /// The sessions before the latest one, for what is a part from now on: by its events, where all of
    /// them are kept, or as they are known from when it was one.
    fn past_sessions(&mut self, rules: MergeRules<'_>) -> Vec<Past> {
        let merged = self.lineage.as_deref_mut().and_then(|lineage| lineage.merged.as_deref_mut());
        let known = merged.map(|merged| std::mem::take(&mut merged.past)).unwrap_or_default();
        let history = self.history.glance();
        let by_host = history.rows().iter().filter(|row| rules.keep.kind(row.kind()).is_of_host());
        let past = self.session.before(by_host.map(|row| Instant::from_millis(row.at())), rules.gap);
        if past.is_empty() { known } else { past }
    }

    /// The sessions before the latest one that are known: of its parts, or of itself once it was one.
    pub(crate) fn known_sessions(&self) -> impl Iterator<Item = &[Past]> {
        let merged = self.lineage.as_deref().and_then(|lineage| lineage.merged.as_deref());
        let own = merged.map(|merged| &*merged.past).filter(|past| !past.is_empty());
        self.parts().iter().map(|part| &*part.past).chain(own)
    }

    fn keep_past(&mut self, past: Vec<Past>) {
        if !past.is_empty() {
            self.merged_mut().past = past;
        }
    }

    /// The session for which events are kept: it begins with the earliest one that a merge may yet bring back.
    pub(crate) fn kept_session(&self) -> Session {
        let known = self.parts().iter().map(|part| part.profile.session).filter(|session| session.number > 0);
        let first = known.map(|session| session.first).min().unwrap_or(self.session.first);
        Session { first: first.min(self.session.first), ..self.session }
    }

    /// A copy of what hosts said of it, without its parts. Takes shares of its own.
    fn copy(&self, symbols: &mut Symbols) -> Profile {
        let mut copy = Profile {
            name: self.name.clone(),
            lineage: None,
            ids: self.ids.clone(),
            has_user_id: self.has_user_id,
            zone: self.zone,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            session: self.session,
            attributes: self.attributes.copy(symbols),
            history: self.history.copy(symbols),
            affinities: self.affinities.copy(symbols),
            totals: self.totals.copy(symbols),
        };
        copy.attributes.drop_derived(true, symbols);
        copy.set_first_name(self.lineage.as_ref().and_then(|lineage| lineage.first_name.clone()));
        if !self.confirmed().is_empty() {
            copy.merged_mut().confirmed = self.confirmed().to_vec();
        }
        copy
    }

    /// Takes over another profile of the same user ([`guide`](crate::profile::guide), what becomes of two profiles), and keeps both apart besides,
    /// for as long as the merge can be undone. Of the ids both keep what they have.
    pub(crate) fn absorb(
        &mut self,
        mut other: Profile,
        rules: MergeRules<'_>,
        (now, arrival): (Instant, u32),
        symbols: &mut Symbols,
    ) {
        if self.parts().is_empty() {
            let past = self.past_sessions(rules);
            let own = Part { profile: self.copy(symbols), absorbed: None, arrival, past };
            self.merged_mut().parts.push(own);
        }
        let theirs = other.take_parts();
        let mut parts = if theirs.is_empty() {
            let past = other.past_sessions(rules);
            vec![Part { profile: other.copy(symbols), absorbed: None, arrival, past }]
        } else {
            theirs
        };
        parts.iter_mut().for_each(|part| (part.absorbed, part.arrival) = (Some(now), arrival));
        let confirmed = other.confirmed().to_vec();
        let merged = self.merged_mut();
        merged.parts.append(&mut parts);
        merged.confirmed.extend(confirmed);
        merged.folded.retain(|absorbed| is_of_today(*absorbed, now));
        self.ids.extend_from_slice(&other.ids);
        self.join(other, rules, arrival, symbols);
        self.history.prune(now, &self.kept_session(), rules.keep, symbols);
        // What is kept apart is for nobody to look at.
        let parts = self.lineage.iter_mut().flat_map(|lineage| lineage.parts_mut());
        parts.for_each(|part| drop(part.profile.history.rest(rules.keep)));
        self.settle_session(rules.gap);
    }

    /// Adds what another profile knows, but for ids, names, parts and the session; what arrived after so many messages was
    /// said of both.
    fn join(&mut self, other: Profile, rules: MergeRules<'_>, joined: u32, symbols: &mut Symbols) {
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.attributes.absorb(other.attributes, joined, symbols);
        self.history.absorb(other.history, rules.keep);
        self.affinities.absorb(other.affinities, rules.rules, symbols);
        self.totals.absorb(other.totals, &rules.keep.totals, symbols);
    }

    fn take_parts(&mut self) -> Vec<Part> {
        let merged = self.lineage.as_deref_mut().and_then(|lineage| lineage.merged.as_deref_mut());
        merged.map(|merged| std::mem::take(&mut merged.parts)).unwrap_or_default()
    }

    /// Lets parts become the own one's for good: those that are chosen.
    pub(crate) fn fold(
        &mut self,
        rules: MergeRules<'_>,
        now: Instant,
        symbols: &mut Symbols,
        goes: impl Fn(&Part) -> bool,
    ) {
        if !self.parts().iter().skip(1).any(&goes) {
            return;
        }
        let mut rest = self.take_parts().into_iter();
        let Some(mut own) = rest.next() else { return };
        let (mut parts, mut folded) = (Vec::new(), Vec::new());
        for part in rest {
            if goes(&part) {
                folded.extend(part.absorbed.filter(|absorbed| is_of_today(*absorbed, now)));
                own.profile.ids.extend_from_slice(&part.profile.ids);
                let sessions = [(own.profile.session, &*own.past), (part.profile.session, &*part.past)];
                (own.profile.session, own.past) = Session::together(sessions, rules.gap);
                own.profile.join(part.profile, rules, part.arrival, symbols);
            } else {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            own.profile.release(symbols);
        } else {
            parts.insert(0, own);
        }
        let merged = self.merged_mut();
        merged.parts = parts;
        merged.folded.append(&mut folded);
        self.tidy();
    }

    /// Takes parts out, by their places in order, and is what is left of it: as if they had never been in it.
    pub(crate) fn take_apart(
        &mut self,
        places: &[usize],
        rules: MergeRules<'_>,
        symbols: &mut Symbols,
    ) -> Vec<Profile> {
        let mut out = Vec::new();
        let mut parts = Vec::new();
        for (place, mut part) in self.take_parts().into_iter().enumerate() {
            if places.contains(&place) {
                part.profile.keep_past(part.past);
                out.push(part.profile);
            } else {
                parts.push(part);
            }
        }
        let Some(own) = parts.first() else { return out };
        let mut whole =
            Profile { name: self.name.clone(), lineage: self.lineage.take(), ..own.profile.copy(symbols) };
        whole.has_user_id = self.has_user_id;
        whole.ids = parts.iter().flat_map(|part| part.profile.ids.iter().copied()).collect();
        for part in &parts[1..] {
            let copy = part.profile.copy(symbols);
            whole.join(copy, rules, part.arrival, symbols);
        }
        let gone = |confirmed: &Confirmed| {
            out.iter().any(|part| *part.name == *confirmed.previous || part.confirmed().contains(confirmed))
        };
        let merged = whole.merged_mut();
        merged.confirmed.retain(|confirmed| !gone(confirmed));
        merged.parts = parts;
        whole.settle_session(rules.gap);
        std::mem::replace(self, whole).release(symbols);
        if self.parts().len() == 1 {
            for part in self.take_parts() {
                self.keep_past(part.past);
                part.profile.release(symbols);
            }
        }
        self.tidy();
        out.iter_mut().for_each(Profile::tidy);
        out
    }

    pub(crate) fn set_first_name(&mut self, name: Option<Arc<str>>) {
        if name.is_some() || self.lineage.is_some() {
            self.lineage.get_or_insert_default().first_name = name;
            self.tidy();
        }
    }

    /// Gives up room for what is not there.
    fn tidy(&mut self) {
        let Some(lineage) = &mut self.lineage else { return };
        lineage.merged.take_if(|merged| merged.is_empty());
        if lineage.is_empty() {
            self.lineage = None;
        }
    }

    /// Notes a merge that the host confirmed.
    pub(crate) fn confirm(&mut self, confirmed: Confirmed) {
        self.merged_mut().confirmed.push(confirmed);
    }
}
