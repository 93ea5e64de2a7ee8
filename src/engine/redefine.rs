//! Other definitions take the place of those that hold.

use crate::definitions::{Compiled, Definitions, Pinned};
use crate::engine::eligible::ItemRules;
use crate::engine::look::Touched;
use crate::engine::partition::{NEVER, journey_facts};
use crate::engine::residence::text_of;
use crate::engine::{Audited, Outcome, Partition};
use crate::journey::Census;
use crate::model::{Duration, Instant};
use crate::profile::{Keep, NewKeep, Symbol, TotalId, UserKey, follow, kept_since};
use crate::segment::{Look, Move, Plan, Scratch, SegmentMoves, Touch};
use hashbrown::HashMap;
use std::sync::Arc;

/// Definitions on their way into a partition. They are made ready in steps, so that a host with readers keeps the
/// partition to itself for few of them.
#[derive(Debug)]
pub(super) struct Successor<'d> {
    definitions: &'d Definitions,
    compiled: Arc<Compiled>,
    /// The texts of the plan, as the store numbers them.
    texts: HashMap<Box<str>, Symbol, ahash::RandomState>,
}

impl<'d> Successor<'d> {
    /// Takes a share of each text in the store, so that none loses its number. O(texts).
    pub(super) fn new(definitions: &'d Definitions, partition: &mut Partition) -> Successor<'d> {
        Successor::of(definitions, definitions.compiled(), partition)
    }

    fn of(
        definitions: &'d Definitions,
        compiled: &Arc<Compiled>,
        partition: &mut Partition,
    ) -> Successor<'d> {
        let symbols = &mut partition.store.symbols;
        let texts = compiled.plan.symbols.texts().map(|(_, text)| (text.into(), symbols.intern(text)));
        Successor { definitions, texts: texts.collect(), compiled: compiled.clone() }
    }

    /// Makes the plan speak the numbers of the store. O(plan).
    pub(super) fn relocate(self) -> Ready<'d> {
        let Successor { definitions, compiled, texts } = self;
        let mut plan = compiled.plan.clone();
        plan.relocate(|text| *texts.get(text).expect("all texts of the plan are held"));
        Ready { definitions, compiled: compiled.with(plan), texts: texts.into_values().collect() }
    }
}

/// Definitions that can be put into force.
#[derive(Debug)]
pub(super) struct Ready<'d> {
    definitions: &'d Definitions,
    compiled: Compiled,
    texts: Vec<Symbol>,
}

/// By old number of a total, the one of the same meaning.
fn total_moves(old: &Compiled, new: &Compiled) -> Vec<Option<TotalId>> {
    let numbers = new.fingerprints().totals.iter().zip(0..).map(|(print, number)| (*print, TotalId(number)));
    let numbers: HashMap<u128, TotalId, ahash::RandomState> = numbers.collect();
    old.fingerprints().totals.iter().map(|print| numbers.get(print).copied()).collect()
}

/// Since when each total has seen every event, from what was kept under the old definitions.
fn totals_since(
    old: &Plan,
    new: &Plan,
    moves: &[Option<TotalId>],
    kept: &Keep,
    now: Instant,
) -> Vec<Option<Instant>> {
    let numbers = (0..new.totals.len() as u32).map(TotalId);
    let since = |id: TotalId| match moves.iter().position(|to| *to == Some(id)) {
        Some(before) => old.total_since(TotalId(before as u32)),
        None => {
            let (kinds, properties) = new.total_reads(id);
            kept_since((kept, &new.keep), &kinds, &properties, now)
        }
    };
    numbers.map(since).collect()
}

