//! What holds of every life, by looking at what was told and at the definitions alone.

use crate::life::{Life, Told};
use crate::world::{Journey, Per, Rules, Step, USERS, World};
use bespoke::journey::{Acknowledged, Action, Delivery, Note, Reason, What};
use bespoke::model::{Duration, Instant, Value};
use bespoke::segment::Transition;
use std::collections::{BTreeMap, BTreeSet};

/// What tells an instance: user, journey and key.
type Name = (String, String, String);

/// A message that was put into the outbox, and what became of it.
#[derive(Debug)]
struct Sent<'w> {
    note: &'w Note,
    journey: &'w Journey,
    /// Whether the host was given it.
    is_handed: bool,
    /// Whether the host said that it went out.
    is_out: bool,
    /// Whether it did not arrive, or was taken back.
    is_lost: bool,
}

/// How much of what is to be proved there was in a life.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sent: usize,
    pub(crate) deferred: usize,
    pub(crate) skipped: usize,
    pub(crate) lost: usize,
    pub(crate) completed: usize,
    pub(crate) exited: usize,
    /// How often each reason was given, and each thing done that has none.
    pub(crate) said: BTreeMap<String, usize>,
}

/// Checks all laws. `what` stands in front of what is wrong.
pub(crate) fn check(what: &str, world: &World, life: &Life) -> Seen {
    let sends = sends(what, world, life);
    ids_are_of_one_action_each(what, life);
    let side_by_side = every_send_ends(what, world, life);
    caps_hold(what, world, &sends);
    nothing_is_sent_in_quiet_hours(what, world, &sends);
    stays_begin_and_end_in_turn(what, life);
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for note in life.notes() {
        let kind = match (&note.what, note.what.reason()) {
            (_, Some(reason)) => reason.to_string(),
            (What::Outside { .. }, _) => "outside".into(),
            (What::Set { .. } | What::Emitted { .. } | What::Called { .. }, _) => "affected".into(),
            _ => continue,
        };
        *said.entry(kind).or_default() += 1;
    }
    let count = |is: fn(&What) -> bool| life.notes().filter(|note| is(&note.what)).count();
    said.insert("side by side".into(), side_by_side);
    said.retain(|_, count| *count > 0);
    Seen {
        sent: sends.len(),
        deferred: count(|what| matches!(what, What::Deferred { .. })),
        skipped: count(|what| matches!(what, What::Skipped { .. })),
        lost: sends.iter().filter(|sent| sent.is_lost).count(),
        completed: count(|what| matches!(what, What::Completed)),
        exited: count(|what| matches!(what, What::Exited { .. })),
        said,
    }
}

/// Of each segment, and each part of one, a user is told to enter and to leave in turn, and what was told last is so.
fn stays_begin_and_end_in_turn(what: &str, life: &Life) {
    let mut stays: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for change in &life.changes {
        let parts = stays.entry((change.user.to_string(), change.segment.to_string())).or_default();
        let key = key(change.key.as_ref());
        let is_told_anew = match change.transition {
            Transition::Entered => parts.insert(key),
            Transition::Left => parts.remove(&key),
        };
        assert!(is_told_anew, "{what}: told twice: {change:?}");
    }
    stays.retain(|_, parts| !parts.is_empty());
    let told: BTreeSet<_> = stays.into_keys().collect();
    assert_eq!(told, life.members, "{what}: what was told and who is in which segment");
}

fn name(note: &Note) -> Name {
    (note.user.to_string(), note.journey.to_string(), key(note.key.as_ref()))
}

fn key(key: Option<&Value>) -> String {
    key.map_or(String::new(), |key| format!("{key:?}"))
}

/// The journey of a name such as `j3`.
fn journey<'w>(rules: &'w Rules, name: &str) -> &'w Journey {
    &rules.journeys[number(name)]
}

fn number(name: &str) -> usize {
    name[1..].parse().expect("a letter and a number")
}

