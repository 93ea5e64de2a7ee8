//! What was learned, as it is written: in sections of a checkpoint, with each user, and with who goes elsewhere.

use crate::engine::models::Models;
use crate::engine::unlearn::{Learned, Way};
use crate::model::{Bytes, Instant, Malformed, Pieces, Record};
use crate::predict::UserSkill;
use crate::profile::{ProfileStore, UserKey};
use crate::recommend::Recent;

/// What models know of a user that leaves memory with the user.
#[derive(Debug, Default)]
pub(crate) struct OfUser {
    recent: Option<Box<Recent>>,
    skill: Option<Box<UserSkill>>,
}

impl Models {
    /// What is to be written of what was learned, without what belongs to one user.
    pub(crate) fn write_section_later(&self, pieces: &mut Pieces) {
        let Models {
            items,
            sessions,
            covisitation,
            baskets,
            beginnings,
            popularity,
            trending,
            twins,
            ease,
            als,
            hosts,
            weights,
            explorer,
            skills,
            models,
            ..
        } = self;
        items.write_later(pieces);
        sessions.write_later(pieces);
        pieces.push_now(|out| beginnings.write(out));
        covisitation.write_later(pieces);
        baskets.write_later(pieces);
        popularity.write_later(pieces);
        trending.write_later(pieces);
        twins.write_later(pieces);
        pieces.push_now(|out| models.len().write(out));
        models.iter().for_each(|model| model.write_later(pieces));
        pieces.push_now(|out| {
            self.learned_since.write(out);
            self.learned_in_order().write(out);
        });
        ease.iter().for_each(|model| model.write_later(pieces));
        als.iter().for_each(|model| model.write_later(pieces));
        pieces.push_now(|out| {
            // By its trait a recommender of the host's can only be written in one go.
            hosts.write(out);
            weights.write(out);
        });
        skills.write_items_later(pieces);
        explorer.iter().for_each(|explorer| explorer.write_later(pieces));
    }

    /// Goes on with what was learned under the same definition; what belongs to users comes after.
    ///
    /// # Errors
    /// Bytes that were not written so. What was there is no longer whole then, and the models are of no use.
    pub(crate) fn read_section(&mut self, from: &mut Bytes<'_>) -> Result<(), Malformed> {
        self.items = from.read()?;
        let items = self.items.len();
        self.sessions.read_state(from, items)?;
        self.beginnings = from.counter("the number of a model")?;
        self.covisitation.read_state(from, items)?;
        self.baskets.read_state(from, items)?;
        self.popularity.read_state(from, items)?;
        self.trending.read_state(from, items)?;
        self.twins.read_state(from, items)?;
        let contexts = self.models.len();
        from.valid("popularity by context", |len: &usize| *len == contexts)?;
        self.models.iter_mut().try_for_each(|model| model.read_state(from, items))?;
        self.learned_since = from.read()?;
        let learned: Vec<(u32, Learned)> = from.read()?;
        self.learned = learned.into_iter().map(|(user, learned)| (UserKey(user), learned)).collect();
        self.ease.iter_mut().try_for_each(|model| model.read_state(from, items))?;
        self.als.iter_mut().try_for_each(|model| model.read_state(from, items))?;
        self.hosts.read(&self.items, from)?;
        self.weights.go_on(from.read()?);
        self.skills.read_items(from, items)?;
        if let Some(explorer) = &mut self.explorer {
            explorer.read_state(from, items)?;
        }
        Ok(())
    }

    /// Takes out what belongs to a user.
    pub(crate) fn take_user(&mut self, user: UserKey) -> OfUser {
        OfUser { recent: self.covisitation.take_user(user.0), skill: self.skills.take_user(user.0) }
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(crate) fn put_user(&mut self, user: UserKey, OfUser { recent, skill }: OfUser) {
        self.covisitation.put_user(user.0, recent);
        self.skills.put_user(user.0, skill);
    }

    /// Writes what [`take_user`](Models::take_user) takes out.
    pub(crate) fn write_user(&self, user: UserKey, out: &mut Vec<u8>) {
        self.beginnings.write(out);
        self.covisitation.write_user(user.0, out);
        let skill = self.skills.user(user.0);
        skill.is_some().write(out);
        skill.iter().for_each(|skill| skill.write(out));
    }

    /// Reads what was written of a user; of the last session nothing is left where co-visitation has begun anew since.
    ///
    /// # Errors
    /// Bytes that were not written so.
    pub(crate) fn read_user(&self, from: &mut Bytes<'_>) -> Result<OfUser, Malformed> {
        let is_gone = u64::read(from)? != self.beginnings;
        let recent = self.covisitation.read_user(from, is_gone)?;
        let skill = if bool::read(from)? { Some(Box::new(from.read()?)) } else { None };
        Ok(OfUser { recent, skill })
    }

    /// Writes what belongs to a user who goes to another partition, where items have other numbers.
    pub(super) fn write_traveller(&self, user: UserKey, of_user: OfUser, out: &mut Vec<u8>) {
        let OfUser { recent, skill } = of_user;
        let Learned { since, as_one_since } = self.learned.get(&user).copied().unwrap_or_default();
        let since = since.max(self.learned_since);
        Learned { since, as_one_since: as_one_since.max(since) }.write(out);
        recent.is_some().write(out);
        if let Some(recent) = recent {
            recent.write_named(&self.items, out);
        }
        skill.is_some().write(out);
        if let Some(skill) = skill {
            let mut names: Vec<String> = Vec::new();
            let skill = skill.renumbered(|item| {
                names.push(self.items.name(self.items.at(item)?)?.to_owned());
                Some(names.len() as u32 - 1)
            });
            names.write(out);
            skill.write(out);
        }
    }

    /// Takes in what was [written](Models::write_traveller) of a user whose profile is there, and learns what its
    /// history proves: where it came from that was taken back.
    ///
    /// # Errors
    /// Bytes that were not written so.
    pub(super) fn read_traveller(
        &mut self,
        user: UserKey,
        store: &ProfileStore,
        now: Instant,
        from: &mut Bytes<'_>,
    ) -> Result<(), Malformed> {
        let learned: Learned = from.read()?;
        if learned != Learned::default() {
            self.learned.insert(user, learned);
        }
        self.teach(user, store, now, Way::On);
        if bool::read(from)? {
            let recent = Recent::read_named(from, &mut self.items)?;
            self.covisitation.take_in_user(user.0, recent);
        }
        if bool::read(from)? {
            let names: Vec<String> = from.read()?;
            let skill: UserSkill = from.read()?;
            let skill = skill.renumbered(|name| {
                let item = self.items.intern(names.get(name as usize)?).ok()?;
                Some(item.number())
            });
            self.skills.put_user(user.0, Some(Box::new(skill)));
        }
        Ok(())
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: UserKey) -> usize {
        let skill = self.skills.user(user.0).map_or(0, |_| size_of::<UserSkill>());
        self.covisitation.heap_bytes(user.0) + skill
    }
}