impl Partition {
    /// Goes on under other definitions. Everything that is due strictly before `now` happens under the old ones; then
    /// the new ones hold, and what they change is evaluated at `now`, with what is due at `now`. An earlier `now` than
    /// before counts as the clock. It is an input like a message: it has a number, and a replay needs it at its place.
    ///
    /// Everything is known by its name:
    /// - **Segments.** One that means the same, by its text, the segments it refers to, declared kinds and the
    ///   settings it depends on, is not evaluated. One that means something else is evaluated for every user, and
    ///   reported where that makes a difference; who stays in it has been in it since the stay began. One that is gone
    ///   is left by all its members, and so is one that is keyed by something else than before: also one that has another
    ///   name now. Changes come by user in order of their ids; for each, first what ended so, in the old order, then the
    ///   others in the new one. Journeys follow from them as from any change: whoever enters a segment because it means more
    ///   than before enters what begins with it, and nobody who was in it already enters a journey that is new.
    /// - **History.** Events and properties that the new definitions do not ask for go. What they ask for and what
    ///   was not kept is missing: it is there from `now` on. Running totals go on where the same is asked for; new ones are
    ///   worked out of the events that were kept.
    /// - **Affinities.** Shares stay, also where weights or half-life changed: what is new counts by the new ones.
    ///   A rule that is new begins empty.
    /// - **Journeys.** A user goes on under the version by which it entered, also after several changes: the steps, exits
    ///   and goal that it had then; templates and segments that these name are what they are now, and a template that is
    ///   gone is kept for it. Where the new journey says `on_change = "migrate"`, and where the version cannot be run any
    ///   more because a segment, event or attribute that it reads is gone, the user waits on the step of the same id, until
    ///   the same instant; a step that is gone goes on at the one that `moved_to` names, or ends with
    ///   [`Reason::StepRemoved`](crate::journey::Reason::StepRemoved), or
    ///   [`Reason::Version`](crate::journey::Reason::Version). Where the journey is gone it ends with
    ///   [`Reason::Redefined`](crate::journey::Reason::Redefined). Actions of what ended so that the host does not hold yet
    ///   are taken back. Past entries and counts stay with the name. A version that nobody is in, and no message is
    ///   remembered of, is kept no longer after the next change. [`migration`](Partition::migration) says before what
    ///   would become of whom.
    /// - **Recommenders.** One whose parameters are other ones begins anew.
    /// - **Consent.** What waits in the outbox and may not go out by what is declared now is taken back.
    /// - An attribute that is to be kept as a hash, or not at all, is kept so from here on. Of events that were kept
    ///   before, and of what was learned of them, values stay as they are until they pass.
    /// - An attribute or property that is declared an instant from now on, or no longer, is read so, where it can be.
    ///
    /// Costs what is kept of all users where events or properties change their places, the changed segments times all
    /// users, and little where nothing changed.
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Instant, Message};
    ///
    /// let twice = r#"
    ///     version = 1
    ///     [events.view]
    ///     [segments]
    ///     curious = "count(view in 1d) >= 2"
    /// "#;
    /// let mut partition = Partition::new(&Definitions::from_toml(twice)?);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::track("ada", "view"), now)?;
    ///
    /// let once = Definitions::from_toml(&twice.replace(">= 2", ">= 1"))?;
    /// let outcome = partition.redefine(&once, now);
    /// assert_eq!(outcome.changes[0].to_string(), "ada entered curious");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn redefine(&mut self, definitions: &Definitions, now: Instant) -> Outcome {
        self.redefine_keeping(definitions, None, now)
    }

    /// The same where it was said what to keep of earlier definitions.
    pub(super) fn redefine_keeping(
        &mut self,
        definitions: &Definitions,
        pinned: Option<Vec<Pinned>>,
        now: Instant,
    ) -> Outcome {
        let ready = Successor::new(definitions, self).relocate();
        self.put_into_force(ready, pinned, now)
    }

    pub(super) fn put_into_force(
        &mut self,
        ready: Ready<'_>,
        pinned: Option<Vec<Pinned>>,
        now: Instant,
    ) -> Outcome {
        let now = now.max(self.clock);
        let mut outcome = self.begin(now);
        self.run_due(now - Duration::from_millis(1), &mut outcome);
        self.clock = now;

        self.bring_all();
        let Ready { definitions, mut compiled, texts } = self.with_pinned(ready, pinned, now);
        let old = self.compiled.clone();
        let plan = &mut compiled.plan;
        (plan.keep, plan.rules) =
            follow((&self.store.keep, &self.store.rules), (&plan.keep, &plan.rules), now);
        let totals = total_moves(&old, &compiled);
        compiled.plan.totals_since = totals_since(&old.plan, &compiled.plan, &totals, &self.store.keep, now);
        let plan = &compiled.plan;
        let new_keep = NewKeep {
            keep: plan.keep.clone(),
            rules: plan.rules.clone(),
            zone: plan.zone.clone(),
            session_gap: plan.session_gap,
            totals: totals.clone(),
        };
        let drops = self.store.redefine(new_keep, now);
        let moves =
            SegmentMoves::new((&old.plan, old.fingerprints()), (&compiled.plan, compiled.fingerprints()));
        self.stats = moves.carry(&self.stats);
        self.models.redefine(&definitions.recommend, self.store.arrivals as u32);
        self.item_rules = ItemRules::default();
        let revision = self.catalogue.revision();
        self.catalogue.redefine(&definitions.schema.items, &mut self.store.symbols);
        if self.catalogue.revision() != revision || !self.models.has_descriptions() {
            self.describe_items();
        }
        self.set_levels();
        self.settings = definitions.settings.clone();
        self.store.set_identity_rules(&self.settings.identity);
        if let Some(shelf) = &mut self.shelf {
            shelf.definitions = text_of(definitions);
        }
        self.names = definitions.schema.facts.clone();
        self.seen.set_window(self.settings.dedup_window);
        *self.scratch.get_mut() = Scratch::default();
        self.compiled = Arc::new(compiled);
        self.journey_facts = journey_facts(&self.compiled);
        self.members.relocate(&moves, &self.compiled.plan, self.store.keys());
        self.work_out_totals(&totals, now);
        if old.plan.keep.retention != self.compiled.plan.keep.retention {
            self.expire_all(now);
        }
        if drops {
            self.store.prune(now);
        }
        let ended = self.journeys.redefine(&self.compiled.journeys, &self.store, now, &mut outcome.notes);
        for user in ended {
            self.users[user.0 as usize].journey_due = self.journeys.deadline(user).unwrap_or(NEVER);
        }
        self.follow_dates(old.plan.zone != self.compiled.plan.zone, now, &mut outcome);
        self.minimise_kept(&old);
        self.follow_purposes(&old, now, &mut outcome);
        self.move_memberships(&old, &moves, now, &mut outcome);
        self.audit(None, None, now, Audited::Definitions, &mut outcome);
        let old_texts = std::mem::replace(&mut self.texts, texts);
        old_texts.into_iter().for_each(|text| self.store.symbols.release(text.packed()));
        outcome
    }

    /// Adds the journeys that users go on in under the version by which they entered, where there are any.
    fn with_pinned<'d>(&mut self, ready: Ready<'d>, pinned: Option<Vec<Pinned>>, now: Instant) -> Ready<'d> {
        let compiled = match pinned {
            Some(pinned) => ready.definitions.with_pinned(pinned),
            None if self.journeys.other_versions(&ready.compiled.journeys).is_empty() => return ready,
            None => {
                let mut census = Census::default();
                self.store.keys().for_each(|user| self.journeys.count_in(&mut census, user, now));
                self.with_versions(&census, ready.definitions, now)
            }
        };
        if compiled.pinned.is_empty() {
            return ready;
        }
        // What the new plan reads is held before what it does not read is given up.
        let pinned = Successor::of(ready.definitions, &compiled, self).relocate();
        ready.texts.into_iter().for_each(|text| self.store.symbols.release(text.packed()));
        pinned
    }

    /// Definitions together with the journeys of those that hold, and of earlier ones, that somebody goes on in.
    pub(super) fn with_versions(
        &self,
        census: &Census,
        definitions: &Definitions,
        now: Instant,
    ) -> Arc<Compiled> {
        let wanted = self.journeys.to_pin(census, &definitions.compiled().journeys, now);
        let pinned = wanted.into_iter().filter_map(|number| self.compiled.pinned(number));
        definitions.with_pinned(pinned.collect())
    }

    /// Works the totals that are new out of the events that are kept, for everybody.
    fn work_out_totals(&mut self, moves: &[Option<TotalId>], now: Instant) {
        let compiled = self.compiled.clone();
        let numbers = (0..compiled.plan.totals.len()).map(|number| TotalId(number as u32));
        let new: Vec<TotalId> = numbers.filter(|id| !moves.contains(&Some(*id))).collect();
        if new.is_empty() {
            return;
        }
        for user in self.store.keys().collect::<Vec<_>>() {
            self.work_out_totals_of(user, &new, &compiled, now);
            for part in 0..self.store.get(user).parts().len() {
                self.store.exchange(user, part);
                self.work_out_totals_of(user, &new, &compiled, now);
                self.store.exchange(user, part);
            }
        }
    }

    fn work_out_totals_of(&mut self, user: UserKey, new: &[TotalId], compiled: &Compiled, now: Instant) {
        let mut look = Look {
            plan: &compiled.plan,
            store: &mut self.store,
            scratch: self.scratch.get_mut(),
            user,
            now,
            dropped: &mut self.parts_dropped,
            changes: &mut Vec::new(),
            recorded: &mut Vec::new(),
        };
        new.iter().for_each(|id| look.work_out_total(*id));
    }

    /// Moves everybody's memberships, and looks at what may have changed.
    fn move_memberships(
        &mut self,
        old: &Compiled,
        moves: &SegmentMoves,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        // Whoever is due at this instant is looked at with the others, or alone.
        let mut users: Vec<UserKey> = if moves.are_none() {
            for user in self.store.keys().collect::<Vec<_>>() {
                self.move_user(user, old, moves, now, outcome);
            }
            self.next_batch(now);
            let mut due = std::mem::take(&mut self.due);
            due.extend(self.expired.iter().map(|(user, _)| *user));
            due.sort_unstable();
            due.dedup();
            due
        } else {
            self.next_batch(now);
            self.due.clear();
            self.store.keys().collect()
        };
        users.sort_by(|a, b| self.store.name(*a).cmp(self.store.name(*b)));
        if moves.are_none() {
            self.write_stays(now);
        }
        for user in users.drain(..) {
            let from = outcome.changes.len();
            if !moves.are_none() {
                self.move_user(user, old, moves, now, outcome);
                self.write_stays_of(user, now);
            }
            let touched = Touched { touch: Touch::Redefined(moves), ..Touched::by_time(user) };
            self.look_after(from, &touched, now, outcome);
            if self.is_over(user, now) {
                self.retire(user, now, outcome);
            }
        }
        self.due = users;
    }

    /// Writes down when stays began, for everybody, where expressions have come to ask for that.
    fn write_stays(&mut self, now: Instant) {
        for user in self.store.keys().collect::<Vec<_>>() {
            self.write_stays_of(user, now);
        }
    }

    pub(super) fn write_stays_of(&mut self, user: UserKey, now: Instant) {
        let Partition { compiled, store, users, .. } = self;
        users[user.0 as usize].memberships.write_stays(&compiled.plan, store, user, now);
    }

    fn move_user(
        &mut self,
        user: UserKey,
        old: &Compiled,
        moves: &SegmentMoves,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        let name = &self.store.name(user).clone();
        let (old, new) = (&old.plan, &self.compiled.plan);
        let of = Move { old, new, moves, name, now };
        let memberships = &mut self.users[user.0 as usize].memberships;
        memberships.relocate(&of, &mut self.store.symbols, &mut outcome.changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Message;

    /// Texts that nothing holds any more are gone, however often definitions change.
    #[test]
    fn texts_of_old_definitions_go() {
        let definitions = |country: &str, property: &str| {
            let text = format!(
                "version = 1\n[settings]\nschema = \"lenient\"\n[segments]\na = 'country in [\"{country}\", \"{country}{country}\"]'\n\
                 b = 'did(view where {property} = \"{country}\")'"
            );
            Definitions::from_toml(&text).unwrap()
        };
        let (first, second) = (definitions("FR", "sku"), definitions("DE", "city"));
        let mut partition = Partition::new(&first);
        let now = Instant::from_millis(0);
        let view = Message::track("ada", "view").with("sku", "boot").with("city", "Paris");
        partition.ingest(&view, now).unwrap();
        let count = |partition: &Partition| partition.store.symbols.texts().count();
        let mut counts = Vec::new();
        for definitions in [&second, &first].into_iter().cycle().take(6) {
            partition.redefine(definitions, now);
            counts.push(count(&partition));
        }
        // The value of a property that is kept no longer went with it.
        assert_eq!(counts[2..4], counts[4..6]);
        assert_eq!(counts[0], counts[2]);
        let mut fresh = Partition::new(&first);
        fresh.ingest(&Message::track("ada", "view"), now).unwrap();
        assert_eq!(counts[1], count(&fresh));
    }
}
