use crate::engine::Error;
use crate::engine::partition::Partition;
use crate::model::Instant;
use crate::profile::UserKey;
use crate::segment::{Expression, Inquiry};
use serde::Serialize;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Users who are looked at before the host is asked whether to go on.
const PAGE_USERS: usize = 1_000;

/// The same where users may be in the store only.
const PAGE_USERS_OF_STORE: usize = 64;

/// The users of a page. Where some may be in the store only it is short, because they have to come back for it.
pub(super) fn page_from(partition: &Partition, first: UserKey) -> Vec<UserKey> {
    let page = if partition.shelf.is_some() { PAGE_USERS_OF_STORE } else { PAGE_USERS };
    partition.store.keys_from(first).take(page).collect()
}

/// How far a question that is asked of everyone has come.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::{Engine, Progress}, model::{Instant, Message}};
/// # use std::ops::ControlFlow;
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[attributes]\nplan = \"string\"")?).open()?;
/// # let now = Instant::from_millis(0);
/// # for user in 0..2_500 {
/// #     engine.ingest(Message::identify(format!("user-{user}")).with("plan", "pro"), now)?;
/// # }
/// let expression = engine.expression(r#"plan = "pro""#)?;
/// let enough = |progress: &Progress| {
///     println!("{} of {} users, {} of them match", progress.done, progress.total, progress.matching);
///     if progress.matching >= 500 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// };
/// let survey = engine.evaluate_all(&expression, 0, now, enough)?;
/// assert_eq!((survey.done, survey.complete), (1_000, false)); // of 2,500: it stopped after a page
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Users who were looked at.
    pub done: usize,
    /// All users.
    pub total: usize,
    /// Those of `done` for whom the expression holds.
    pub matching: usize,
}

/// For whom an expression holds.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # use std::ops::ControlFlow;
/// # let engine = Engine::builder(Definitions::from_toml("version = 1\n[attributes]\nplan = \"string\"")?).open()?;
/// # let now = Instant::from_millis(0);
/// for (user, plan) in [("cyd", "pro"), ("ada", "pro"), ("bob", "free"), ("eve", "pro")] {
///     engine.ingest(Message::identify(user).with("plan", plan), now)?;
/// }
/// let expression = engine.expression(r#"plan = "pro""#)?;
/// let survey = engine.evaluate_all(&expression, 2, now, |_| ControlFlow::Continue(()))?;
/// assert_eq!((survey.matching, survey.complete), (3, true)); // all of them are counted
/// assert_eq!(survey.users, ["ada".into(), "cyd".into()]); // the first two ids, as was asked for
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Survey {
    /// How many users it holds for.
    pub matching: usize,
    /// How many were looked at: all, unless the host stopped it.
    pub done: usize,
    /// Whether all were.
    pub complete: bool,
    /// The first of those it holds for in the order of their ids, as many as were asked for.
    pub users: Vec<Arc<str>>,
    /// Since when there is all of the history that the expression asks for, where it asks for more than is kept: the
    /// latest instant of all users.
    pub covered_since: Option<Instant>,
}

/// A question that is being asked of everyone, a page of users at a time.
#[derive(Debug)]
pub(super) struct Surveyor {
    /// Which partition is being asked.
    pub(super) partition: usize,
    next: UserKey,
    progress: Progress,
    limit: usize,
    /// The least ids so far; the largest of them is on top.
    users: BinaryHeap<Arc<str>>,
    covered_since: Option<Instant>,
    complete: bool,
}

impl Surveyor {
    pub(super) fn new(limit: usize) -> Surveyor {
        Surveyor {
            partition: 0,
            next: UserKey(0),
            progress: Progress { done: 0, total: 0, matching: 0 },
            limit,
            users: BinaryHeap::new(),
            covered_since: None,
            complete: false,
        }
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Goes on with the next partition.
    pub(super) fn next_partition(&mut self) {
        (self.partition, self.next, self.complete) = (self.partition + 1, UserKey(0), false);
    }

    /// Says how many users there are in all.
    pub(super) fn set_total(&mut self, total: usize) {
        self.progress.total = total.max(self.progress.done);
    }

    /// The users of the next page.
    pub(super) fn users(&self, partition: &Partition) -> Vec<UserKey> {
        page_from(partition, self.next)
    }

    /// Looks at one more page of users, all of whom are in memory.
    pub(super) fn page(
        &mut self,
        partition: &Partition,
        expression: &Expression,
        now: Instant,
    ) -> Result<(), Error> {
        if let Some(error) = expression.condition_wanted() {
            return Err(Error::Expression(vec![error]));
        }
        let now = now.max(partition.clock());
        let aside = expression.on(&partition.compiled.ground()).map_err(Error::Expression)?;
        let plan = aside.plan.beside(&partition.compiled.plan, &partition.store.symbols);
        let mut seen = 0;
        for user in self.users(partition) {
            self.next = UserKey(user.0 + 1);
            seen += 1;
            // To be looked for is to be processed.
            if partition.restricted.contains(&user) {
                continue;
            }
            let inquiry = Inquiry::new(&aside, &plan, &partition.store, user, now);
            if inquiry.holds() {
                self.progress.matching += 1;
                self.note(partition.store.name(user));
            }
            self.covered_since = self.covered_since.max(inquiry.covered_since());
        }
        self.progress.done += seen;
        self.progress.total = partition.user_count().max(self.progress.done);
        self.complete = partition.store.keys_from(self.next).next().is_none();
        Ok(())
    }

    fn note(&mut self, name: &str) {
        if self.users.len() < self.limit {
            self.users.push(name.into());
        } else if self.users.peek().is_some_and(|last| *name < **last) {
            self.users.pop();
            self.users.push(name.into());
        }
    }

    pub(super) fn finish(self) -> Survey {
        Survey {
            matching: self.progress.matching,
            done: self.progress.done,
            complete: self.complete,
            users: self.users.into_sorted_vec(),
            covered_since: self.covered_since,
        }
    }
}