/// Pairs what was said to be sent with what was handed out. Everything is handed out once at least, unless it was taken
/// back or expired in the outbox; and nothing is handed out that was not sent.
fn sends<'w>(what: &str, world: &'w World, life: &'w Life) -> Vec<Sent<'w>> {
    let mut sends: Vec<Sent<'w>> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for told in &life.told {
        match told {
            Told::Note(note) => match &note.what {
                What::Sent { .. } | What::Called { .. } => sends.push(Sent {
                    note,
                    journey: journey(&world.rules, &note.journey),
                    is_handed: false,
                    is_out: false,
                    is_lost: false,
                }),
                What::Withdrawn { .. } => {
                    // What was handed out and not answered waits again once its lease is over.
                    let waits = |sent: &Sent<'_>| {
                        !sent.is_out
                            && !sent.is_lost
                            && sent.note.step == note.step
                            && name(sent.note) == name(note)
                    };
                    let fresh = sends.iter().position(|sent| waits(sent) && !sent.is_handed);
                    let place = fresh.or_else(|| sends.iter().position(waits));
                    let place = place.unwrap_or_else(|| panic!("{what}: withdrawn and never sent: {note:?}"));
                    sends[place].is_lost = true;
                }
                _ => {}
            },
            Told::Handed(_, action) => {
                let place = *by_id.entry(&action.id).or_insert_with(|| {
                    let is_it = |sent: &Sent<'_>| {
                        let note = sent.note;
                        !sent.is_handed
                            && note.at == action.at
                            && note.user == action.user
                            && note.journey == action.journey
                            && note.step.as_ref() == Some(&action.step)
                            && note.key == action.key
                    };
                    let place = sends.iter().position(is_it);
                    place.unwrap_or_else(|| panic!("{what}: handed out and not sent: {action:?}"))
                });
                sends[place].is_handed = true;
                // Of several of one key and step the note did not say which was taken back: then another one was.
                let is_alike = |sent: &Sent<'_>| {
                    !sent.is_handed
                        && !sent.is_lost
                        && sent.note.step == sends[place].note.step
                        && name(sent.note) == name(sends[place].note)
                };
                if sends[place].is_lost
                    && !sends[place].is_out
                    && sends[place].journey.side_by_side > 1
                    && let Some(other) = sends.iter().position(is_alike)
                {
                    sends[place].is_lost = false;
                    sends[other].is_lost = true;
                }
            }
            Told::Answered(_, id, said, Acknowledged::Accepted) => {
                let sent = &mut sends[by_id[&**id]];
                match said {
                    Delivery::Failed | Delivery::Unreachable | Delivery::Suppressed => sent.is_lost = true,
                    _ => sent.is_out = true,
                }
            }
            Told::Answered(..) => {}
        }
    }
    let last = world.inputs.last().expect("there are inputs").0;
    for sent in sends.iter().filter(|sent| !sent.is_handed && !sent.is_lost) {
        // It expired in the outbox, where nobody looked in time, or the days end before quiet hours of at most twelve do
        // and a host looks who does so every five.
        let is_ending = matches!(step(sent), Step::Send { expires: Some(_), .. });
        let is_last = sent.note.at + Duration::hours(17) > last;
        assert!(is_ending || is_last, "{what}: sent and never handed out: {:?}", sent.note);
    }
    sends
}

fn step<'w>(sent: &Sent<'w>) -> &'w Step {
    &sent.journey.steps[number(sent.note.step.as_ref().expect("a send is a step"))]
}

fn ids_are_of_one_action_each(what: &str, life: &Life) {
    let mut known: BTreeMap<&str, &Action> = BTreeMap::new();
    for told in &life.told {
        let Told::Handed(_, action) = told else { continue };
        if let Some(before) = known.insert(&action.id, action) {
            let same = before.at == action.at && before.step == action.step && before.user == action.user;
            assert!(same && before.attempt < action.attempt, "{what}: one id of two: {before:?}, {action:?}");
        }
    }
}

/// Where an instance may have its next note.
type Standing = BTreeSet<usize>;

