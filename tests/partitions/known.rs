//! What is to be the same, however many partitions there are.

use crate::stream::{Step, Stream, definitions};
use bespoke::decision::Feedback;
use bespoke::engine::{Engine, Error, Outcome};
use bespoke::journey::Delivery;
use bespoke::model::{Body, Duration, Instant, Message};

/// A stream of inputs for engines that are to know the same. No two come at one instant, because of equals each partition
/// knows its own order.
pub(crate) struct Inputs {
    pub(crate) stream: Stream,
    handed_out: Vec<String>,
    /// Messages that may come once more, each with its instant.
    sent: Vec<(Instant, Message)>,
    messages: u64,
}

impl Inputs {
    pub(crate) fn new(seed: u64, users: u32) -> Inputs {
        Inputs { stream: Stream::new(seed, users), handed_out: Vec::new(), sent: Vec::new(), messages: 0 }
    }

    pub(crate) fn step(&mut self) -> Step {
        let step = self.stream.step();
        self.stream.now = self.stream.now + Duration::from_millis(1);
        let rng = &mut self.stream.rng;
        let now = self.stream.now;
        // Whoever was erased and comes back may do so where nobody knows what was sent before.
        self.sent.retain(|(sent, _)| now - *sent < Duration::hours(4));
        match step {
            Step::Message(mut message) => {
                if matches!(message.body, Body::Forget { .. }) {
                    self.sent.clear();
                } else if rng.u32(0..3) == 0 {
                    self.messages += 1;
                    message.message_id = Some(format!("message-{}", self.messages).into());
                    self.sent.push((now, message.clone()));
                } else if rng.u32(0..12) == 0 && !self.sent.is_empty() {
                    // A second copy, from a queue.
                    return Step::Message(self.sent[rng.usize(0..self.sent.len())].1.clone());
                }
                Step::Message(message)
            }
            Step::Acknowledge(unknown, delivery) => {
                Step::Acknowledge(self.handed_out.pop().unwrap_or(unknown), delivery)
            }
            step => step,
        }
    }

    pub(crate) fn note(&mut self, step: &Step, handed_out: &[String]) {
        self.handed_out.extend_from_slice(handed_out);
        if let Step::Redefine(more) = step {
            self.stream.more = *more;
        }
    }
}

/// What an input, or a few, brought about.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) lines: Vec<String>,
    pub(crate) handed_out: Vec<String>,
}

impl Told {
    fn note(&mut self, outcome: &Outcome) {
        let Outcome { duplicate, refused, changes, notes, receipt, audit, .. } = outcome;
        if *duplicate || refused.is_some() {
            self.lines.push(format!("{duplicate} {refused:?}"));
        }
        for change in changes {
            self.lines.push(format!("{change:?}"));
        }
        for note in notes {
            self.lines.push(format!("{note:?}"));
        }
        for entry in audit {
            let mut action = format!("{:?}", entry.action);
            if action.starts_with("Erasure") {
                action.truncate(7);
            }
            self.lines.push(format!("{} {:?} {:?} {action}", entry.at, entry.actor, entry.user));
        }
        if let Some(receipt) = receipt {
            let (user, ids, asked, done) = (&receipt.user, &receipt.ids, receipt.asked, receipt.done);
            self.lines.push(format!("{user} {ids:?} {asked} {done} {:?}", receipt.erased));
        }
    }

    /// In an order that does not depend on when partitions were asked.
    pub(crate) fn take(&mut self) -> Told {
        let Told { mut lines, mut handed_out } = std::mem::take(self);
        lines.sort_unstable();
        handed_out.sort_unstable();
        Told { lines, handed_out }
    }
}

/// Gives an engine an input.
pub(crate) fn give(engine: &Engine, step: &Step, now: Instant, told: &mut Told) -> Result<(), Error> {
    // What is due in a partition happens with the next message to it, or with this: a host that does not tell the time is
    // away for the partitions to which it sends nothing.
    told.note(&engine.advance(now)?);
    match step {
        Step::Message(message) => told.note(&engine.ingest(message, now)?),
        // A piece is another one where there are several partitions.
        Step::Advance | Step::AdvanceSome(_) => told.note(&engine.advance(now)?),
        Step::Outbox => {
            for action in engine.outbox(usize::MAX, now)? {
                told.lines.push(format!("{action:?} {:?} {}", action.content, action.attempt));
                told.handed_out.push(action.id);
            }
        }
        Step::Acknowledge(action, delivery) => acknowledge(engine, action, *delivery, now, told)?,
        Step::World(sale) => told.note(&engine.set_world("sale", *sale, now)?),
        Step::Prediction(user, churn) => {
            told.note(&engine.set_prediction(user, "churn", Some(*churn), now)?)
        }
        Step::Expose(user) => told.note(&engine.expose(user, "offer", now)?),
        Step::Shown(user) => told.note(&engine.feedback(user, "hero", "boots", Feedback::Shown, now)?),
        Step::Redefine(more) => told.note(&engine.redefine(&definitions(*more), now)?),
    }
    Ok(())
}

fn acknowledge(
    engine: &Engine,
    action: &str,
    delivery: Delivery,
    now: Instant,
    told: &mut Told,
) -> Result<(), Error> {
    let answer = engine.acknowledge(action, delivery, now)?;
    told.lines.push(format!("{action} {:?}", answer.acknowledged));
    told.note(&answer.outcome);
    Ok(())
}

/// All that is known of everybody, and what is counted over all of them.
pub(crate) fn known(engine: &Engine, users: u32) -> Vec<String> {
    let names = (0..users).flat_map(|n| [format!("user-{n}"), format!("device-{n}"), format!("card-{n}")]);
    let hashes = (0..9).map(|n| format!("hash-{n}"));
    let mut known = Vec::new();
    for name in names.chain(hashes) {
        let export = match engine.export(&name) {
            Ok(export) => serde_json::to_string(&export).unwrap(),
            Err(error) => error.to_string(),
        };
        known.push(format!("{name} {export}"));
        known.push(format!("{name} {:?}", engine.segments(&name).unwrap()));
        known.push(format!("{name} {:?}", engine.profile(&name).unwrap()));
    }
    for (segment, stats) in engine.segment_stats() {
        let mut members: Vec<_> = engine.members(&segment).unwrap().collect();
        members.sort_unstable();
        known.push(format!("{segment} {stats:?} {} {members:?}", engine.size(&segment).unwrap()));
    }
    known.push(format!("{} {}", engine.user_count(), engine.clock()));
    known.push(format!("{:?}", engine.journey_counts()));
    known.push(format!("{:?} {:?}", engine.refused(), engine.outbox_stats()));
    known.push(format!("{:?}", engine.health().identity));
    known
}

/// Fails with the lines that only one of both has.
pub(crate) fn assert_same(found: &[String], expected: &[String], what: &str) {
    let only = |some: &[String], others: &[String]| {
        let mut others = others.to_vec();
        let mut only = some.to_vec();
        only.retain(|line| match others.iter().position(|other| other == line) {
            Some(place) => {
                others.swap_remove(place);
                false
            }
            None => true,
        });
        only
    };
    let (more, less) = (only(found, expected), only(expected, found));
    assert!(more.is_empty() && less.is_empty(), "{what}\nfound only {more:#?}\nexpected only {less:#?}");
}
