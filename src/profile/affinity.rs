use crate::model::{Duration, Instant};
use crate::profile::redefine::RuleMove;
use crate::profile::{EventKind, Packed, PropertyId, Symbols};

/// What feeds the affinities of a property: which events, by which weight, and how fast they fade.
#[derive(Debug, Clone)]
pub(crate) struct AffinityRule {
    pub(crate) property: PropertyId,
    pub(crate) half_life: Duration,
    /// Weight by kind of event; none means that every event counts once.
    pub(crate) weights: Option<Vec<(EventKind, f64)>>,
    /// Since when events feed it; nothing for the beginning.
    pub(crate) since: Option<Instant>,
}

impl AffinityRule {
    pub(crate) fn weight(&self, kind: EventKind) -> f64 {
        match &self.weights {
            None => 1.0,
            Some(weights) => weights.iter().find(|(k, _)| *k == kind).map_or(0.0, |(_, weight)| *weight),
        }
    }

    /// What an event at `at` weighs beside one at the landmark.
    fn factor(&self, at: Instant, landmark: Instant) -> f64 {
        libm::exp2((at - landmark).as_millis() as f64 / self.half_life.as_millis() as f64)
    }
}

/// Decayed weights of the values of properties, by forward decay (Cormode et al., ICDE 2009): a weight is stored
/// as it would be at the landmark, so that time alone changes nothing and shares are ratios of stored weights.
///
/// Invariants: 1. each pair of rule and value is there once. 2. values hold shares in `Symbols`. 3. of values that
/// were seen last at one instant, the one whose event arrived last stands last.
#[derive(Debug, Default)]
pub(crate) struct Affinities {
    landmark: Instant,
    values: Vec<Weighed>,
}

#[derive(Debug, Clone, Copy)]
struct Weighed {
    value: Packed,
    weight: f64,
    /// When it was seen last, above 15 bits for the number of its rule, as in a row of the history.
    seen_and_rule: i64,
}

impl Weighed {
    fn seen(&self) -> Instant {
        Instant::from_millis(self.seen_and_rule >> 15)
    }

    fn rule(&self) -> u32 {
        (self.seen_and_rule & 0x7FFF) as u32
    }
}

/// Half-lives between an event and the landmark beyond which the landmark moves: 2^60 leaves a float room enough.
const RESCALE: f64 = 60.0;

/// Half-lives after which a weight counts nothing beside a new one, and may grow no fainter: shares must not be lost.
const FAINT: f64 = 200.0;

/// An interaction of a user with a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) rule: u32,
    /// Its share passes to the affinities.
    pub(crate) value: Packed,
    pub(crate) weight: f64,
    pub(crate) at: Instant,
}

impl Affinities {
    pub(crate) fn add(&mut self, touch: Touch, rules: &[AffinityRule], symbols: &mut Symbols) {
        let Touch { rule, value, weight, at } = touch;
        if self.values.is_empty() {
            self.landmark = at;
        }
        let own = &rules[rule as usize];
        if (at - self.landmark).as_millis() as f64 > RESCALE * own.half_life.as_millis() as f64 {
            self.move_landmark(at, rules);
        }
        let weight = weight * own.factor(at, self.landmark);
        let seen_and_rule = at.as_millis() << 15 | i64::from(rule);
        let known =
            self.values.iter().position(|known| known.rule() == rule && symbols.same(known.value, value));
        let Some(place) = known else {
            self.values.reserve_exact(1);
            return self.values.push(Weighed { value, weight, seen_and_rule });
        };
        symbols.release(value);
        self.values[place].weight += weight;
        if seen_and_rule >= self.values[place].seen_and_rule {
            self.values[place].seen_and_rule = seen_and_rule;
            self.values[place..].rotate_left(1);
        }
    }

    fn move_landmark(&mut self, at: Instant, rules: &[AffinityRule]) {
        for known in &mut self.values {
            known.weight /= rules[known.rule() as usize].factor(at, self.landmark);
        }
        self.landmark = at;
    }

    /// Goes on under other rules; `moves` are by old number. Of a rule whose half-life changed the shares stay, and
    /// weigh beside what comes what they are worth at `now`.
    pub(crate) fn relocate(
        &mut self,
        moves: &[Option<RuleMove>],
        rules: &[AffinityRule],
        now: Instant,
        symbols: &mut Symbols,
    ) {
        self.values.retain_mut(|known| {
            let rule = known.rule();
            let Some(RuleMove { to, .. }) = &moves[rule as usize] else {
                symbols.release(known.value);
                return false;
            };
            known.seen_and_rule += i64::from(*to) - i64::from(rule);
            true
        });
        let changed = |rule: u32| {
            let found = moves.iter().flatten().find(|known| known.to == rule);
            found.and_then(|known| known.half_life)
        };
        let changes: Vec<_> = self.values.iter().map(|known| changed(known.rule())).collect();
        if changes.iter().all(Option::is_none) {
            return;
        }
        let age = (now - self.landmark).as_millis() as f64;
        let lives = |life: Duration| age / life.as_millis() as f64;
        let is_far = changes.iter().flatten().any(|(_, after)| lives(*after) > RESCALE);
        for (known, change) in self.values.iter_mut().zip(changes) {
            match change {
                Some((before, after)) => {
                    let since = if is_far { 0.0 } else { lives(after) };
                    known.weight *= libm::exp2(since - lives(before).min(FAINT));
                }
                None if is_far => known.weight /= rules[known.rule() as usize].factor(now, self.landmark),
                None => {}
            }
        }
        if is_far {
            self.landmark = now;
        }
    }

    fn of_rule(&self, rule: u32) -> impl Iterator<Item = &Weighed> {
        self.values.iter().filter(move |known| known.rule() == rule)
    }

    /// The share of a value in all interactions of a rule, in [0, 1]; 0 where there are none.
    pub(crate) fn share(&self, rule: u32, is_value: impl Fn(Packed) -> bool) -> f64 {
        let all: f64 = self.of_rule(rule).map(|known| known.weight).sum();
        let own = self.of_rule(rule).find(|known| is_value(known.value)).map_or(0.0, |known| known.weight);
        if all > 0.0 { own / all } else { 0.0 }
    }

    /// The value with the largest share; of equals the one seen last.
    pub(crate) fn top(&self, rule: u32) -> Packed {
        // Of equals `max_by` gives the last one.
        let seen_last =
            |a: &&Weighed, b: &&Weighed| a.weight.total_cmp(&b.weight).then(a.seen().cmp(&b.seen()));
        let largest = self.of_rule(rule).max_by(seen_last);
        largest.filter(|known| known.weight > 0.0).map_or(Packed::MISSING, |known| known.value)
    }

    pub(crate) fn absorb(&mut self, other: Affinities, rules: &[AffinityRule], symbols: &mut Symbols) {
        for theirs in other.values {
            let (rule, at) = (theirs.rule(), theirs.seen());
            // As if all of it had come at its last instant.
            let weight = theirs.weight / rules[rule as usize].factor(at, other.landmark);
            self.add(Touch { rule, value: theirs.value, weight, at }, rules, symbols);
        }
    }

    pub(crate) fn release(self, symbols: &mut Symbols) {
        self.values.into_iter().for_each(|known| symbols.release(known.value));
    }

    /// Rule, value, stored weight and last sight of everything, for a digest of the state.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Packed, f64, Instant)> {
        self.values.iter().map(|known| (known.rule(), known.value, known.weight, known.seen()))
    }

    pub(crate) fn landmark(&self) -> Instant {
        self.landmark
    }
}
