//! What was learned, as it is written: in sections of a checkpoint, with each user, and with who goes elsewhere.

use crate::engine::models::Models;
use crate::engine::unlearn::{Learned, Way};
use crate::model::{Bytes, Instant, Malformed, Pieces, Record};
use crate::profile::{ProfileStore, UserKey};
use crate::recommend::{Items, Recent, Recommender};

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
        pieces.push_now(|out| written(twins, out));
        pieces.push_now(|out| models.len().write(out));
        models.iter().for_each(|model| model.write_later(pieces));
        pieces.push_now(|out| {
            self.learned_since.write(out);
            self.learned_in_order().write(out);
        });
        // A copy each: of these there are few, and only where definitions ask for them.
        pieces.push_now(|out| {
            ease.iter().for_each(|model| written(model, out));
            als.iter().for_each(|model| written(model, out));
            hosts.write(out);
            weights.write(out);
            if let Some(explorer) = explorer {
                let mut bytes = Vec::new();
                explorer.checkpoint(&mut bytes);
                bytes.write(out);
            }
        });
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
        read_written(&mut self.twins, &self.items, from)?;
        let contexts = self.models.len();
        from.valid("popularity by context", |len: &usize| *len == contexts)?;
        self.models.iter_mut().try_for_each(|model| model.read_state(from, items))?;
        self.learned_since = from.read()?;
        let learned: Vec<(u32, Learned)> = from.read()?;
        self.learned = learned.into_iter().map(|(user, learned)| (UserKey(user), learned)).collect();
        self.ease.iter_mut().try_for_each(|model| read_written(model, &self.items, from))?;
        self.als.iter_mut().try_for_each(|model| read_written(model, &self.items, from))?;
        self.hosts.read(&self.items, from)?;
        self.weights.go_on(from.read()?);
        if let Some(explorer) = &mut self.explorer {
            let bytes: Vec<u8> = from.read()?;
            let refused = from.malformed("the checkpoint of what is explored");
            explorer.restore(&bytes, &self.items).map_err(|_| refused)?;
        }
        Ok(())
    }

    /// Takes out what belongs to a user: the last session.
    pub(crate) fn take_user(&mut self, user: UserKey) -> Option<Box<Recent>> {
        self.covisitation.take_user(user.0)
    }

    /// Puts in what was taken out or read, in place of what is there.
    pub(crate) fn put_user(&mut self, user: UserKey, recent: Option<Box<Recent>>) {
        self.covisitation.put_user(user.0, recent);
    }

    /// Writes what [`take_user`](Models::take_user) takes out.
    pub(crate) fn write_user(&self, user: UserKey, out: &mut Vec<u8>) {
        self.beginnings.write(out);
        self.covisitation.write_user(user.0, out);
    }

    /// Reads what was written of a user; nothing of it is left where co-visitation has begun anew since.
    ///
    /// # Errors
    /// Bytes that were not written so.
    pub(crate) fn read_user(&self, from: &mut Bytes<'_>) -> Result<Option<Box<Recent>>, Malformed> {
        let is_gone = u64::read(from)? != self.beginnings;
        self.covisitation.read_user(from, is_gone)
    }

    /// Writes what belongs to a user who goes to another partition, where items have other numbers.
    pub(super) fn write_traveller(&self, user: UserKey, recent: Option<&Recent>, out: &mut Vec<u8>) {
        let Learned { since, as_one_since } = self.learned.get(&user).copied().unwrap_or_default();
        let since = since.max(self.learned_since);
        Learned { since, as_one_since: as_one_since.max(since) }.write(out);
        recent.is_some().write(out);
        if let Some(recent) = recent {
            recent.write_named(&self.items, out);
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
        Ok(())
    }

    /// About how many bytes leave memory with a user.
    pub(crate) fn heap_bytes(&self, user: UserKey) -> usize {
        self.covisitation.heap_bytes(user.0)
    }
}

fn written(model: &impl Recommender, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    model.checkpoint(&mut bytes);
    bytes.write(out);
}

fn read_written(model: &mut impl Recommender, items: &Items, from: &mut Bytes<'_>) -> Result<(), Malformed> {
    let bytes: Vec<u8> = from.read()?;
    let refused = from.malformed("the checkpoint of a model");
    model.restore(&bytes, items).map_err(|_| refused)
}
