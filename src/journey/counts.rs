//! How often each journey did what.

use crate::journey::What;
use crate::journey::plan::{JourneyNo, JourneyPlan};
use crate::model::{Bytes, Instant, Malformed, Record};
use std::collections::BTreeMap;

/// Counters by journey and by what it did, instants left aside. Counting allocates only what is new.
///
/// By number of the journey, what each did in the order in which it did it first: that is looked through, because it is
/// little, and every note counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Vec<Vec<(What, u64)>>);

impl Counts {
    pub(crate) fn add(&mut self, journey: JourneyNo, what: &What) {
        let times = if let What::Missed { count } = what { *count } else { 1 };
        let is_same = |known: &What| match (known, what) {
            (What::Waiting { .. }, What::Waiting { .. })
            | (What::WaitingFor { .. }, What::WaitingFor { .. })
            | (What::Missed { .. }, What::Missed { .. }) => true,
            (What::Deferred { reason: known, .. }, What::Deferred { reason, .. })
            | (What::Skipped { reason: known }, What::Withdrawn { reason }) => known == reason,
            (known, what) => known == what,
        };
        let counters = self.of(journey);
        if let Some((_, n)) = counters.iter_mut().find(|(known, _)| is_same(known)) {
            *n += times;
            return;
        }
        let what = match what {
            What::Waiting { .. } => What::Waiting { until: Instant::MIN },
            What::Deferred { reason, .. } => What::Deferred { until: Instant::MIN, reason: *reason },
            What::WaitingFor { .. } => What::WaitingFor { until: Instant::MIN },
            What::Missed { .. } => What::Missed { count: 0 },
            // Both are messages that were not sent.
            What::Withdrawn { reason } => What::Skipped { reason: *reason },
            what => what.clone(),
        };
        counters.push((what, times));
    }

    /// The counters of a journey, to be added to.
    fn of(&mut self, journey: JourneyNo) -> &mut Vec<(What, u64)> {
        let place = usize::from(journey);
        if self.0.len() <= place {
            self.0.resize_with(place + 1, Vec::new);
        }
        &mut self.0[place]
    }

    /// All counters with the numbers of their journeys, in order.
    fn sorted(&self) -> Vec<(JourneyNo, &What, u64)> {
        let of_journey = |(journey, counters)| {
            let counters: &Vec<(What, u64)> = counters;
            counters.iter().map(move |(what, n)| (journey, what, *n))
        };
        let mut all: Vec<_> = (0..).zip(&self.0).flat_map(of_journey).collect();
        all.sort_unstable();
        all
    }

