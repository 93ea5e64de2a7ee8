//! Taking profiles apart again that became one.

use crate::model::Instant;
use crate::profile::lineage::MergeRules;
use crate::profile::{IdKind, IdentityError, ProfileStore, UserKey};
use smol_str::SmolStr;

impl ProfileStore {
    /// The parts of a user's profile that are named by all of their ids, in order.
    pub(super) fn parts_named(
        &self,
        user: &str,
        ids: &[Box<str>],
        now: Instant,
    ) -> Result<Vec<usize>, IdentityError> {
        let window = self.linking.undo_window;
        let not_absorbed =
            |id: &str| Err(IdentityError::NotAbsorbed { id: id.into(), user: user.into(), window });
        let Some(key) = self.ids.owner(IdKind::User, user) else { return not_absorbed(&ids[0]) };
        let profile = self.get(key);
        let text = |number: &u32| self.ids.entry(*number).1;
        let mut places = Vec::new();
        for id in ids {
            let of_id = |number: &u32| text(number) == &**id;
            let parts = profile.parts().iter().enumerate();
            let named: Vec<usize> = parts
                .filter(|(_, part)| part.profile.ids.iter().any(of_id))
                .map(|(place, _)| place)
                .collect();
            if named.is_empty() {
                return not_absorbed(id);
            }
            for place in named {
                let part = &profile.parts()[place];
                if part.absorbed.is_none_or(|absorbed| now - absorbed >= window) {
                    return not_absorbed(id);
                }
                if let Some(other) =
                    part.profile.ids.iter().map(text).find(|text| !ids.iter().any(|id| **id == **text))
                {
                    return Err(IdentityError::Inseparable { id: id.clone(), other: other.into() });
                }
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        let goes = places.iter().map(|place| profile.parts()[*place].profile.ids.len()).sum::<usize>();
        if goes >= profile.ids.len() {
            return Err(IdentityError::NothingLeft { user: user.into() });
        }
        places.sort_unstable();
        Ok(places)
    }

    /// Takes out of a user's profile what has those ids. Gives who it was taken out of, and who is on their own again;
    /// nobody where it cannot be told apart.
    pub(crate) fn split(
        &mut self,
        user: &str,
        ids: &[Box<str>],
        now: Instant,
    ) -> Option<(UserKey, Vec<UserKey>, Instant)> {
        let key = self.ids.owner(IdKind::User, user)?;
        let places = self.parts_named(user, ids, now).ok()?;
        let (keep, rules, gap) = (self.keep.clone(), self.rules.clone(), self.session_gap);
        let rules = MergeRules { keep: &keep, rules: &rules, gap };
        let absorbed = places.iter().filter_map(|place| self.get(key).parts().get(*place)?.absorbed).min();
        self.rings.remove(&key);
        let parts = self.profiles.get_mut(key).take_apart(&places, rules, &mut self.symbols);
        self.refresh_zone(key);
        let mut out = Vec::new();
        for mut part in parts {
            // The device that it was named by may have a visitor of that name now.
            let is_own = |number: &u32| *self.ids.entry(*number).1 == *part.name;
            if !part.ids.iter().any(is_own) {
                let first = part.ids.iter().map(|number| self.ids.entry(*number).1).min();
                let first = SmolStr::from(first.unwrap_or_default());
                let bucketing_id = part.bucketing_id().into();
                part.name = first;
                part.set_first_name(Some(bucketing_id));
            }
            let numbers = part.ids.clone();
            let own = self.profiles.add(part);
            numbers.iter().for_each(|number| self.ids.set_owner(*number, own));
            self.refresh_zone(own);
            out.push(own);
        }
        self.linking.health.split += out.len() as u64;
        Some((key, out, absorbed.unwrap_or(Instant::MIN)))
    }

    /// Whether any absorption can be undone, or was lately.
    pub(crate) fn has_absorptions(&self) -> bool {
        !self.linking.undo.is_empty()
    }

    /// Who has absorbed something that can be undone no longer at an instant: they have to be in memory before
    /// [`settle_absorptions`](ProfileStore::settle_absorptions).
    pub(crate) fn absorptions_due(&self, until: Instant) -> impl Iterator<Item = UserKey> + '_ {
        let window = self.linking.undo_window;
        let due = move |(at, _): &&(Instant, UserKey)| until - *at >= window;
        self.linking.undo.iter().take_while(due).map(|(_, user)| *user)
    }

    /// Lets go of what absorptions keep apart, once they can be undone no longer.
    pub(crate) fn settle_absorptions(&mut self, until: Instant) {
        let window = self.linking.undo_window;
        while let Some((at, user)) = self.linking.undo.first().copied() {
            if until - at < window {
                return;
            }
            self.linking.undo.pop_first();
            // The number may be another's since: nothing of theirs is due before its turn.
            if self.profiles.is_here(user) {
                let rules = MergeRules { keep: &self.keep, rules: &self.rules, gap: self.session_gap };
                let is_due = |absorbed: Option<Instant>| absorbed.is_some_and(|at| until - at >= window);
                let profile = self.profiles.get_mut(user);
                profile.fold(rules, until, &mut self.symbols, |part| is_due(part.absorbed));
            }
        }
    }
}