/// Where the instances of one user, journey and key may stand, in order. Notes do not tell one from another, so there may
/// be several ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Standings(Vec<Standing>);

impl Standings {
    /// Every way in which one of the instances goes on: to where it may be next, or to nowhere where it ends.
    fn each(&self, go_on: &dyn Fn(&Standing) -> Option<Option<Standing>>) -> Vec<Standings> {
        let of = |place: usize| {
            let next = go_on(&self.0[place])?;
            let mut standings = self.0.clone();
            standings.remove(place);
            standings.extend(next);
            standings.sort();
            Some(Standings(standings))
        };
        (0..self.0.len()).filter_map(of).collect()
    }
}

/// Follows every instance from note to note: between two of them there are only steps that may pass in silence, and a
/// send is none of those. Returns how many notes there were while several ran side by side.
fn every_send_ends(what: &str, world: &World, life: &Life) -> usize {
    let mut all: BTreeMap<Name, BTreeSet<Standings>> = BTreeMap::new();
    let mut side_by_side = 0;
    for note in life.notes() {
        let journey = journey(&world.rules, &note.journey);
        let step = note.step.as_ref().map(|id| number(id));
        let end = journey.steps.len();
        let known = all.entry(name(note)).or_insert_with(|| [Standings::default()].into());
        let running = known.first().map_or(0, |one| one.0.len());
        assert!(known.iter().all(|one| one.0.len() == running), "{what}: {note:?}: {known:?}");
        side_by_side += usize::from(running > 1);
        let go_on = |known: &BTreeSet<Standings>, go_on: &dyn Fn(&Standing) -> Option<Option<Standing>>| {
            let next: BTreeSet<Standings> = known.iter().flat_map(|one| one.each(go_on)).collect();
            assert!(!next.is_empty(), "{what}: a send without an end before {note:?}; expected {known:?}");
            next
        };
        *known = match (&note.what, step) {
            (What::Entered, _) => {
                assert!(running < journey.side_by_side, "{what}: {note:?}");
                let one_more = |one: &Standings| {
                    let mut standings = one.0.clone();
                    standings.push(silent_from(journey, 0));
                    standings.sort();
                    Standings(standings)
                };
                known.iter().map(one_more).collect()
            }
            (What::Restarted, _) => {
                assert_eq!((running, journey.side_by_side), (1, 1), "{what}: {note:?}");
                [Standings(vec![silent_from(journey, 0)])].into()
            }
            (What::Completed, _) => go_on(known, &|standing| standing.contains(&end).then_some(None)),
            (What::Exited { .. }, _) => go_on(known, &|_| Some(None)),
            (What::Refused { .. } | What::Withdrawn { .. } | What::NotDelivered { .. }, _) => continue,
            (What::Converted { .. } | What::Missed { .. }, _) => continue,
            // The step was done; what it wanted done to its user was not.
            (What::NotDone { reason: Reason::LoopGuard }, _) => continue,
            // It goes on standing where it does, until another instant.
            (What::Deferred { reason: Reason::ZoneChanged, .. }, Some(step)) => go_on(known, &|standing| {
                let stands = standing.contains(&step) || *standing == silent_from(journey, step + 1);
                stands.then(|| Some(standing.clone()))
            }),
            (said, Some(step)) => {
                let from = match said {
                    What::Deferred { .. } | What::WaitingFor { .. } => BTreeSet::from([step]),
                    What::Branched { to }
                    | What::FellBack { to, .. }
                    | What::Met { to }
                    | What::TimedOut { to } => silent_from(journey, target(journey, to)),
                    What::Chose { arm } if &**arm == "b" => match journey.steps[step] {
                        Step::Split(to) | Step::Experiment(to) => silent_from(journey, to),
                        _ => panic!("{what}: no split: {note:?}"),
                    },
                    _ => silent_from(journey, step + 1),
                };
                go_on(known, &|standing| standing.contains(&step).then(|| Some(from.clone())))
            }
            (_, None) => panic!("{what}: {note:?}"),
        };
    }
    side_by_side
}