    /// Gives journeys their new numbers; what was counted of those that have none goes.
    pub(crate) fn relocate(&mut self, to: impl Fn(JourneyNo) -> Option<JourneyNo>) {
        // What is counted of several versions goes to the one journey that is left of them.
        for (journey, counters) in (0..).zip(std::mem::take(&mut self.0)) {
            let Some(journey) = to(journey) else { continue };
            for (what, n) in counters {
                let known = self.of(journey);
                match known.iter_mut().find(|(known, _)| *known == what) {
                    Some((_, known)) => *known += n,
                    None => known.push((what, n)),
                }
            }
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let all = self.sorted();
        all.len().write(out);
        for (journey, what, n) in all {
            journey.write(out);
            write_what(what, out);
            n.write(out);
        }
    }

    /// Journeys are in the plan; each is there once with what it did.
    pub(crate) fn read(from: &mut Bytes<'_>, plan: &JourneyPlan) -> Result<Counts, Malformed> {
        let mut counts = Counts::default();
        for _ in 0..from.len("the counts of journeys")? {
            let is_known = |number: &JourneyNo| usize::from(*number) < plan.journeys.len();
            let journey = from.valid("the number of a journey", is_known)?;
            let what = read_what(from)?;
            let n = from.counter("a count of a journey")?;
            let known = counts.of(journey);
            if known.iter().any(|(known, _)| *known == what) {
                return Err(from.malformed("the counts of journeys"));
            }
            known.push((what, n));
        }
        Ok(counts)
    }

    /// By the names of the journeys and words such as `not sent: cap`.
    pub(crate) fn named(&self, plan: &JourneyPlan) -> BTreeMap<(String, String), u64> {
        let name = |journey: JourneyNo| plan.journeys[usize::from(journey)].name.to_string();
        let word = |what: &What| match what {
            What::Waiting { .. } => "waited".to_owned(),
            What::WaitingFor { .. } => "waited for something".to_owned(),
            What::Missed { .. } => "missed".to_owned(),
            What::Deferred { reason, .. } => format!("deferred: {reason}"),
            what => what.to_string(),
        };
        let mut named = BTreeMap::new();
        for (journey, what, n) in self.sorted() {
            *named.entry((name(journey), word(what))).or_default() += n;
        }
        named
    }
}

fn write_what(what: &What, out: &mut Vec<u8>) {
    let number = match what {
        What::Entered => 0,
        What::Restarted => 1,
        What::Refused { .. } => 2,
        What::Waiting { .. } => 3,
        What::Branched { .. } => 4,
        What::Sent { .. } => 5,
        What::Deferred { .. } => 6,
        What::Skipped { .. } => 7,
        What::Withdrawn { .. } => 8,
        What::Exited { .. } => 9,
        What::Completed => 10,
        What::WaitingFor { .. } => 11,
        What::Chose { .. } => 12,
        What::Set { .. } => 13,
        What::Emitted { .. } => 14,
        What::Called { .. } => 15,
        What::Ghost { .. } => 16,
        What::Converted { .. } => 17,
        What::Moved { .. } => 18,
        What::FellBack { .. } => 19,
        What::Missed { .. } => 20,
        What::NotDelivered { .. } => 21,
        What::Met { .. } => 22,
        What::TimedOut { .. } => 23,
        What::Outside { .. } => 24,
        What::NotDone { .. } => 25,
    };
    out.push(number);
    match what {
        What::Refused { reason }
        | What::Deferred { reason, .. }
        | What::Skipped { reason }
        | What::Withdrawn { reason }
        | What::NotDelivered { reason }
        | What::NotDone { reason }
        | What::Exited { reason } => reason.write(out),
        What::Branched { to: text }
        | What::Sent { channel: text }
        | What::Chose { arm: text }
        | What::Set { name: text }
        | What::Emitted { event: text }
        | What::Called { channel: text }
        | What::Ghost { channel: text }
        | What::Moved { to: text }
        | What::Met { to: text }
        | What::TimedOut { to: text } => text.write(out),
        What::FellBack { to, reason } => {
            to.write(out);
            reason.write(out);
        }
        What::Converted { ghost } => ghost.write(out),
        What::Outside { why } => why.write(out),
        What::Entered
        | What::Restarted
        | What::Waiting { .. }
        | What::WaitingFor { .. }
        | What::Missed { .. }
        | What::Completed => {}
    }
}

fn read_what(from: &mut Bytes<'_>) -> Result<What, Malformed> {
    let until = Instant::MIN;
    Ok(match u8::read(from)? {
        0 => What::Entered,
        1 => What::Restarted,
        2 => What::Refused { reason: from.read()? },
        3 => What::Waiting { until },
        4 => What::Branched { to: from.read()? },
        5 => What::Sent { channel: from.read()? },
        6 => What::Deferred { until, reason: from.read()? },
        7 => What::Skipped { reason: from.read()? },
        8 => What::Withdrawn { reason: from.read()? },
        9 => What::Exited { reason: from.read()? },
        10 => What::Completed,
        11 => What::WaitingFor { until },
        12 => What::Chose { arm: from.read()? },
        13 => What::Set { name: from.read()? },
        14 => What::Emitted { event: from.read()? },
        15 => What::Called { channel: from.read()? },
        16 => What::Ghost { channel: from.read()? },
        17 => What::Converted { ghost: from.read()? },
        18 => What::Moved { to: from.read()? },
        19 => What::FellBack { to: from.read()?, reason: from.read()? },
        20 => What::Missed { count: 0 },
        21 => What::NotDelivered { reason: from.read()? },
        22 => What::Met { to: from.read()? },
        23 => What::TimedOut { to: from.read()? },
        24 => What::Outside { why: from.read()? },
        25 => What::NotDone { reason: from.read()? },
        _ => return Err(from.malformed("what a journey did")),
    })
}