fn target(journey: &Journey, id: &str) -> usize {
    if id == "end" { journey.steps.len() } else { number(id) }
}

/// The steps that may say something next, from one on: those behind it as far as steps may pass in silence.
fn silent_from(journey: &Journey, step: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![step];
    while let Some(step) = open.pop() {
        if !found.insert(step) {
            continue;
        }
        match journey.steps.get(step) {
            // A wait may be over already, and of a branch no arm may hold.
            Some(Step::Wait(_) | Step::WaitUntil(_) | Step::Branch(..)) => open.push(step + 1),
            Some(Step::Goto(to)) => open.push(*to),
            Some(
                Step::Send { .. }
                | Step::WaitFor { .. }
                | Step::Split(_)
                | Step::Experiment(_)
                | Step::Affect(_),
            )
            | None => {}
        }
    }
    found
}

/// Those that went out keep their slots from when they were sent on; what nobody answered may have expired. So there are never more than a cap
/// allows within its window, or on a local day of whoever stays in one zone.
fn caps_hold(what: &str, world: &World, sends: &[Sent<'_>]) {
    let kept: Vec<&Sent<'_>> = sends.iter().filter(|sent| sent.is_out && !sent.is_lost).collect();
    for cap in &world.rules.caps {
        let covers = |sent: &&&Sent<'_>| {
            let Step::Send { channel, is_promo, .. } = step(sent) else { return false };
            let is_in_scope = match cap.scope.split_once(':') {
                Some(("channel", own)) => own == *channel,
                Some(_) => sent.journey.is_promo || *is_promo,
                None => true,
            };
            is_in_scope && cap.counts.contains(&sent.journey.class)
        };
        for (user, zone) in USERS {
            let own = kept.iter().filter(covers).filter(|sent| *sent.note.user == *user);
            let instants: Vec<Instant> = own.map(|sent| sent.note.at).collect();
            let most = match cap.per {
                Per::Window(window) => most_within(&instants, window),
                // Who travels has days of all lengths.
                _ if user == "di" => 0,
                Per::Day => most_of_one(&instants, |at| local(at, zone).date().to_string()),
                Per::Week => most_of_one(&instants, |at| {
                    format!("{:?}", local(at, zone).date().iso_week_date().week())
                }),
            };
            assert!(most <= cap.max as usize, "{what}: {most} to {user} with {cap:?}: {instants:?}");
        }
    }
}

/// The greatest number of instants that lie within a window of each other.
fn most_within(instants: &[Instant], window: Duration) -> usize {
    let within = |last: &Instant| instants.iter().filter(|at| **at <= *last && *last - **at < window).count();
    instants.iter().map(within).max().unwrap_or(0)
}

fn most_of_one(instants: &[Instant], period: impl Fn(Instant) -> String) -> usize {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    instants.iter().for_each(|at| *counts.entry(period(*at)).or_default() += 1);
    counts.into_values().max().unwrap_or(0)
}

fn local(at: Instant, zone: &str) -> jiff::civil::DateTime {
    let zone = jiff::tz::TimeZone::get(zone).expect("a zone");
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).expect("an instant of this time");
    zone.to_datetime(at)
}

fn nothing_is_sent_in_quiet_hours(what: &str, world: &World, sends: &[Sent<'_>]) {
    for sent in sends.iter().filter(|sent| sent.journey.class != "transactional") {
        let Step::Send { channel, .. } = step(sent) else { continue };
        let Some((_, from, to)) = world.rules.quiet.iter().find(|(own, ..)| own == channel) else { continue };
        let Some((_, zone)) = USERS.iter().find(|(user, _)| *user == &*sent.note.user && *user != "di")
        else {
            continue;
        };
        let time = local(sent.note.at, zone).time();
        let now = time.hour() as u32 * 60 + time.minute() as u32;
        let is_quiet = if from < to { (*from..*to).contains(&now) } else { now >= *from || now < *to };
        assert!(!is_quiet, "{what}: sent in quiet hours at {time}: {:?}", sent.note);
    }
}
